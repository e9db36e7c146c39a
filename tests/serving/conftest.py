"""A SavedModel by the contract, and the real server around it in a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import keras
import pytest

from tests import small_network

BANDS = ("red", "0_nir")
"""One as it is, one that no signature of a SavedModel can carry."""


@dataclass(frozen=True)
class Server:
    """A running prediction server."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def network() -> keras.Model:
    return small_network.network()


@pytest.fixture(scope="session")
def saved_model(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved_model")
    small_network.prepare(network, BANDS, folder)
    return folder


def started(folder: Path, log: Path, **settings: str) -> Server:
    port = free_port()
    environment = {
        **os.environ,
        "GOOGLE_CLOUD_PROJECT": "",
        "AIP_STORAGE_URI": str(folder),
        "AIP_HTTP_PORT": str(port),
        "AIP_HEALTH_ROUTE": "/health",
        "AIP_PREDICT_ROUTE": "/predict",
        "UVICORN_HOST": "127.0.0.1",
        **settings,
    }
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", "serving"], env=environment, stdout=file, stderr=file)
    return Server(f"http://127.0.0.1:{port}", process, log)


def answered(server: Server, wanted: set[int], seconds: float = 90) -> httpx.Response:
    """The first answer of the health check with one of these statuses."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert server.process.poll() is None, server.log.read_text()
        try:
            response = httpx.get(f"{server.url}/health", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if response.status_code in wanted:
            return response
        time.sleep(0.1)
    raise AssertionError(f"no {wanted} within {seconds} s:\n{server.log.read_text()}")


@pytest.fixture(scope="session")
def server(saved_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = started(saved_model, tmp_path_factory.mktemp("log") / "server.log")
    try:
        answered(running, {200})
        yield running
    finally:
        running.process.terminate()
        running.process.wait(30)
