"""The log of requests to Earth Engine: one entry per request, for tests to read."""

import threading
import time
from collections import deque
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earthline_sandbox.earthengine.rest.faults import Faults

#: Key of the ASGI scope under which a handler adds to its entry.
ENTRY = "earthline_sandbox.earthengine.request"

_KEPT = 10_000
_MAX_FUNCTIONS = 200
_VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}


def method_of(http_method: str, path: str) -> str:
    """The API's method behind a request: `image:computePixels`, `assets:get`, `maps.tiles:get`."""
    parts = path.strip("/").split("/")
    if len(parts) < 4 or parts[1] != "projects":
        return "discovery" if "discovery" in path else f"{http_method} /{'/'.join(parts)}"
    noun, rest = parts[3], parts[4:]
    if ":" in noun:
        return noun
    _, colon, verb = parts[-1].rpartition(":")
    if colon:
        return f"{noun}:{verb}"
    if "tiles" in rest:
        return f"{noun}.tiles:get"
    return f"{noun}:{'list' if http_method == 'GET' and not rest else _VERBS.get(http_method, http_method)}"


def functions_of(body: Mapping[str, Any]) -> list[str]:
    """Names of the server functions that an expression calls, sorted; at most a few hundred."""
    found: set[str] = set()
    stack: list[Any] = [body.get("expression")]
    while stack and len(found) < _MAX_FUNCTIONS:
        value = stack.pop()
        if isinstance(value, Mapping):
            call = value.get("functionInvocationValue")
            if isinstance(call, Mapping) and isinstance(call.get("functionName"), str):
                found.add(call["functionName"])
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return sorted(found)


class RequestLog:
    """ASGI application: applies faults, serves, and keeps an entry of every request.

    An entry has: `time` (seconds since 1970), `method`, `path`, `functions`, `status` (0 where there was no answer),
    `bytes_in`, `bytes_out`, `milliseconds`, and `fault` where one struck.
    """

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        """Wraps `app`."""
        self._app = app
        self._faults = faults
        self._entries: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def entries(self, method: str = "") -> list[dict[str, Any]]:
        """The last requests, oldest first; of one method where it is named."""
        with self._lock:
            found = [dict(entry) for entry in self._entries if not method or entry["method"] == method]
        # They were kept as they ended: the end of a broken request is noticed late.
        return sorted(found, key=itemgetter("time"))

    def clear(self) -> None:
        """Forgets every entry."""
        with self._lock:
            self._entries.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        method = method_of(scope["method"], scope["path"])
        entry: dict[str, Any] = {
            "time": time.time(),
            "method": method,
            "path": scope["path"][:512],
            "functions": [],
            "status": 0,
            "bytes_in": 0,
            "bytes_out": 0,
        }
        begun = time.monotonic()

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await send(message)
            entry["bytes_out"] += len(message.get("body", b""))

        rule = self._faults.next(method)
        scope[ENTRY] = entry
        try:
            if rule is None:
                await self._app(scope, receive, watch)
            else:
                entry["fault"] = rule.kind
                await self._faults.serve(self._app, rule, scope, receive, watch)
        finally:
            entry["milliseconds"] = round(1000 * (time.monotonic() - begun), 1)
            with self._lock:
                self._entries.append(entry)
