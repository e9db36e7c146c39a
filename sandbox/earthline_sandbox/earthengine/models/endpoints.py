"""How Earth Engine reaches Vertex AI endpoints: by their API, as Google's does, in the service beside it."""

import base64
import binascii
import json
import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import httpx
import orjson

from earthline_sandbox.earthengine import computation
from earthline_sandbox.errors import ApiError, invalid

_TRIES = 5
_TIMEOUT_SECONDS = 120.0
_RETRIED = (429, 503)
_MAX_ANSWER_BYTES = 256 * 2**20
# Requests at a time of all computations.
_CONNECTIONS = 64
# How often a computation that waits looks whether it must end.
_TICK_SECONDS = 0.1


class VertexEndpoints:
    """The prediction client of one sandbox; safe to share between threads."""

    def __init__(self, base_url: str, *, first_delay_seconds: float = 0.25) -> None:
        """Speaks to the application at `base_url`, naming Google's host in the Host header."""
        self._delay = first_delay_seconds
        # The environment's proxy settings lead to the sandbox itself: this client is behind it already.
        self._client = httpx.Client(base_url=base_url, timeout=_TIMEOUT_SECONDS, trust_env=False)
        self._senders = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="earthengine-predict")

    def predict(self, endpoint: str, instances: Sequence[bytes]) -> tuple[Sequence[Any], int]:
        """POSTs `{"instances": …}` to the endpoint's `:predict`.

        Busy answers (429, 503) are tried again with growing pauses.

        Args:
            endpoint: Full name.
            instances: JSON of each.

        Returns:
            The answer's `predictions`, and the bytes of the answer.

        Raises:
            ApiError: INVALID_ARGUMENT with the endpoint's own text.
        """
        data, size = self._asked(endpoint, "predict", b'{"instances":[' + b",".join(instances) + b"]}")
        if not isinstance(data, dict) or not isinstance(data.get("predictions"), list):
            raise _failed(endpoint, "the answer has no list of 'predictions'")
        return data["predictions"], size

    def call(self, endpoint: str, method: str, request: bytes) -> bytes:
        """Calls a gRPC method of the deployed model by `:directRawPredict`.

        Args:
            endpoint: Full name.
            method: `/package.Service/Method`.
            request: Serialized.

        Raises:
            ApiError: INVALID_ARGUMENT with the endpoint's own text.
        """
        sent = {"methodName": method, "input": base64.b64encode(request).decode()}
        data, _ = self._asked(endpoint, "directRawPredict", json.dumps(sent, separators=(",", ":")).encode())
        try:
            return base64.b64decode(data["output"], validate=True)
        except (KeyError, TypeError, binascii.Error) as error:
            raise _failed(endpoint, "the answer has no 'output'") from error

    def _asked(self, endpoint: str, verb: str, body: bytes) -> tuple[Any, int]:
        """What the JSON of the endpoint's answer says, and its bytes; raises ApiError with the endpoint's own text."""
        location = _location(endpoint)
        headers = {
            "Host": f"{location}-aiplatform.googleapis.com",
            "Content-Type": "application/json",
            "Authorization": "Bearer earthengine",
        }
        for attempt in range(_TRIES):
            try:
                answer = self._post(f"/v1/{endpoint}:{verb}", body, headers)
            except httpx.HTTPError as error:
                if attempt == _TRIES - 1:
                    raise _failed(endpoint, f"no answer ({type(error).__name__}: {error})") from error
            else:
                if answer.status_code not in _RETRIED or attempt == _TRIES - 1:
                    return _data(endpoint, answer), len(answer.content)
            _pause(self._delay * 2**attempt * (0.5 + random.random()))
        raise AssertionError("unreachable: the last try returns or raises")

    def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Sends a request, and stops waiting for its answer where the computation must end."""
        sent = self._senders.submit(self._client.post, path, content=body, headers=headers)
        try:
            while wait([sent], _TICK_SECONDS).not_done:
                computation.check()
        finally:
            sent.cancel()
        return sent.result()

    def close(self) -> None:
        """Closes its connections."""
        self._senders.shutdown(wait=False, cancel_futures=True)
        self._client.close()


def _pause(seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        computation.check()
        time.sleep(min(left, _TICK_SECONDS))


def _location(endpoint: str) -> str:
    parts = endpoint.split("/")
    if len(parts) != 6 or (parts[0], parts[2], parts[4]) != ("projects", "locations", "endpoints") or not all(parts):
        raise invalid(
            f"Model.fromVertexAi: Invalid endpoint '{endpoint}'; it must look like "
            "projects/PROJECT/locations/LOCATION/endpoints/ENDPOINT_ID."
        )
    if any(not letter.isalnum() and letter not in "-_.:" for part in parts for letter in part):
        raise invalid(f"Model.fromVertexAi: Invalid characters in endpoint '{endpoint}'.")
    return parts[3]


def _data(endpoint: str, answer: httpx.Response) -> Any:
    if len(answer.content) > _MAX_ANSWER_BYTES:
        raise _failed(endpoint, f"the answer is larger than {_MAX_ANSWER_BYTES} bytes")
    try:
        data = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        data = None
    if answer.status_code != 200:
        text = answer.text
        if isinstance(data, dict):
            error = data.get("error", data)
            text = str(error.get("message", error)) if isinstance(error, dict) else str(error)
        raise _failed(endpoint, f"HTTP {answer.status_code}: {text[:2000]}")
    return data


def _failed(endpoint: str, reason: str) -> ApiError:
    return invalid(f"Model.predictImage: Prediction request to endpoint '{endpoint}' failed: {reason}")
