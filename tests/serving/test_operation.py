"""What whoever operates the server sees: metrics, log, traces, refusals under load, and how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from earthline.formats import tensors

from .conftest import answered, free_port, started

ONES = tensors.encode(np.ones((4, 4, 1), np.float32))
BODY = {"instances": [{"red": ONES, "0_nir": ONES, "earthline_valid": ONES}]}

SLOW = """
import os, pathlib, sys, time
import numpy as np
from earthline import runtimes
from earthline.formats.served.contract import Contract
from serving.__main__ import main

class Slow:
    name, calls, batch = "slow", 1, 1
    contract = Contract.read(pathlib.Path(os.environ["AIP_STORAGE_URI"]))

    def predict(self, inputs):
        print("predict", flush=True)
        while not pathlib.Path(os.environ["GO"]).exists():
            time.sleep(0.01)
        return np.zeros((*inputs["red"].shape, 3), np.float32)

runtimes.load = lambda folder, name=None: Slow()
sys.exit(main())
"""
"""The server with a model that computes once the file GO is there, and says each time that it begins."""


class SlowServer:
    def __init__(self, folder: Path, tmp_path: Path, **settings: str) -> None:
        self.go, self.log, self.port = tmp_path / "go", tmp_path / "log", free_port()
        environment = {
            **os.environ,
            "AIP_STORAGE_URI": str(folder),
            "AIP_HTTP_PORT": str(self.port),
            "UVICORN_HOST": "127.0.0.1",
            "GO": str(self.go),
            **settings,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SLOW], env=environment, stdout=subprocess.PIPE, stderr=log
            )
        self.url = f"http://127.0.0.1:{self.port}"
        answered(self, {200})  # type: ignore[arg-type]

    def post(self) -> httpx.Response:
        return httpx.post(f"{self.url}/predict", json=BODY, trust_env=False, timeout=60)

    def began(self) -> None:
        """Waits until the model computes the next tile."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"predict\n"

    def waiting(self) -> int:
        found = re.search(r"earthline_waiting_tiles (\d+)", self.get("/metrics").text)
        assert found is not None
        return int(found[1])

    def get(self, route: str) -> httpx.Response:
        return httpx.get(f"{self.url}{route}", trust_env=False)


@pytest.fixture
def slow(saved_model: Path, tmp_path: Path) -> Iterator[Any]:
    servers: list[SlowServer] = []

    def make(**settings: str) -> SlowServer:
        servers.append(SlowServer(saved_model, tmp_path, **settings))
        return servers[0]

    yield make
    for server in servers:
        server.process.kill()
        server.process.wait()
        assert server.process.stdout is not None
        server.process.stdout.close()


def until(said: Any, wanted: Any) -> None:
    for _ in range(3000):
        if said() == wanted:
            return
        time.sleep(0.01)
    raise AssertionError(f"{said()} instead of {wanted}")


def test_more_than_may_wait_is_429_with_a_time_and_who_hangs_up_is_not_computed(slow: Any) -> None:
    server = slow(SERVING_QUEUE_TILES="1")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(server.post)
        server.began()
        # One that waits, and whose client hangs up: its place is taken again.
        body = json.dumps(BODY).encode()
        with socket.create_connection(("127.0.0.1", server.port)) as gone:
            gone.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            until(server.waiting, 1)
            refused = server.post()
        assert refused.status_code == 429
        assert refused.json()["error"].startswith("1 tiles are waiting; at most 1 may; try again in ")
        assert int(refused.headers["retry-after"]) >= 1
        until(lambda: '"status":499' in server.log.read_text(), True)
        server.go.touch()
        assert first.result().status_code == 200
    assert server.post().status_code == 200
    metrics = server.get("/metrics").text
    assert 'earthline_refused_total{exhausted="queue"} 1.0' in metrics
    assert "earthline_tiles_total 2.0" in metrics


