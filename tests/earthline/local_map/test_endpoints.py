"""An endpoint as it is met: busy, slow to start, cut off, or answered by something else."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import numpy as np
import pytest

from earthline.formats import tensors
from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import ServedOutput
from earthline.local_map import endpoints
from earthline.local_map.addresses import Address
from earthline.local_map.endpoints import Endpoint, EndpointError, most_tiles

from .models import contract

TOLD = contract(
    outputs=(
        ServedOutput(name="class_id", type="uint8", made="most_probable", used=3),
        ServedOutput(name="probabilities", entries=3, used=3),
    )
)
INPUTS = {
    name: np.arange(2 * 4 * 5, dtype=np.float32).reshape(2, 4, 5) + place for place, name in enumerate(TOLD.inputs)
}
Reply = tuple[int, dict[str, str], Any]


def right(instance: dict[str, str]) -> dict[str, str]:
    """The class is what band a says, modulo 3."""
    a = tensors.decode(instance["a"], 1000)
    return {
        "class_id": tensors.encode((a % 3).astype(np.uint8)),
        "probabilities": tensors.encode(np.repeat(a, 3, axis=-1)),
    }


class Server:
    """A predict route whose next answers are set; what is not set is answered rightly."""

    def __init__(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version: ClassVar[str] = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(*server.told)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.asked.append(json.loads(body)["instances"])
                reply = server.replies.pop(0) if server.replies else None
                if reply == "hang up":
                    self.connection.close()
                    self.close_connection = True
                    return
                self._send(*(reply or (200, {}, {"predictions": [right(each) for each in server.asked[-1]]})))

            def _send(self, status: int, headers: dict[str, str], content: Any) -> None:
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for key, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.replies: list[Any] = []
        self.told: Reply = (404, {}, {})
        self.asked: list[Any] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(endpoints, "FIRST_PAUSE", 0.001)
    running = Server()
    yield running
    running.close()


def asked(server: Server, told: Contract = TOLD) -> dict[str, np.ndarray]:
    return Endpoint(Address(server.address).post, told, "the endpoint").outputs(INPUTS)


def test_tiles_are_sent_as_earth_engine_sends_them_and_answers_are_of_the_contracts_types(server: Server) -> None:
    found = asked(server)
    np.testing.assert_array_equal(found["class_id"][..., 0], INPUTS["a"] % 3)
    np.testing.assert_array_equal(found["probabilities"], np.repeat(INPUTS["a"][..., None], 3, axis=-1))
    assert found["class_id"].dtype == np.uint8 and found["class_id"].shape == (2, 4, 5, 1)
    assert [list(instance) for instance in server.asked[0]] == [["a", "b", "earthline_valid"]] * 2
    np.testing.assert_array_equal(tensors.decode(server.asked[0][1]["b"], 100), INPUTS["b"][1][..., None])


def test_bands_travel_in_the_contracts_types(server: Server) -> None:
    told = TOLD.model_copy(update={"types": {"a": "uint16", "earthline_valid": "uint8"}})
    server.replies = [changed()]
    asked(server, told)
    sent = {name: tensors.decode(text, 100, tensors.TYPES) for name, text in server.asked[0][0].items()}
    assert {name: str(values.dtype) for name, values in sent.items()} == {
        "a": "uint16",
        "b": "float32",
        "earthline_valid": "uint8",
    }
    assert most_tiles(told, 1_500_000) >= most_tiles(TOLD, 1_500_000)


def test_busy_answers_and_lost_connections_are_asked_again(server: Server) -> None:
    server.replies = [(429, {"Retry-After": "0"}, {"error": "busy"}), "hang up", (503, {}, {}), (502, {}, b"<html>")]
    np.testing.assert_array_equal(asked(server)["class_id"][..., 0], INPUTS["a"] % 3)
    assert len(server.asked) == 5 and all(each == server.asked[0] for each in server.asked)


def test_patience_ends_and_says_why(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "PATIENCE_SECONDS", 0.2)
    # It is not asked sooner than it wants to be.
    server.replies = [(429, {"Retry-After": "60"}, {"error": "queue is full"})]
    with pytest.raises(EndpointError, match=r"has not answered for 0 s \(429: .*queue is full.*smaller --concurrency"):
        asked(server)
    assert len(server.asked) == 1


def test_whoever_waits_gives_up_when_told_to(server: Server) -> None:
    server.replies = [(503, {"Retry-After": "60"}, {})]
    endpoint = Endpoint(Address(server.address).post, TOLD, "the endpoint")
    endpoint.end()
    with pytest.raises(EndpointError, match="given up"):
        endpoint.outputs(INPUTS)


def changed(**outputs: Callable[[str], Any]) -> Reply:
    """The right answer, with some outputs changed."""
    instance = {name: tensors.encode(values[0][..., None]) for name, values in INPUTS.items()}
    prediction = {name: outputs.get(name, str)(text) for name, text in right(instance).items()}
    return 200, {}, {"predictions": [prediction, prediction]}


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (
            (400, {}, {"error": "instances[0] lacks the input b"}),
            r"refuses \(400\): .*instances\[0\] lacks the input b",
        ),
        ((403, {}, {}), "refuses.*403.*sign in with"),
        ((404, {}, {}), "refuses.*404.*predict route"),
        ((200, {}, b"<html>"), "answered no JSON: <html>"),
        ((200, {}, {"predictions": []}), "answered 2 tiles with .* instead of a list `predictions` of 2"),
        ((200, {}, {"predictions": [{"class_id": "x"}] * 2}), "'class_id' is no tensor"),
        ((200, {}, {"predictions": [{"other": "x"}] * 2}), "gives no text 'class_id' but .*: another model answers"),
        (
            changed(class_id=lambda text: tensors.encode(np.zeros((5, 4, 1), np.uint8))),
            r"'class_id' has shape \[5, 4, 1\]",
        ),
        (changed(class_id=lambda text: tensors.encode(np.zeros((4, 5, 1), np.float32))), "'class_id' is no tensor"),
        (changed(probabilities=lambda text: tensors.encode(np.zeros((4, 5, 9), np.float32))), "'probabilities'"),
    ],
)
def test_an_answer_of_something_else_is_refused_at_once(server: Server, reply: Reply, problem: str) -> None:
    server.replies = [reply]
    with pytest.raises(EndpointError, match=problem):
        asked(server)
    assert len(server.asked) == 1


def test_a_single_output_may_come_without_its_name(server: Server) -> None:
    told = contract(outputs=(ServedOutput(name="class_id", type="uint8", made="most_probable", used=3),))
    server.replies = [(200, {}, {"predictions": [tensors.encode(np.full((4, 5), 2, np.uint8))] * 2})]
    assert (asked(server, told)["class_id"] == 2).all()


def test_an_endless_answer_is_not_read(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earthline.local_map.addresses.MOST_ANSWER_BYTES", 1 << 16)
    server.replies = [(200, {}, b" " * (1 << 18))]
    with pytest.raises(EndpointError, match="more than 65,536 bytes"):
        asked(server)


def test_a_server_tells_its_contract(server: Server) -> None:
    server.told = 200, {}, TOLD.model_dump_json().encode()
    assert Address(server.address).contract() == TOLD
    server.told = 404, {}, {}
    with pytest.raises(EndpointError, match=r"/contract answers 404.*--model"):
        Address(server.address).contract()


def test_requests_and_answers_stay_below_the_limit() -> None:
    told = contract(tile_shape=(100, 100), overlap=(28, 28), outputs=TOLD.outputs)
    for limit in (400_000, 1_500_000, 10_000_000):
        count = most_tiles(told, limit)
        tile = {name: tensors.encode(np.zeros((128, 128, 1), np.float32)) for name in told.inputs}
        answer = {
            output.name: tensors.encode(np.zeros((128, 128, output.values), output.type)) for output in told.outputs
        }
        bodies = (("instances", tile), ("predictions", answer))
        assert max(len(json.dumps({key: [content] * count})) for key, content in bodies) <= limit
        assert max(len(json.dumps({key: [content] * (count + 1)})) for key, content in bodies) > limit * 0.99
    with pytest.raises(EndpointError, match=r"a tile takes [\d,]+ bytes to ask .*serving.tile_shape"):
        most_tiles(told, 100_000)
