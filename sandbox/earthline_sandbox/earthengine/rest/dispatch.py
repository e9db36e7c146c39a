"""From a request to a call: bodies of a bounded size, and threads of Earth Engine's own for the work."""

import asyncio
import gzip
import logging
import os
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from earthline_sandbox.earthengine.computation import HUNG_UP, TIME
from earthline_sandbox.earthengine.limits import Limits, Rate, Slots
from earthline_sandbox.earthengine.rest.discovery import VERSIONS
from earthline_sandbox.earthengine.rest.request_log import ENTRY, functions_of
from earthline_sandbox.earthengine.supervision import Supervisor
from earthline_sandbox.errors import ApiError, invalid, not_found
from earthline_sandbox.responses import JsonResponse, error_response, unexpected

logger = logging.getLogger(__name__)

_SMALL_BODY = 65_536


@dataclass(frozen=True)
class Call:
    """One request, as handlers see it.

    Attributes:
        path: Parameters of the route.
        query: Query parameters.
        body: JSON object of the body; empty where there is none.
    """

    path: Mapping[str, Any]
    query: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def project(self) -> str:
        """Project id of the path."""
        return str(self.path["project"])

    def number(self, key: str, default: int = 0) -> int:
        """A whole number of the query or the body; raises INVALID_ARGUMENT where it is none."""
        value = self.query.get(key, self.body.get(key, default))
        try:
            return int(value)
        except (TypeError, ValueError) as error:
            raise invalid(f"Invalid value for field '{key}': {value!r} is not a whole number.") from error

    def section(self, key: str) -> Mapping[str, Any]:
        """An object of the body; raises INVALID_ARGUMENT where it is missing or no object."""
        value = self.body.get(key)
        if not isinstance(value, Mapping):
            raise invalid(f"Field '{key}' is required and must be an object.")
        return value


Handler = Callable[[Call], Any]


class Dispatcher:
    """Makes routes whose handlers are plain functions.

    Earth Engine has threads of its own: a computation that waits for a Vertex AI endpoint must never hold the thread
    that the endpoint's answer needs.
    """

    def __init__(self, limits: Limits, supervisor: Supervisor | None = None, home: Path | None = None) -> None:
        """Takes the quota of concurrent computations from `limits`, and what watches over them.

        Args:
            limits: Quota, rate and sizes.
            supervisor: Left out, one of its own.
            home: The sandbox's data folder, whose disk may be full.
        """
        self._home = home
        self._limits = limits
        self._supervisor = supervisor or Supervisor(limits)
        self._rate = Rate()
        self.slots = Slots(limits.concurrent)
        workers = max(4, 2 * (os.cpu_count() or 1))
        self._compute = ThreadPoolExecutor(workers, thread_name_prefix="earthengine-compute")
        self._general = ThreadPoolExecutor(8, thread_name_prefix="earthengine")

    def close(self) -> None:
        """Lets its threads end."""
        self._supervisor.close()
        self._compute.shutdown(wait=False, cancel_futures=True)
        self._general.shutdown(wait=False, cancel_futures=True)

    def route(self, method: str, path: str, handler: Handler, *, compute: bool = False) -> Route:
        """A route below `/{version}/`.

        Args:
            method: HTTP method.
            path: Starlette path without the version.
            handler: Gives a JSON-ready object, `(bytes, media type)`, or a Response; raises ApiError.
            compute: Whether it counts as a computation: quota, time limit.
        """

        async def endpoint(request: Request) -> Response:
            if request.path_params.get("version", VERSIONS[0]) not in VERSIONS:
                raise not_found(f"Unknown API version in {request.url.path}; use one of {', '.join(VERSIONS)}.")
            self._rate.take(self._limits.requests_per_minute)
            call = Call(request.path_params, request.query_params, await self._body(request))
            try:
                result = await (self._computed(request, handler, call) if compute else self._general_run(handler, call))
            except ApiError:
                raise
            except Exception:
                logger.exception("%s %s failed", request.method, request.url.path)
                return error_response(unexpected(self._home))
            if isinstance(result, Response):
                return result
            if isinstance(result, tuple):
                return Response(result[0], media_type=result[1])
            return JsonResponse(_fields(result, request.query_params.get("fields")))

        return Route(f"/{{version}}/{path}", endpoint, methods=[method])

    async def _general_run(self, handler: Handler, call: Call) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._general, handler, call)

    async def _computed(self, request: Request, handler: Handler, call: Call) -> Any:
        self.slots.limit = self._limits.concurrent
        slot = self.slots.hold()
        slot.__enter__()
        computation = self._supervisor.interactive()
        work = asyncio.get_running_loop().run_in_executor(
            self._compute, self._supervisor.run, computation, handler, call
        )
        # The slot is free again when the thread is, even where nobody waits for its answer any more.
        work.add_done_callback(lambda done: (slot.__exit__(None, None, None), done.cancelled() or done.exception()))
        gone = asyncio.ensure_future(_hang_up(request))
        try:
            await asyncio.wait({work, gone}, timeout=self._limits.interactive_seconds, return_when="FIRST_COMPLETED")
            if not work.done():
                computation.stop(HUNG_UP if gone.done() else TIME)
                raise computation.error
            return work.result()
        finally:
            gone.cancel()
            # Where the server itself gives up.
            computation.stop(HUNG_UP)

    async def _body(self, request: Request) -> Mapping[str, Any]:
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            self._limits.check_body(len(data))
        zipped = request.headers.get("content-encoding", "").lower() == "gzip"
        entry = request.scope.get(ENTRY, {})
        entry["bytes_in"] = len(data)
        if len(data) <= _SMALL_BODY and not zipped:
            return self._read(bytes(data), zipped, entry)
        # Ten megabytes take long enough for every other client to notice.
        return await asyncio.get_running_loop().run_in_executor(self._general, self._read, bytes(data), zipped, entry)

    def _read(self, data: bytes, zipped: bool, entry: dict[str, Any]) -> Mapping[str, Any]:
        content = self._unzipped(data) if zipped else data
        if not content.strip():
            return {}
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise invalid(f"Invalid JSON payload received. {error}") from error
        if not isinstance(body, dict):
            raise invalid("Invalid JSON payload received. The body must be an object.")
        entry["functions"] = functions_of(body)
        return body

    def _unzipped(self, data: bytes) -> bytes:
        inflater = zlib.decompressobj(wbits=31)
        try:
            content = inflater.decompress(data, self._limits.request_bytes + 1)
        except (zlib.error, gzip.BadGzipFile) as error:
            raise invalid(f"The body is not gzip, as Content-Encoding says: {error}") from error
        self._limits.check_body(len(content))
        return content


async def _hang_up(request: Request) -> None:
    """Returns when the client has closed the connection; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def unsupported(what: str) -> Handler:
    """A handler that names what the sandbox does not do: 400, since clients would try a 501 again and again."""

    def handler(call: Call) -> Any:
        raise ApiError("INVALID_ARGUMENT", f"{what} is not supported by the sandbox.")

    return handler


def _fields(result: Any, mask: str | None) -> Any:
    if not mask or mask == "*" or not isinstance(result, dict):
        return result
    names = {part.split("(")[0].split("/")[0].strip() for part in mask.split(",")}
    return {key: value for key, value in result.items() if key in names}
