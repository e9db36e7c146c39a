"""Routes of Vertex AI: every version prefix, one parsed call, Google's own errors."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from earthline_sandbox.errors import HTTP_CODES, ApiError, not_found
from earthline_sandbox.responses import JsonResponse, error_response
from earthline_sandbox.service import Lifecycle
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.rest import messages, names

LARGEST_BODY: Final = 32 * 2**20
"""Bytes of a request body that is read at all; predictions have their own, lower limits."""

_LAUNCHER: Final = "google-cloud-pipeline-components"
_PLACE: Final = "/projects/{project:segment}/locations/{location:segment}"


class _Version(Convertor[str]):
    """The prefixes by which clients reach the API; `/ui` is what REST clients poll operations by."""

    regex = "v1|v1beta1|ui"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _Segment(Convertor[str]):
    """One part of a resource name; a colon begins a custom verb."""

    regex = "[^/:]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("version", _Version())
register_url_convertor("segment", _Segment())


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        version: `v1` or `v1beta1`.
        place: Project and location of the path.
        path: Other parts of the path by name.
        query: Query parameters.
        headers: Request headers.
        body: Request body as it came.
    """

    version: str
    place: names.Place
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Headers
    body: bytes

    @property
    def parent(self) -> str:
        """`projects/NUMBER/locations/LOCATION`."""
        return self.place.parent

    @property
    def from_launcher(self) -> bool:
        """True for a launcher of Google's pipeline components, which sleeps 20 s before each poll.

        It sets no deadline for its calls, so that an answer may be held until there is something to tell.
        """
        agent = f"{self.headers.get('x-goog-api-client', '')} {self.headers.get('user-agent', '')}"
        return _LAUNCHER in agent

    def message(self, kind: str) -> dict[str, Any]:
        """The body as a message of that kind in canonical JSON.

        Raises:
            ApiError: INVALID_ARGUMENT where it is malformed.
        """
        return messages.parse(kind, self.body, self.version)

    def parameter(self, name: str) -> str:
        """A query parameter by its camel-case name, given in either case; empty if absent."""
        for key, value in self.query.items():
            if messages.camel(key) == name:
                return value
        return ""


Answer = Mapping[str, Any] | Response
Handler = Callable[[Call], Answer] | Callable[[Call], Awaitable[Answer]]


class Part(Lifecycle, ABC):
    """One group of calls of Vertex AI, such as those of endpoints."""

    @abstractmethod
    def routes(self) -> list[Route]:
        """Its routes."""


def route(settings: Settings, method: str, pattern: str, handler: Handler, *, limit: int = LARGEST_BODY) -> Route:
    """A route below a place.

    Args:
        settings: The sandbox.
        method: HTTP method.
        pattern: Path below `projects/*/locations/*/`, such as `models/{model}:listVersions`.
        handler: Takes the call and gives JSON or a response. A plain function runs in a thread of the pool, so
            one that waits for long must be a coroutine function.
        limit: Largest body in bytes.
    """

    async def answer(request: Request) -> Response:
        path = dict(request.path_params)
        version = path.pop("version")
        place = names.place(settings, path.pop("project"), path.pop("location"))
        body = await read_body(request, limit)
        prefix = "v1" if version == "ui" else version
        call = Call(prefix, place, path, request.query_params, request.headers, body)
        if inspect.iscoroutinefunction(handler):
            result = await handler(call)
        else:
            result = await run_in_threadpool(handler, call)
        return result if isinstance(result, Response) else render(result)

    segments = pattern.replace("}", ":segment}") if ":path}" not in pattern else pattern
    return Route(f"/{{version:version}}{_PLACE}/{segments}", answer, methods=[method])


async def read_body(request: Request, limit: int) -> bytes:
    """Reads a body of at most `limit` bytes.

    Raises:
        ApiError: INVALID_ARGUMENT for a longer one, in Google's words.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise ApiError(
                "INVALID_ARGUMENT",
                f"Request payload size exceeds the limit: {limit} bytes. Send fewer or smaller instances at a time.",
            )
    return bytes(body)


def render(value: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON response."""
    return JsonResponse(value, status)


async def render_no_route(request: Request, error: Exception) -> Response:
    """Renders a path or method that nothing serves; always 4xx, since clients repeat a 5xx for a minute."""
    if isinstance(error, HTTPException) and error.status_code not in (404, 405):
        status = next((name for name, code in HTTP_CODES.items() if code == error.status_code), "UNKNOWN")
        refusal = ApiError(status, str(error.detail), code=error.status_code)
    else:
        refusal = not_found(
            f"{request.method} {request.url.path} is not served by the sandbox's Vertex AI. It has pipelineJobs,"
            " schedules, customJobs, trainingPipelines, batchPredictionJobs, models, endpoints, metadataStores and"
            " operations."
        )
    return error_response(refusal)
