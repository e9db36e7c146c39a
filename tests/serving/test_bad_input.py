"""The real server under input that is wrong in any way, by HTTP and gRPC: refused with its place, never a failure."""

import base64
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving.conftest import answered, free_port, started
from tests.serving.serving_protos import PredictRequest, PredictResponse

INPUTS = ("red", "0_nir", "earthline_valid")
TILE = np.random.default_rng(1).normal(size=(6, 8, 1)).astype(np.float32)
TEXT = base64.urlsafe_b64encode(tf.io.serialize_tensor(TILE).numpy()).decode()
GOOD = dict.fromkeys(INPUTS, TEXT)
REFUSED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED)


class Both:
    """A running server by both of its ports."""

    def __init__(self, url: str, grpc_port: int) -> None:
        self.port, self.grpc_port = int(url.rpartition(":")[2]), grpc_port
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=60)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}", options=[("grpc.enable_http_proxy", 0)])

    def post(self, body: bytes) -> tuple[int, str]:
        answer = self._client.post("/predict", content=body)
        return answer.status_code, answer.text

    def call(self, body: bytes) -> tuple[Any, Any]:
        try:
            answer = self._channel.unary_unary("/tensorflow.serving.PredictionService/Predict")(body, timeout=60)
        except grpc.RpcError as error:
            return error.code(), error.details()
        return grpc.StatusCode.OK, PredictResponse.FromString(answer)

    def healthy(self) -> bool:
        status, _ = self.post(json.dumps({"instances": [GOOD]}).encode())
        code, _ = self.call(request(**dict.fromkeys(INPUTS, TILE[np.newaxis])))
        return (status, code) == (200, grpc.StatusCode.OK)

    def close(self) -> None:
        self._client.close()
        self._channel.close()


