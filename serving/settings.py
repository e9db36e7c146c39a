"""Where the server listens and what it serves: Vertex AI's container contract, with Cloud Run's port as fallback."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from earthline.formats.served.runtime_record import RuntimeName

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
        threads: Threads that read requests and write answers; 0 for one for each processor.
        queue_tiles: Tiles that may wait.
        body_bytes: Bytes of requests that are held at once while they arrive or wait.
        read_seconds: How long a request's body may take to arrive.
        deadline_seconds: How long a request may wait for its answer; below the 60 s of Vertex AI's shared endpoints.
        drain_seconds: How long requests are still taken after SIGTERM, while the health check already says no.
        grace_seconds: How long requests under way may take once no more are taken.
        runtime: `tensorflow` or `openvino`; empty for the one that the contract records.
        project: Google Cloud project, for traces in the log.
    """

    storage_uri: str
    host: str = "0.0.0.0"
    port: int = 8080
    grpc_port: int = 0
    health_route: str = "/health"
    predict_route: str = "/predict"
    max_body_bytes: int = MAX_BODY_BYTES
    threads: int = 0
    queue_tiles: int = 256
    body_bytes: int = 256 << 20
    read_seconds: int = 30
    deadline_seconds: int = 50
    drain_seconds: float = 2.0
    grace_seconds: int = 20
    runtime: RuntimeName | None = None
    project: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the variables.

        Args:
            environment: AIP_STORAGE_URI, AIP_HTTP_PORT (else PORT), AIP_GRPC_PORT, AIP_HEALTH_ROUTE,
                AIP_PREDICT_ROUTE, UVICORN_HOST, SERVING_THREADS, SERVING_QUEUE_TILES, SERVING_DEADLINE_SECONDS,
                SERVING_READ_SECONDS, SERVING_DRAIN_SECONDS, SERVING_GRACE_SECONDS, SERVING_RUNTIME,
                GOOGLE_CLOUD_PROJECT.

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
            queue_tiles=_number(environment, ("SERVING_QUEUE_TILES",), cls.queue_tiles, 1 << 20),
            read_seconds=_number(environment, ("SERVING_READ_SECONDS",), cls.read_seconds, 3600),
            deadline_seconds=_number(environment, ("SERVING_DEADLINE_SECONDS",), cls.deadline_seconds, 3600),
            drain_seconds=_number(environment, ("SERVING_DRAIN_SECONDS",), 2, 3600, least=0),
            grace_seconds=_number(environment, ("SERVING_GRACE_SECONDS",), cls.grace_seconds, 3600),
            runtime=_runtime(environment),
            project=environment.get("GOOGLE_CLOUD_PROJECT") or cls.project,
        )


def _number(environment: Mapping[str, str], names: tuple[str, ...], default: int, most: int, least: int = 1) -> int:
    for name in names:
        text = environment.get(name, "")
        if text:
            if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
                raise SettingsError(f"{name} is {text!r}: give a whole number from {least} to {most}")
            return int(text)
    return default


def _runtime(environment: Mapping[str, str]) -> RuntimeName | None:
    text = environment.get("SERVING_RUNTIME", "")
    for name in get_args(RuntimeName):
        if text == name:
            known: RuntimeName = name
            return known
    if text:
        raise SettingsError(f"SERVING_RUNTIME is {text!r}: give {' or '.join(get_args(RuntimeName))}")
    return None


def _route(environment: Mapping[str, str], name: str, default: str) -> str:
    route = environment.get(name) or default
    if not route.startswith("/"):
        raise SettingsError(f"{name} is {route!r}: a path begins with /")
    return route
