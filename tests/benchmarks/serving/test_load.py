"""The load generator finds what a server does wrong, and its malformed requests are malformed."""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import orjson
import pytest

from benchmarks.serving import load, rough, tiles
from earthline.formats import tensors
from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import ServedOutput, derived
from earthline.task.classification.task import Classification
from serving import payloads

SHAPE, COUNT = (16, 24), 4
CONTRACT = Contract(
    bands=("red", "nir"),
    task=Classification(("a", "b", "c")).record,
    outputs=(
        ServedOutput(name="class", type="uint8", made="most_probable", used=3),
        ServedOutput(name="share", type="uint8", entries=3, used=3),
    ),
    tile_shape=(8, 16),
    overlap=(8, 8),
    stride=2,
    max_payload_bytes=100_000,
)


@pytest.fixture(scope="module")
def expected() -> tiles.Expected:
    inputs = tiles.made(CONTRACT, COUNT, SHAPE)
    values = np.random.default_rng(2).dirichlet(np.ones(3), (COUNT, *SHAPE)).astype(np.float32)
    return tiles.Expected([tiles.body(inputs, [tile], CONTRACT) for tile in range(COUNT)], values, CONTRACT)


def answer(expected: tiles.Expected, tile: int) -> bytes:
    outputs = derived(expected.values[tile], CONTRACT)
    return orjson.dumps({"predictions": [{name: tensors.encode(values) for name, values in outputs.items()}]})


@contextmanager
def server(answers: dict[bytes, tuple[int, bytes]]) -> Iterator[int]:
    """Answers bodies by what is given for each; 400 for others. Gives its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, content = answers.get(body, (400, b"{}"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    running.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up on purpose
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield running.server_address[1]
    finally:
        running.shutdown()
        running.server_close()


def told(port: int, expected: tiles.Expected, **task: Any) -> dict[str, Any]:
    asked = {"host": "127.0.0.1", "port": port, "path": "/predict", "concurrency": 3, "seconds": 0.5, **task}
    return asyncio.run(load.loaded(asked, expected))


def test_right_answers_are_counted_and_no_other_tile_passes_for_ones_own(expected: tiles.Expected) -> None:
    right = {body: (200, answer(expected, tile)) for tile, body in enumerate(expected.bodies)}
    with server(right) as port:
        found = told(port, expected)
    assert found["statuses"] == {"200": len(found["latencies"])} and len(found["latencies"]) >= COUNT
    assert found["wrong"] == []
    swapped = {**right, expected.bodies[1]: (200, answer(expected, 2)), expected.bodies[3]: (503, b"{}")}
    with server(swapped) as port:
        found = told(port, expected)
    assert {line.partition(":")[0] for line in found["wrong"]} == {"tile 1"}
    assert found["statuses"]["503"] > 0


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        (b"{", "JSONDecodeError"),
        (b'{"predictions": [{"class": "AA"}]}', "instead of ['class', 'share']"),
        (b'{"predictions": []}', "ValueError"),
    ],
)
def test_what_is_no_answer_is_said(expected: tiles.Expected, answered: bytes, said: str) -> None:
    assert said in expected.problem(0, answered)


def test_malformed_requests_are_refused_by_the_server(expected: tiles.Expected) -> None:
    requests = [tiles.http(body, "host", "/predict") for body in expected.bodies]
    shares = rough.Shares(requests, 0.01, load.Told(), random.Random(1))
    for _ in range(100):
        head, _, body = shares.malformed().partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
        with pytest.raises(payloads.RequestError):
            payloads.read(body, CONTRACT)


def test_clients_that_misbehave_are_told_apart_from_good_ones(expected: tiles.Expected) -> None:
    right = {body: (200, answer(expected, tile)) for tile, body in enumerate(expected.bodies)}
    with server(right) as port:
        found = told(port, expected, rough=0.2)
    kinds = {"good", "malformed", "hangs up"}
    assert kinds <= set(found["behaviour"])
    assert found["wrong"] == []
    assert found["statuses"]["malformed: 400"] == found["behaviour"]["malformed"]
    assert found["statuses"]["good: 200"] == found["behaviour"]["good"]
