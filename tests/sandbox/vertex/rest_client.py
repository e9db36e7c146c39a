"""Vertex AI's REST API as tests call it, however the service runs."""

import time
from collections.abc import Callable, Collection
from typing import Any, Final

import httpx

from tests.conftest import Sandbox

HOST: Final = "us-central1-aiplatform.googleapis.com"
PARENT: Final = "/v1/projects/sandbox/locations/us-central1"
FINAL: Final = frozenset(
    f"{kind}_STATE_{state}" for kind in ("JOB", "PIPELINE") for state in ("SUCCEEDED", "FAILED", "CANCELLED")
)
"""States that no job leaves."""


class RestClient:
    """Calls, operations and jobs over one function that sends a request."""

    def __init__(self, send: Callable[..., httpx.Response]) -> None:
        """Sends by `send(method, path, json=…, …)`."""
        self._send = send

    def call(self, method: str, path: str, body: Any = None, *, expect: int = 200, **options: Any) -> Any:
        """The JSON of an answer, which must have that HTTP status; a path without a slash is below the location."""
        answer = self._send(method, path if path.startswith("/") else f"{PARENT}/{path}", json=body, **options)
        assert answer.status_code == expect, answer.text
        return answer.json()

    def settle(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Waits for an operation and gives it."""
        while not operation.get("done"):
            operation = self.call("GET", f"/v1/{operation['name']}")
        return operation

    def result(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Waits for an operation that must go well, and gives its response."""
        operation = self.settle(operation)
        assert "error" not in operation, operation["error"]["message"]
        response: dict[str, Any] = operation["response"]
        return response

    def wait(self, name: str, states: Collection[str] = FINAL, seconds: float = 60) -> dict[str, Any]:
        """The job or pipeline of a name once it is in one of those states."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.call("GET", f"/v1/{name}")
            if found["state"] in states:
                return found
            time.sleep(0.02)
        raise AssertionError(found)


def client_of(sandbox: Sandbox) -> RestClient:
    """The client of a whole sandbox."""
    return RestClient(lambda method, path, **options: sandbox.request(method, HOST, path, **options))
