"""What many requests at once, and computations that nothing can interrupt, do to the daemon."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT

SERVER = """
import sys, time
from pathlib import Path
import httpx
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
import earthline_sandbox.lifecycle.daemon as daemon
from earthline_sandbox.settings import Home

class Slow:
    name, hosts = "slow", ("slow.googleapis.com",)
    def __init__(self, settings):
        def leaf(request):
            return PlainTextResponse("leaf")
        def nested(request):
            time.sleep(0.5)
            url = f"http://127.0.0.1:{settings.port}/leaf"
            return PlainTextResponse(httpx.get(url, headers={"Host": "slow.googleapis.com"}, timeout=20).text)
        def sleep(request):
            time.sleep(600)
        self.app = Starlette(routes=[Route("/leaf", leaf), Route("/nested", nested), Route("/sleep", sleep)])
    async def start(self): pass
    async def stop(self): pass
    async def reset(self): pass
    def busy(self): return False
    def status(self): return {}

daemon.build_services = lambda settings: [Slow(settings)]
daemon.LINGER_S = 1.0
daemon.serve(Home(Path(sys.argv[1])), idle_minutes=0, echo=True)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A daemon with one service whose handlers take their time, and the address of its application."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path)], cwd=ROOT)
    state = tmp_path / "state.json"
    deadline = time.monotonic() + 60
    while not state.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield process, f"http://127.0.0.1:{json.loads(state.read_text())['port']}"
    process.kill()
    process.wait()


def get(url: str) -> str:
    return httpx.get(url, headers={"Host": "slow.googleapis.com"}, timeout=30, trust_env=False).text


def test_requests_that_wait_for_requests_do_not_lock_each_other_out(
    server: tuple[subprocess.Popen[bytes], str],
) -> None:
    """As 60 `predictImage` requests do, each of which waits for a prediction by the same application."""
    _, address = server
    with ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(get, [f"{address}/nested"] * 60))
    assert answers == ["leaf"] * 60


def test_a_computation_that_does_not_end_does_not_keep_the_daemon(
    server: tuple[subprocess.Popen[bytes], str], tmp_path: Path
) -> None:
    process, address = server
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, f"{address}/sleep")
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        with pytest.raises(httpx.HTTPError):
            waiting.result(20)
    assert not (tmp_path / "state.json").exists()
