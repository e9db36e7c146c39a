"""Where a model answers: an endpoint of Vertex AI, or any address that takes the same requests, such as Cloud Run's."""

import os
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from google.auth import exceptions as auth_exceptions

from earthline.formats.served.contract import CONTRACT, Contract
from earthline.local_map.endpoints import MOST_ANSWER_BYTES, TIMEOUT_SECONDS, Answer, EndpointError
from earthline.vertex import champion, endpoints

ID_TOKEN = "EARTHLINE_ID_TOKEN"
"""Variable with an identity token, for people's own accounts: `gcloud auth print-identity-token` prints one."""
TOKEN_SECONDS = 1800.0
"""How long a token is used; Google's live an hour."""
_HEADERS = {"Content-Type": "application/json"}
_MOST_CONTRACT_BYTES = 16 << 20


@dataclass(frozen=True)
class Deployed:
    """A model on a Vertex AI endpoint.

    Attributes:
        endpoint: The `aiplatform.Endpoint`.
        model: Resource name with version.
        artifact_uri: gs:// folder of its SavedModel.
    """

    endpoint: Any
    model: str
    artifact_uri: str

    def post(self, body: bytes) -> Answer:
        """As `endpoints.Post`."""
        # As bytes: the client's `predict` would copy each text into a message of its own.
        reply = self.endpoint.raw_predict(
            body, dict(_HEADERS), timeout=TIMEOUT_SECONDS, **endpoints.call_options(self.endpoint)
        )
        return reply.status_code, reply.headers, reply.content


def deployed(name: str) -> Deployed:
    """The model that answers on a Vertex AI endpoint; `vertex.connection.connect` came before.

    Args:
        name: Id, resource name, or display name.

    Raises:
        EndpointError: No such endpoint, nothing on it, or several models that share its traffic.
    """
    from google.api_core.exceptions import InvalidArgument, NotFound
    from google.cloud import aiplatform

    is_id = name.isdigit() or name.startswith("projects/")
    try:
        endpoint = aiplatform.Endpoint(name) if is_id else endpoints.find(name)
        found = champion.on(endpoint) if endpoint is not None else None
    except (NotFound, InvalidArgument, ValueError) as error:
        raise EndpointError(f"no endpoint {name}: {error}") from error
    if endpoint is None:
        raise EndpointError(
            f"no endpoint has the name '{name}'; give the id or name that `gcloud ai endpoints list` shows, or "
            "--config CONFIG for that of another project or location"
        )
    if found is None:
        raise EndpointError(
            f"no model is deployed on the endpoint {name}; run the pipeline, or give a model by --model"
        )
    shares = {key: share for key, share in endpoint.traffic_split.items() if share}
    if len(shares) > 1:
        told = ", ".join(f"{share} % to {key}" for key, share in shares.items())
        raise EndpointError(
            f"the endpoint {name} shares its traffic among models ({told}): half a map of each is no map. Give all "
            "of it to one, or name that one's folder by --model gs://…"
        )
    if not found.artifact_uri:
        raise EndpointError(f"the registry has no SavedModel of {found.name}, so that its bands and tiles are unknown")
    return Deployed(endpoint, found.name, found.artifact_uri)


class Address:
    """A server that answers Vertex AI's requests at an address of its own."""

    def __init__(self, url: str) -> None:
        """Keeps the address.

        Args:
            url: Of the server, or of its predict route.

        Raises:
            EndpointError: It is none, or it would send a token unprotected.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise EndpointError(f"{url} is no address; give one such as https://NAME-PROJECT.REGION.run.app")
        self.root = f"{parts.scheme}://{parts.netloc}"
        self.url = url if parts.path.strip("/") else f"{self.root}/predict"
        self._secure = parts.scheme == "https"
        self._local = threading.local()
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def post(self, body: bytes) -> Answer:
        """As `endpoints.Post`."""
        with self._session.post(
            self.url, data=body, headers=_HEADERS | self._authorization(), timeout=TIMEOUT_SECONDS, stream=True
        ) as reply:
            return reply.status_code, reply.headers, _bounded(reply, MOST_ANSWER_BYTES, self.url)

    def contract(self) -> Contract:
        """What the server says of its model.

        Raises:
            EndpointError: It says nothing, or nothing that this version reads.
            requests.RequestException: It does not answer.
        """
        url = f"{self.root}/contract"
        with self._session.get(url, headers=self._authorization(), timeout=TIMEOUT_SECONDS, stream=True) as reply:
            if reply.status_code != 200:
                raise EndpointError(
                    f"{url} answers {reply.status_code}, so that bands and tiles are unknown: give the model's folder, "
                    f"or any folder that holds its {CONTRACT}, by --model"
                )
            content = _bounded(reply, _MOST_CONTRACT_BYTES, url)
        try:
            return Contract.model_validate_json(content)
        except ValueError as error:
            raise EndpointError(f"{url} gives no contract that this version reads: {error}") from error

    @property
    def _session(self) -> requests.Session:
        """A session of this thread: they share nothing but cookies, which would."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        return session

    def _authorization(self) -> dict[str, str]:
        """An identity token for a server behind https; without credentials none, which public servers do not miss."""
        if not self._secure:
            return {}
        with self._lock:
            if time.monotonic() > self._until:
                self._token, self._until = _identity(self.root), time.monotonic() + TOKEN_SECONDS
            return {"Authorization": f"Bearer {self._token}"} if self._token else {}


def _identity(audience: str) -> str:
    from google.auth.transport.requests import Request
    from google.oauth2 import id_token

    given = os.environ.get(ID_TOKEN, "")
    if given:
        return given
    try:
        return str(id_token.fetch_id_token(Request(), audience))
    except auth_exceptions.TransportError:
        raise
    except auth_exceptions.GoogleAuthError:
        return ""


def _bounded(reply: requests.Response, most: int, url: str) -> bytes:
    parts, total = [], 0
    for part in reply.iter_content(1 << 16):
        total += len(part)
        if total > most:
            raise EndpointError(f"{url} answers more than {most:,} bytes")
        parts.append(part)
    return b"".join(parts)
