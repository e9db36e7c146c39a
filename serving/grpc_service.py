"""Predictions by gRPC: TensorFlow Serving's PredictionService/Predict, and the standard health service beside it.

Vertex AI sends gRPC requests to the first of a model's `serving_container_grpc_ports`, which it tells the container in
AIP_GRPC_PORT, and asks that port for the container's health.

https://github.com/tensorflow/serving/blob/master/tensorflow_serving/apis/prediction_service.proto
https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc

from earthline.formats import wire
from serving.log_lines import told
from serving.metrics import Metrics
from serving.payloads import RequestError, predict_requests
from serving.predictor import BusyError, Predictor
from serving.tracing import Trace

PREDICTION, HEALTH = "tensorflow.serving.PredictionService", "grpc.health.v1.Health"
_SERVING, _NOT_SERVING, _SERVICE_UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"
"""HealthCheckResponses: field 1 holds the status."""
_WATCH_SECONDS = 0.5
_MOST_CALLS = 128

_logger = logging.getLogger("serving")


class GrpcService:
    """A gRPC server on a port of its own, in the event loop of the HTTP server."""

    def __init__(
        self, predictor: Predictor, host: str, port: int, max_body_bytes: int, metrics: Metrics | None = None
    ) -> None:
        """Makes the server; it listens once it is started.

        Args:
            predictor: Computes.
            host: Address to listen on.
            port: TCP port; 0 for a free one.
            max_body_bytes: Largest request in bytes.
            metrics: Where requests are counted.
        """
        self._metrics = metrics or Metrics()
        self._predictor = predictor
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._most = max_body_bytes
        self._server: Any = None

    async def start(self) -> int:
        """Listens; gives the port. Raises RuntimeError where the port is taken."""
        unary = grpc.unary_unary_rpc_method_handler
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self._most),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),
                # Who sends a request without end holds it no longer than this; others connect again unnoticed.
                ("grpc.max_connection_age_ms", 600_000),
                ("grpc.max_connection_age_grace_ms", 60_000),
            ],
            # Each holds its request in memory; beyond it the library answers RESOURCE_EXHAUSTED.
            maximum_concurrent_rpcs=_MOST_CALLS,
        )
        # Without functions that read and write messages, both are bytes.
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(PREDICTION, {"Predict": unary(self._predict)}),
                grpc.method_handlers_generic_handler(
                    HEALTH,
                    {"Check": unary(self._check), "Watch": grpc.unary_stream_rpc_method_handler(self._watch)},
                ),
            )
        )
        port: int = self._server.add_insecure_port(self._address)
        await self._server.start()
        return port

    async def stop(self, grace_seconds: float) -> None:
        """Takes no more requests, and waits for those under way as long as it may."""
        if self._server is not None:
            await self._server.stop(grace_seconds)

    async def _predict(self, body: bytes, context: Any) -> bytes:
        began = time.perf_counter()
        trace = Trace.of({name: value for name, value in context.invocation_metadata() if isinstance(value, str)})
        count, status, message, answer = 0, grpc.StatusCode.OK, "", b""
        retry: tuple[tuple[str, str], ...] = ()
        try:
            contract = self._predictor.loaded
            if contract is None:
                status, message = grpc.StatusCode.UNAVAILABLE, self._predictor.reason
            else:
                loop, codecs = asyncio.get_running_loop(), self._predictor.codecs
                request = await loop.run_in_executor(codecs, predict_requests.read, body, contract)
                count = len(request.tiles)
                results = await self._predictor.results(request.tiles)
                answer = await loop.run_in_executor(codecs, request.answer, results)
        except RequestError as error:
            status, message = grpc.StatusCode.INVALID_ARGUMENT, str(error)
        except BusyError as error:
            status, message = grpc.StatusCode.RESOURCE_EXHAUSTED, str(error)
            retry = (("grpc-retry-pushback-ms", str(1000 * error.retry_seconds)),)
        except Exception:
            # The cause goes to the log alone: it may hold what callers must not see.
            _logger.exception("prediction failed", extra=told(**trace.fields))
            status = grpc.StatusCode.INTERNAL
            message = "the model could not compute this request; the server's log says why"
        seconds = time.perf_counter() - began
        self._metrics.requests.labels("grpc", status.name).inc()
        self._metrics.seconds.labels("grpc").observe(seconds)
        _logger.info(
            "/%s/Predict %s instances=%d bytes=%d milliseconds=%.1f",
            PREDICTION,
            status.name,
            count,
            len(answer),
            1000 * seconds,
            extra=told(
                route=f"/{PREDICTION}/Predict",
                status=status.name,
                instances=count,
                response_bytes=len(answer),
                milliseconds=round(1000 * seconds, 1),
                **trace.fields,
            ),
        )
        await context.send_initial_metadata(tuple(trace.headers.items()))
        if status is not grpc.StatusCode.OK:
            await context.abort(status, message, retry)
        return answer

    async def _check(self, request: bytes, context: Any) -> bytes:
        state = self._state(request)
        if state == _SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no such service; {PREDICTION} is served")
        return state

    async def _watch(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        told = b""
        while True:
            state = self._state(request)
            if state != told:
                told = state
                yield state
            await asyncio.sleep(_WATCH_SECONDS)

    def _state(self, request: bytes) -> bytes:
        name = ""
        try:
            for number, content in wire.fields(memoryview(request)):
                if number == 1 and isinstance(content, memoryview):
                    name = str(content, "utf-8", "replace")
        except wire.Other:
            return _SERVICE_UNKNOWN
        if name not in ("", PREDICTION):
            return _SERVICE_UNKNOWN
        return _SERVING if self._predictor.contract is not None else _NOT_SERVING
