"""Where the server listens and what it serves: Vertex AI's container contract, with Cloud Run's port as fallback."""

from collections.abc import Mapping
from dataclasses import dataclass

MAX_BODY_BYTES = 32 << 20
"""Largest request body that is read; Cloud Run's limit, and above Vertex AI's."""


class SettingsError(ValueError):
    """A variable that is missing or wrong; the text names it."""


@dataclass(frozen=True)
class Settings:
    """What the environment says.

    Attributes:
        storage_uri: Folder of the SavedModel: a path or gs://.
        host: Address to listen on.
        port: TCP port.
        grpc_port: TCP port of gRPC, 0 for none: Vertex AI sets it for a model with `serving_container_grpc_ports`.
        health_route: Path that tells whether the model is loaded.
        predict_route: Path of predictions.
        max_body_bytes: Largest request body in bytes.
        threads: Predictions under way at once.
    """

    storage_uri: str
    host: str = "0.0.0.0"
    port: int = 8080
    grpc_port: int = 0
    health_route: str = "/health"
    predict_route: str = "/predict"
    max_body_bytes: int = MAX_BODY_BYTES
    threads: int = 2

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the variables.

        Args:
            environment: AIP_STORAGE_URI, AIP_HTTP_PORT (else PORT), AIP_GRPC_PORT, AIP_HEALTH_ROUTE,
                AIP_PREDICT_ROUTE, UVICORN_HOST, SERVING_THREADS.

        Raises:
            SettingsError: No model is named, or a number is none.
        """
        storage_uri = environment.get("AIP_STORAGE_URI", "")
        if not storage_uri:
            raise SettingsError("AIP_STORAGE_URI is not set: give the SavedModel's folder, a path or gs://…")
        return cls(
            storage_uri=storage_uri,
            # A container must listen on all of its addresses to be reached at all; see UVICORN_HOST for elsewhere.
            host=environment.get("UVICORN_HOST") or cls.host,
            port=_number(environment, ("AIP_HTTP_PORT", "PORT"), cls.port, 65535),
            grpc_port=_number(environment, ("AIP_GRPC_PORT",), cls.grpc_port, 65535),
            health_route=_route(environment, "AIP_HEALTH_ROUTE", cls.health_route),
            predict_route=_route(environment, "AIP_PREDICT_ROUTE", cls.predict_route),
            threads=_number(environment, ("SERVING_THREADS",), cls.threads, 256),
        )


def _number(environment: Mapping[str, str], names: tuple[str, ...], default: int, most: int) -> int:
    for name in names:
        text = environment.get(name, "")
        if text:
            if not text.isascii() or not text.isdigit() or not 0 < int(text) <= most:
                raise SettingsError(f"{name} is {text!r}: give a whole number from 1 to {most}")
            return int(text)
    return default


def _route(environment: Mapping[str, str], name: str, default: str) -> str:
    route = environment.get(name) or default
    if not route.startswith("/"):
        raise SettingsError(f"{name} is {route!r}: a path begins with /")
    return route
