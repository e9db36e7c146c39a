"""A Vertex AI service of the test's own on a loopback port, without proxy and gRPC."""

import asyncio
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from earthline_sandbox.settings import Home, Settings
from earthline_sandbox.vertex import service
from earthline_sandbox.vertex.schedules.schedule_clock import Clock
from tests.sandbox.vertex.rest_client import RestClient
from tests.sandbox.vertex.small_pipelines import Jobs

SERVER = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

assert os.environ["UVICORN_HOST"] == "127.0.0.1"
started = time.monotonic()
answer = sys.argv[1]
delay = float(os.environ.get("DELAY", "0"))

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def reply(self, code, body, kind="application/json"):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Server", answer)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        up = self.path == os.environ["AIP_HEALTH_ROUTE"] and time.monotonic() - started >= delay
        self.reply(200 if up else 503, b"{}")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != os.environ["AIP_PREDICT_ROUTE"]:
            return self.reply(404, b"no such route")
        if self.headers.get("X-Raw"):
            return self.reply(200, self.headers["X-Raw"].encode() + b"|" + body, "text/plain")
        request = json.loads(body)
        instances = request["instances"]
        if instances == ["crash"]:
            os._exit(7)
        if instances == ["refuse"]:
            return self.reply(422, b"instances[0] must be a number")
        if instances == ["garbage"]:
            return self.reply(200, b"[1, 2]")
        if instances == ["environment"]:
            instances = [{k: v for k, v in os.environ.items() if k.startswith(("AIP_", "MY_"))}]
        if instances == ["pid"]:
            instances = [os.getpid()]
        result = {"predictions": [[answer, item] for item in instances]}
        self.reply(200, json.dumps(result).encode())

    def log_message(self, *args):
        pass

print("serving", answer, flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()
"""


class Vertex(RestClient):
    """A service that tests start, stop and start again on the same home folder."""

    def __init__(self, home: Path, clock: Clock | None = None, containers: str = "") -> None:
        self.home = home
        self.clock = clock
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.settings = Settings(Home(home), self.port, containers=containers)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=60)
        super().__init__(self.client.request)
        self._script = home / "server.py"
        self.start()

    def start(self) -> None:
        self.service = service.build(self.settings, self.clock)
        config = uvicorn.Config(self.service.app, port=self.port, log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self.service.start()
            await self._server.serve()
            await self.service.stop()

        with asyncio.Runner() as runner:
            runner.run(serve())

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def reset(self) -> None:
        asyncio.run_coroutine_threadsafe(self.service.reset(), self._loop).result()

    def model(self, answer: str = "one", **extra: Any) -> dict[str, Any]:
        """An UploadModelRequest for a server that answers every instance with `answer` beside it."""
        self._script.write_text(SERVER)
        spec = {
            "imageUri": "earthline:0.1.0",
            "command": [sys.executable, str(self._script)],
            "args": ["$(ANSWER)"],
            "env": [{"name": "ANSWER", "value": answer}],
            "healthRoute": "/health",
            "predictRoute": "/predict",
        }
        spec.update(extra.pop("containerSpec", {}))
        return {"model": {"displayName": "tiny", "containerSpec": spec, **extra}}

    def upload(self, answer: str = "one", **extra: Any) -> str:
        response = self.result(self.call("POST", "models:upload", self.model(answer, **extra)))
        return f"{response['model']}@{response['modelVersionId']}"

    def endpoint(self, **extra: Any) -> str:
        name: str = self.result(self.call("POST", "endpoints", {"displayName": "maps", **extra}))["name"]
        return name

    def deploy(self, endpoint: str, model: str, split: dict[str, int] | None = None, **extra: Any) -> dict[str, Any]:
        """Begins a deployment and gives its operation."""
        resources = {"machineSpec": {"machineType": "n1-standard-4"}, "minReplicaCount": 1}
        body = {
            "deployedModel": {"model": model, "dedicatedResources": resources, **extra},
            "trafficSplit": {"0": 100} if split is None else split,
        }
        operation: dict[str, Any] = self.call("POST", f"/v1/{endpoint}:deployModel", body)
        return operation

    def predict(self, endpoint: str, *instances: Any, expect: int = 200) -> Any:
        return self.call("POST", f"/v1/{endpoint}:predict", {"instances": list(instances)}, expect=expect)


@pytest.fixture(scope="session")
def vertex_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vertex]:
    found = Vertex(tmp_path_factory.mktemp("vertex"))
    yield found
    found.client.close()
    found.stop()


@pytest.fixture
def model_server(tmp_path: Path) -> Path:
    """A model server's script; its argument is what it answers beside every instance."""
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    return script


@pytest.fixture
def vertex(vertex_service: Vertex) -> Iterator[Vertex]:
    """The service without any resource or object; whatever a test leaves running is ended."""
    yield vertex_service
    vertex_service.reset()
    shutil.rmtree(vertex_service.home / "storage", ignore_errors=True)


@pytest.fixture
def jobs(vertex: Vertex) -> Jobs:
    """What submits pipelines to that service and waits for them."""
    return Jobs(vertex)
