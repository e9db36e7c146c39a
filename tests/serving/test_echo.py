"""The model that answers with what it was sent, through HTTP."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from earthline.formats import tensors

ROUTE = "/predict"


@pytest.fixture(scope="module")
def server() -> Iterator[httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "UVICORN_HOST": "127.0.0.1", "AIP_HTTP_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "serving.echo"], env=environment, stderr=subprocess.DEVNULL)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)
    for _ in range(200):
        try:
            if client.get("/health").status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.05)
    yield client
    client.close()
    process.terminate()
    process.wait()


def tile(height: int, width: int, length: float) -> str:
    return tensors.encode(np.full((height, width, 1), length, np.float32))


def test_it_answers_shapes_in_as_many_numbers_as_asked_for(server: httpx.Client) -> None:
    instances = [{"length": tile(40, 24, 5), "band1": tile(40, 24, 0)}, {"length": tile(8, 8, 0)}]
    answer = server.post(ROUTE, json={"instances": instances})
    assert answer.status_code == 200
    first, second = (tensors.decode(each["shape"], 10**6) for each in answer.json()["predictions"])
    assert first.shape == (40, 24, 5)
    assert second.shape == (8, 8, 2)
    assert (first[..., 0] == 40).all() and (first[..., 1] == 24).all()
    # A float has four bytes; one of 16 bits has as many as it came with.
    assert (first[..., 2] == 4).all() and not first[..., 3:].any()
    short = tensors.encode(np.full((4, 4, 1), 3, np.uint16))
    (third,) = server.post(ROUTE, json={"instances": [{"length": short}]}).json()["predictions"]
    assert tensors.decode(third["shape"], 10**6)[0, 0].tolist() == [4, 4, 2]


@pytest.mark.parametrize(
    "body",
    ["{", "[]", "{}", '{"instances": [1]}', '{"instances": [{"length": "!"}]}', '{"instances": [{"other": "x"}]}'],
)
def test_what_is_no_tile_is_refused(server: httpx.Client, body: str) -> None:
    assert server.post(ROUTE, content=body).status_code == 400


def test_an_answer_without_end_is_refused(server: httpx.Client) -> None:
    answer = server.post(ROUTE, json={"instances": [{"length": tile(100, 100, 1e9)}]})
    assert answer.status_code == 400
    assert "are more than" in json.loads(answer.text)["error"]