def test_after_sigterm_health_says_no_and_everything_under_way_is_answered(slow: Any) -> None:
    server = slow(SERVING_DRAIN_SECONDS="5")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(server.post)
        server.began()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.get("/health").status_code, 503)
        assert "ending" in server.get("/health").json()["error"]
        # Whoever has not seen it yet is answered as well.
        late = pool.submit(server.post)
        until(server.waiting, 1)
        server.go.touch()
        assert first.result().status_code == late.result().status_code == 200
    assert server.process.wait(60) in (0, -signal.SIGTERM)


def test_a_model_that_does_not_come_back_keeps_no_server_from_ending(slow: Any) -> None:
    server = slow(SERVING_DRAIN_SECONDS="0", SERVING_GRACE_SECONDS="1")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(server.post)
        server.began()
        server.process.send_signal(signal.SIGTERM)
        answer = first.result()
    assert answer.status_code == 503 and "send the request again, to another" in answer.json()["error"]
    assert server.process.wait(30) in (0, -signal.SIGTERM)
    assert '"status":503' in server.log.read_text()


def test_a_second_signal_ends_the_wait_for_others_and_answers_what_is_under_way(slow: Any) -> None:
    server = slow(SERVING_DRAIN_SECONDS="60")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(server.post)
        server.began()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.get("/health").status_code, 503)
        server.process.send_signal(signal.SIGINT)
        server.go.touch()
        assert first.result().status_code == 200
    assert server.process.wait(30) in (0, 130)
    # Nothing but its own lines: no traceback of an interrupt, no notice of a library.
    assert all(json.loads(line)["severity"] in ("INFO", "WARNING") for line in server.log.read_text().splitlines())


def test_a_body_that_does_not_arrive_is_given_up(saved_model: Path, tmp_path: Path) -> None:
    server = started(saved_model, tmp_path / "log", SERVING_READ_SECONDS="1")
    try:
        answered(server, {200})
        with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))) as sleepy:
            sleepy.settimeout(60)
            sleepy.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
            answer = b"".join(iter(lambda: sleepy.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 408 ") and b"within 1 s" in answer
    finally:
        server.process.kill()
        server.process.wait()


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("sent", "trace", "span"),
    [
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE, "00f067aa0ba902b7"),
        ({"x-cloud-trace-context": f"{TRACE}/255;o=1"}, TRACE, "00000000000000ff"),
        ({"x-cloud-trace-context": "non sense"}, None, None),
        ({}, None, None),
    ],
)
def test_traces_are_sent_back_and_in_the_log(
    server: Any, sent: dict[str, str], trace: str | None, span: str | None
) -> None:
    own = f"mine-{len(sent)}-{span}"
    response = httpx.post(
        f"{server.url}/predict", json=BODY, headers={**sent, "x-request-id": own}, trust_env=False, timeout=60
    )
    assert response.status_code == 200
    assert response.headers["x-request-id"] == own
    for name, value in sent.items():
        assert response.headers.get(name) == (value if trace else None)
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    [line] = [line for line in lines if line.get("request_id") == own]
    assert line.get("logging.googleapis.com/trace") == trace and line.get("logging.googleapis.com/spanId") == span
    assert (line["severity"], line["route"], line["status"], line["instances"]) == ("INFO", "/predict", 200, 1)
    # What was sent is in no line.
    assert ONES[:40] not in server.log.read_text()


def test_a_request_without_an_id_gets_one(server: Any) -> None:
    ids = {httpx.get(f"{server.url}/health", trust_env=False).headers.get("x-request-id") for _ in range(2)}
    ids |= {
        httpx.post(f"{server.url}/predict", content=b"{", trust_env=False).headers["x-request-id"] for _ in range(2)
    }
    assert len(ids - {None}) == 2


def test_metrics_count_what_was_answered(server: Any) -> None:
    def count() -> float:
        text = httpx.get(f"{server.url}/metrics", trust_env=False).text
        assert "earthline_ready 1.0" in text and 'runtime="openvino"' in text
        found = re.search(r'earthline_requests_total\{protocol="http",status="400"\} (\S+)', text)
        return float(found[1]) if found else 0.0

    before = count()
    httpx.post(f"{server.url}/predict", content=b"{", trust_env=False)
    assert count() == before + 1
