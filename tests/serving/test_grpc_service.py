"""The gRPC service over the wire: predictions, health, what is wrong, too much or gone."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf

from earthline.formats.served.contract import Contract
from earthline.task.classification.task import Classification
from serving.grpc_service import HEALTH, PREDICTION, GrpcService
from serving.predictor import BusyError
from tests.serving.serving_protos import PredictRequest, PredictResponse

INPUTS = ("red", "nir", "earthline_valid")
CONTRACT = Contract(
    bands=INPUTS[:2],
    task=Classification(("a", "b", "c")).record,
    tile_shape=(4, 6),
    overlap=(2, 4),
    stride=2,
    max_payload_bytes=100_000,
)


class Sums:
    """A predictor whose entries are the sums of the inputs with weights."""

    def __init__(self) -> None:
        self.contract: Contract | None = None
        self.reason = "the model is loading"
        self.codecs = ThreadPoolExecutor(2)
        self.failure: Exception | None = None
        self.began, self.cancelled = threading.Event(), threading.Event()
        self.wait = 0.0

    @property
    def loaded(self) -> Contract | None:
        return self.contract

    async def results(self, tiles: Sequence[Any]) -> Sequence[Any]:
        self.began.set()
        try:
            await asyncio.sleep(self.wait)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.failure is not None:
            raise self.failure
        weights = np.arange(9, dtype=np.float32).reshape(3, 3)
        return [np.stack([tile[name] for name in INPUTS], axis=2) @ weights for tile in tiles]


class Running:
    """The service in an event loop of its own."""

    def __init__(self) -> None:
        self.predictor = Sums()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._service = GrpcService(self.predictor, "127.0.0.1", 0, 200_000)
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{self._do(self._service.start())}", options=[("grpc.enable_http_proxy", 0)]
        )

    def _do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    def stop(self, grace: float = 5) -> None:
        self._do(self._service.stop(grace))

    def close(self) -> None:
        self.channel.close()
        self.stop(0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.predictor.codecs.shutdown()

    @property
    def predict(self) -> Callable[..., Any]:
        return self.channel.unary_unary(f"/{PREDICTION}/Predict")

    @property
    def check(self) -> Callable[..., Any]:
        return self.channel.unary_unary(f"/{HEALTH}/Check")


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.close()


def request(**inputs: Any) -> bytes:
    made = PredictRequest()
    for name, values in inputs.items():
        made.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return bytes(made.SerializeToString())


TILES = {name: np.random.default_rng(2).normal(size=(2, 5, 7, 1)).astype(np.float32) for name in INPUTS}
GOOD = request(**TILES)


def refused(call: Callable[[], Any]) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_predictions_are_answered_once_the_model_is_loaded(running: Running) -> None:
    loading = refused(lambda: running.predict(GOOD, timeout=20))
    assert loading.code() is grpc.StatusCode.UNAVAILABLE and loading.details() == "the model is loading"
    running.predictor.contract = CONTRACT
    answer = PredictResponse.FromString(running.predict(GOOD, timeout=20))
    expected = np.concatenate(list(TILES.values()), axis=3) @ np.arange(9, dtype=np.float32).reshape(3, 3)
    np.testing.assert_allclose(tf.make_ndarray(answer.outputs["probabilities"]), expected, rtol=1e-5)


def test_traces_are_sent_back_and_in_the_log(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    running.predictor.contract = CONTRACT
    caplog.set_level("INFO", "serving")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for body in (GOOD, b"nonsense"):
        done = running.predict.future(body, timeout=20, metadata=(("traceparent", trace),))
        assert dict(done.initial_metadata())["traceparent"] == trace
        assert (done.exception() is None) == (body is GOOD)
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
    assert "0af7651916cd43dd8448eb211c80319c" in str(vars(caplog.records[0]))


def test_health_means_that_the_model_is_loaded(running: Running) -> None:
    watched = running.channel.unary_stream(f"/{HEALTH}/Watch")(b"", timeout=20)
    assert next(watched) == running.check(b"", timeout=20) == b"\x08\x02"
    running.predictor.contract = CONTRACT
    named = b"\x0a" + bytes([len(PREDICTION)]) + PREDICTION.encode()
    assert next(watched) == running.check(b"", timeout=20) == running.check(named, timeout=20) == b"\x08\x01"
    watched.cancel()
    assert refused(lambda: running.check(b"\x0a\x01x", timeout=20)).code() is grpc.StatusCode.NOT_FOUND
    assert refused(lambda: running.check(b"\xff", timeout=20)).code() is grpc.StatusCode.NOT_FOUND


def test_what_is_wrong_is_an_invalid_argument_with_its_place(running: Running) -> None:
    running.predictor.contract = CONTRACT
    texts = {name: [b"AA=="] * 2 for name in INPUTS}
    for body, message in (
        (b"nonsense", "not a serialized tensorflow.serving.PredictRequest"),
        (request(**texts), "instances[0].red: not a serialized TensorProto"),
        (request(**{**TILES, "nir": TILES["nir"].astype(np.int32)}), "nir: a tensor of int32 instead of float32"),
        (b"\x0a\x00" * 75_000, "the request has 150,000 bytes, over the contract's 100,000"),
    ):
        error = refused(lambda body=body: running.predict(body, timeout=20))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT and message in error.details()
    # Longer than what is read at all: the library itself refuses it.
    assert refused(lambda: running.predict(b"\0" * 300_000, timeout=20)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    other = running.channel.unary_unary(f"/{PREDICTION}/Classify")
    assert refused(lambda: other(b"", timeout=20)).code() is grpc.StatusCode.UNIMPLEMENTED
    assert running.predict(GOOD, timeout=20)


def test_a_full_queue_says_when_to_come_back_and_a_failure_tells_nothing(running: Running) -> None:
    running.predictor.contract = CONTRACT
    running.predictor.failure = BusyError("40 requests wait", 2)
    full = refused(lambda: running.predict(GOOD, timeout=20))
    assert full.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and full.details() == "40 requests wait"
    assert dict(full.trailing_metadata())["grpc-retry-pushback-ms"] == "2000"
    running.predictor.failure = RuntimeError("the path /secret")
    broken = refused(lambda: running.predict(GOOD, timeout=20))
    assert broken.code() is grpc.StatusCode.INTERNAL and "secret" not in broken.details()


def test_who_hangs_up_is_not_computed_for_and_others_are_answered(running: Running) -> None:
    running.predictor.contract = CONTRACT
    running.predictor.wait = 30
    gone = running.predict.future(GOOD)
    gone.cancel()
    late = refused(lambda: running.predict(GOOD, timeout=0.2))
    assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED and running.predictor.cancelled.wait(10)
    running.predictor.wait = 0
    assert running.predict(GOOD, timeout=20)


def test_what_is_under_way_is_finished_before_it_stops(running: Running) -> None:
    running.predictor.contract = CONTRACT
    running.predictor.wait = 0.5
    under_way = running.predict.future(GOOD, timeout=20)
    assert running.predictor.began.wait(10)
    running.stop()
    assert PredictResponse.FromString(under_way.result()).outputs
    assert refused(lambda: running.predict(GOOD, timeout=5)).code() is grpc.StatusCode.UNAVAILABLE