@pytest.fixture(scope="module")
def both(saved_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    port = free_port()
    running = started(saved_model, tmp_path_factory.mktemp("log") / "server.log", AIP_GRPC_PORT=str(port))
    try:
        answered(running, {200})
        made = Both(running.url, port)
        yield made
        made.close()
    finally:
        running.process.terminate()
        running.process.wait(30)


def request(**inputs: Any) -> bytes:
    made = PredictRequest()
    for name, values in inputs.items():
        made.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return bytes(made.SerializeToString())


def run(*shape: int) -> tf.Tensor:
    """A tensor of a few bytes with any number of values."""
    return tf.make_tensor_proto(0.0, shape=shape)


def test_both_ports_answer_alike(both: Both) -> None:
    status, text = both.post(json.dumps({"instances": [GOOD]}).encode())
    code, response = both.call(request(**dict.fromkeys(INPUTS, TILE[np.newaxis])))
    assert (status, code) == (200, grpc.StatusCode.OK)
    shown = tf.io.decode_base64(json.loads(text)["predictions"][0]["probabilities"])
    np.testing.assert_array_equal(
        tf.make_ndarray(response.outputs["probabilities"])[0], tf.io.parse_tensor(shown, tf.float32)
    )


@pytest.mark.parametrize(
    ("instance", "message"),
    [
        ({"red": TEXT}, "lacks the input 0_nir, earthline_valid; the model takes red, 0_nir, earthline_valid"),
        ({**GOOD, "blue": TEXT}, "has the unknown input blue"),
        ({**GOOD, "0_nir": "water!"}, "instances[1].0_nir: not web-safe base64: it holds other characters"),
        ({**GOOD, "0_nir": "+/+/" + TEXT[4:]}, "instances[1].0_nir: not web-safe base64: it holds the standard"),
        ({**GOOD, "0_nir": TEXT[:100]}, "instances[1].0_nir: not a serialized TensorProto"),
        ({**GOOD, "0_nir": run(1 << 30, 1 << 30)}, "instances[1].0_nir: a tensor of shape [1073741824, 1073741824]"),
        ({**GOOD, "0_nir": TILE.astype(np.int64)}, "instances[1].0_nir: a tensor of int64 instead of float32"),
        ({**GOOD, "0_nir": TILE[0]}, "instances[1].0_nir: a tensor of shape [8, 1] instead of [height, width, 1]"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_on_both(both: Both, instance: dict[str, Any], message: str) -> None:
    texts = {name: value if isinstance(value, str) else encoded(value) for name, value in instance.items()}
    status, text = both.post(json.dumps({"instances": [GOOD, texts]}).encode())
    assert status == 400 and message in json.loads(text)["error"]
    strings = {name: [TEXT.encode(), value.encode()] for name, value in texts.items()}
    code, said = both.call(request(**strings))
    assert code is grpc.StatusCode.INVALID_ARGUMENT and message in said


def encoded(value: Any) -> str:
    proto = value if hasattr(value, "SerializeToString") else tf.make_tensor_proto(value)
    return base64.urlsafe_b64encode(proto.SerializeToString()).decode()


def test_too_much_is_refused_on_both_and_they_go_on(both: Both) -> None:
    status, text = both.post(b" " * 1_600_000)
    assert status == 413 and "20,000 bytes" in text
    code, said = both.call(b"\x0a\x00" * 800_000)
    assert code is grpc.StatusCode.INVALID_ARGUMENT and "over the contract's 20,000" in said
    small = dict.fromkeys(INPUTS, base64.urlsafe_b64encode(run(1, 1, 1).SerializeToString()).decode())
    status, _ = both.post(json.dumps({"instances": [small] * 10_000}).encode())
    assert status == 413
    code, _ = both.call(request(**dict.fromkeys(INPUTS, np.zeros((10_000, 1, 1, 1), np.float32))))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert both.healthy()


TEXTS = json.dumps({"instances": [GOOD, GOOD]}).encode()
RAW = json.dumps({"instances": [dict.fromkeys(INPUTS, TILE.astype(str).tolist())]}).encode()
TENSORS = request(**dict.fromkeys(INPUTS, TILE[np.newaxis]))
STRINGS = request(**{name: [TEXT.encode()] for name in INPUTS})


@st.composite
def damaged(draw: Any, bodies: tuple[bytes, ...]) -> bytes:
    body = bytearray(draw(st.sampled_from(bodies)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(body) - 1))
        body[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
        if not body:
            break
    return bytes(body[: draw(st.integers(0, len(body)))]) if draw(st.booleans()) else bytes(body)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(damaged((TEXTS, RAW)), damaged((TENSORS, STRINGS)))
def test_no_damage_makes_the_server_fail(both: Both, body: bytes, message: bytes) -> None:
    status, text = both.post(body)
    assert status in (200, 400, 413), text
    code, said = both.call(message)
    assert code is grpc.StatusCode.OK or code in REFUSED, said


def test_who_sends_slowly_or_hangs_up_keeps_nobody_waiting(both: Both) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + TEXTS[:1000]
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\0\1"
    waiting = []
    for port, part in ((both.port, head), (both.grpc_port, preface)):
        for _ in range(20):
            waiting.append(socket.create_connection(("127.0.0.1", port)))
            waiting[-1].sendall(part)
    assert both.healthy()
    for each in waiting:
        each.close()
    assert both.healthy()


HEADS = {
    "one header without an end": (b"X: ", b"x" * 8192),
    "headers without an end": (b"", b"X: y\r\n" * 1000),
    "chunks of nothing but frames": (b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 8000 + b"\r\n \r\n"),
    "trailers without an end": (b"Transfer-Encoding: chunked\r\n\r\n1\r\n \r\n0\r\n", b"X: y\r\n" * 1000),
}


@pytest.mark.parametrize("case", HEADS)
@pytest.mark.parametrize("earlier", [b"", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_request_that_never_comes_to_its_body_is_not_kept(both: Both, case: str, earlier: bytes) -> None:
    first, part = HEADS[case]
    sent, got = 0, b""
    with socket.create_connection(("127.0.0.1", both.port)) as endless:
        endless.settimeout(20)
        endless.sendall(earlier + b"POST /predict HTTP/1.1\r\nHost: x\r\n" + first)
        try:
            while sent < 16 << 20:
                endless.sendall(part)
                sent += len(part)
        except OSError:
            pass  # it was ended
        with contextlib.suppress(OSError):
            while found := endless.recv(65536):
                got += found
    assert sent < 8 << 20
    # Who still sends may lose the answer with the connection.
    assert b"HTTP/1.1 431 " in got or got.count(b"HTTP/1.1 ") <= bool(earlier)
    assert both.healthy()


def test_after_all_of_that_it_answers(both: Both) -> None:
    assert both.healthy()
