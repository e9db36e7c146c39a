"""The server's routes: health that means `model loaded`, and predictions."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from earthline.runtimes import Runtime
from serving import payloads
from serving.settings import Settings

_logger = logging.getLogger("serving")


class BodyTooLarge(Exception):
    """A request body over the limit."""


class Server:
    """One model behind HTTP. The model loads in the background while the health check already answers."""

    def __init__(self, settings: Settings, load: Callable[[], Runtime]) -> None:
        """Makes the server; nothing is loaded before it starts.

        Args:
            settings: Routes and limits.
            load: Loads the model; called once, in a thread.
        """
        self._settings = settings
        self._load = load
        self._runtime: Runtime | None = None
        self._failure = ""
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="predict")

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route(self._settings.health_route, self.health, methods=["GET"]),
                Route(self._settings.predict_route, self.predict, methods=["POST"]),
            ],
            lifespan=self._lifespan,
        )

    async def health(self, request: Request) -> Response:
        """200 where the model is loaded; 503 with the reason where it is not."""
        if self._runtime is not None:
            return _json({"status": "ready"})
        return self._unready()

    async def predict(self, request: Request) -> Response:
        """Answers `{"instances": […]}` with `{"predictions": […]}`."""
        began = time.perf_counter()
        if self._runtime is None:
            return self._unready()
        count = 0
        try:
            body = await _body(request, self._settings.max_body_bytes)
            loop = asyncio.get_running_loop()
            count, answer = await loop.run_in_executor(self._pool, _computed, self._runtime, body)
            response = Response(answer, media_type="application/json")
        except BodyTooLarge:
            response = _error(413, f"the body is larger than {self._settings.max_body_bytes:,} bytes; send fewer tiles")
        except payloads.RequestError as error:
            response = _error(error.status, str(error))
        except ClientDisconnect:
            response = _error(400, "the connection closed before the body was complete")
        except Exception:
            # The cause goes to the log alone: it may hold what callers must not see.
            _logger.exception("prediction failed")
            response = _error(500, "the model could not compute this request; the server's log says why")
        _logger.info(
            "%s %d instances=%d bytes=%d milliseconds=%.1f",
            request.url.path,
            response.status_code,
            count,
            len(response.body),
            1000 * (time.perf_counter() - began),
        )
        return response

    @contextlib.asynccontextmanager
    async def _lifespan(self, application: Starlette) -> AsyncIterator[None]:
        loading = asyncio.create_task(self._loaded())
        try:
            yield
        finally:
            loading.cancel()
            self._pool.shutdown(wait=True, cancel_futures=True)

    async def _loaded(self) -> None:
        began = time.perf_counter()
        try:
            self._runtime = await asyncio.get_running_loop().run_in_executor(self._pool, self._load)
        except Exception as error:
            self._failure = f"{type(error).__name__}: {error}"
            _logger.exception("the model could not be loaded")
        else:
            _logger.info("model loaded in %.1f s", time.perf_counter() - began)

    def _unready(self) -> Response:
        reason = f"the model could not be loaded: {self._failure}" if self._failure else "the model is loading"
        return _error(503, reason)


def _computed(runtime: Runtime, body: bytes) -> tuple[int, bytes]:
    request = payloads.read(body, runtime.contract)
    results: list[Any] = [None] * len(request.tiles)
    for places, inputs in payloads.groups(request.tiles):
        for place, result in zip(places, runtime.predict(inputs), strict=True):
            results[place] = result
    return len(results), request.answer(results)


async def _body(request: Request, most: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise BodyTooLarge
    parts, total = [], 0
    async for part in request.stream():
        total += len(part)
        if total > most:
            raise BodyTooLarge
        parts.append(part)
    return b"".join(parts)


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _error(status: int, message: str) -> Response:
    return _json({"error": message}, status)
