"""How an answer is written: JSON, and errors in Google's shape."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earthline_sandbox import disk
from earthline_sandbox.errors import ApiError

logger = logging.getLogger(__name__)


class JsonResponse(Response):
    """JSON as Google's interfaces send it; a NaN becomes null, since JSON has none."""

    media_type = "application/json; charset=UTF-8"

    def render(self, content: Any) -> bytes:
        """The body's bytes."""
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def error_response(error: ApiError) -> JsonResponse:
    """The response for a refusal."""
    return JsonResponse(error.to_json(), status_code=error.code)


async def api_error_handler(request: Request, error: Exception) -> Response:
    """Starlette exception handler: `exception_handlers={ApiError: api_error_handler}`."""
    assert isinstance(error, ApiError)
    return error_response(error)


def unexpected(home: Path | None = None) -> ApiError:
    """What to answer where something failed that nobody expected.

    Args:
        home: The sandbox's data folder. Where its disk is full, that is the answer: no 500, which clients repeat for
            minutes, and no word of a log, which could not be written either.
    """
    full = "" if home is None else disk.full(home)
    if full:
        return ApiError("FAILED_PRECONDITION", full)
    return ApiError("INTERNAL", "The sandbox failed on this request; the traceback is in its log (sandbox.log).")


class ErrorBoundary:
    """ASGI middleware: whatever an application raises becomes Google's JSON, and a traceback in the log."""

    def __init__(
        self, app: ASGIApp, render: Callable[[ApiError], Response] = error_response, home: Path | None = None
    ) -> None:
        """Wraps `app`; `render` writes a refusal, and `home` is the folder whose disk may be full."""
        self._app = app
        self._render = render
        self._home = home

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        started = False
        held: list[Message] = []

        async def watch(message: Message) -> None:
            nonlocal started
            if held or (message["type"] == "http.response.start" and message["status"] >= 500):
                # Starlette answers a failure with its own plain 500 before it raises: wait for what comes.
                held.append(message)
                return
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ApiError as error:
            if started:
                raise
            await self._render(error)(scope, receive, send)
        except Exception:
            if started:
                raise
            logger.exception("%s %s%s failed", scope.get("method"), _host(scope), scope.get("path"))
            await error_response(unexpected(self._home))(scope, receive, send)
        else:
            for message in held:
                await send(message)


def _host(scope: Scope) -> str:
    for name, value in scope.get("headers", ()):
        if name == b"host":
            return str(value.decode("latin-1"))
    return ""
