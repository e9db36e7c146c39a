"""The server's routes: health that means `model loaded and warm`, predictions, and metrics."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from earthline.formats.served.contract import Contract
from earthline.runtimes import Runtime
from serving import metrics, payloads
from serving.bodies import Bodies, BodyError
from serving.log_lines import told
from serving.predictor import BusyError
from serving.served_model import ServedModel
from serving.settings import Settings
from serving.tracing import Trace

METRICS_ROUTE = "/metrics"
CONTRACT_ROUTE = "/contract"
"""For callers of the server itself; Vertex AI lets nothing but predictions through."""
_GONE = 499
"""What the log and the metrics say of a client that hung up; nobody is left to read it."""
_logger = logging.getLogger("serving")


class Server:
    """One model behind HTTP, and behind gRPC where the settings have a port for it."""

    def __init__(self, settings: Settings, load: Callable[[], Runtime]) -> None:
        """Makes the server; nothing is loaded before it starts.

        Args:
            settings: Routes and limits.
            load: Loads the model; called once, in a thread.
        """
        self._settings = settings
        self._metrics = metrics.Metrics()
        self._model = ServedModel(settings, load, self._metrics)
        self._bodies = Bodies(settings.body_bytes, settings.read_seconds)

    def application(self) -> Starlette:
        """The ASGI application."""
        made = Starlette(
            routes=[
                Route(self._settings.health_route, self.health, methods=["GET"]),
                Route(self._settings.predict_route, self.predict, methods=["POST"]),
                Route(METRICS_ROUTE, self.measured, methods=["GET"]),
                Route(CONTRACT_ROUTE, self.described, methods=["GET"]),
            ],
            exception_handlers={404: self.elsewhere, 405: self.elsewhere},
            lifespan=self._lifespan,
        )
        # It would send callers by HTTPS to an address by HTTP, which Google's front ends end.
        made.router.redirect_slashes = False
        return made

    def drain(self) -> None:
        """From now on health says no, and requests are still answered."""
        self._model.drain()

    async def health(self, request: Request) -> Response:
        """200 where the model is loaded and computed tiles of the plan; 503 with the reason where not."""
        if self._model.contract is not None:
            return _json({"status": "ready"})
        return _error(503, self._model.reason)

    async def measured(self, request: Request) -> Response:
        """The metrics, as Prometheus reads them."""
        return Response(self._metrics.text(), media_type=metrics.CONTENT_TYPE)

    async def described(self, request: Request) -> Response:
        """What the model takes and gives, as `contract.json` has it; 503 until it is loaded."""
        if self._model.loaded is None:
            return _error(503, self._model.reason)
        return Response(self._model.loaded.model_dump_json(), media_type="application/json")

    async def elsewhere(self, request: Request, error: Exception) -> Response:
        """What there is, for who asks for anything else."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        response = _error(
            status,
            f"there is no {request.method} {request.url.path}; there are POST {self._settings.predict_route}, and GET "
            f"{self._settings.health_route}, {METRICS_ROUTE} and {CONTRACT_ROUTE}",
        )
        response.headers.update(getattr(error, "headers", None) or {})
        return response

    async def predict(self, request: Request) -> Response:
        """Answers `{"instances": […]}` with `{"predictions": […]}`."""
        began = time.perf_counter()
        trace = Trace.of(request.headers, self._settings.project)
        count = 0
        contract = self._model.loaded
        if contract is None:
            response = _error(503, self._model.reason)
        else:
            try:
                count, response = await self._answered(request, contract)
            except (BodyError, payloads.RequestError) as error:
                response = _error(error.status, str(error))
                if error.status == 429:
                    self._metrics.refused.labels("bodies").inc()
            except BusyError as error:
                response = _error(429, f"{error}; try again in {error.retry_seconds:g} s")
                response.headers["Retry-After"] = f"{error.retry_seconds:g}"
            except ClientDisconnect:
                response = _error(_GONE, "the client hung up")
            except asyncio.CancelledError:
                # By the server alone, whose time to end is over: nobody else cancels a request.
                response = _error(503, "the server ended before this was computed; send the request again, to another")
            except Exception:
                # The cause goes to the log alone: it may hold what callers must not see.
                _logger.exception("prediction failed", extra=told(**trace.fields))
                response = _error(500, "the model could not compute this request; the server's log says why")
        if response.status_code == 429:
            response.headers.setdefault("Retry-After", str(self._model.retry_seconds()))
        if response.status_code in (408, 413, 415):
            # What is left of the body is not read.
            response.headers["Connection"] = "close"
        response.headers.update(trace.headers)
        self._tell(request, response, count, time.perf_counter() - began, trace)
        return response

    async def _answered(self, request: Request, contract: Contract) -> tuple[int, Response]:
        body = await self._bodies.read(request, min(self._settings.max_body_bytes, contract.max_payload_bytes))
        loop, codecs = asyncio.get_running_loop(), self._model.codecs
        try:
            asked = await loop.run_in_executor(codecs, payloads.read, body.content(), contract)
            found = await _while_wanted(request, self._model.results(asked.tiles))
            answer = await loop.run_in_executor(codecs, asked.answer, found)
            return len(asked.tiles), Response(answer, media_type="application/json")
        finally:
            body.release()

    def _tell(self, request: Request, response: Response, count: int, seconds: float, trace: Trace) -> None:
        status, route = response.status_code, request.scope["path"]
        self._metrics.requests.labels("http", str(status)).inc()
        self._metrics.seconds.labels("http").observe(seconds)
        answered = len(response.body)
        _logger.info(
            "%s %d instances=%d bytes=%d milliseconds=%.1f",
            route,
            status,
            count,
            answered,
            1000 * seconds,
            extra=told(
                route=route,
                status=status,
                instances=count,
                response_bytes=answered,
                milliseconds=round(1000 * seconds, 1),
                **trace.fields,
            ),
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, application: Starlette) -> AsyncIterator[None]:
        self._model.begin()
        grpc = None
        if self._settings.grpc_port:
            from serving.grpc_service import GrpcService  # a quarter of the start, which HTTP alone does not need

            grpc = GrpcService(
                self._model,
                self._settings.host,
                self._settings.grpc_port,
                self._settings.max_body_bytes,
                self._metrics,
            )
            await grpc.start()
        try:
            yield
        finally:
            if grpc is not None:
                await grpc.stop(self._settings.grace_seconds)
            self._model.end()


async def _while_wanted(request: Request, work: Coroutine[Any, Any, Any]) -> Any:
    """What the work gives, unless the client hangs up first: then it is given up. Raises ClientDisconnect."""
    working = asyncio.ensure_future(work)
    # The body is read: what comes next is that the client is gone.
    listening = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((working, listening), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for each in (working, listening):
            each.cancel()


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _error(status: int, message: str) -> Response:
    return _json({"error": message}, status)
