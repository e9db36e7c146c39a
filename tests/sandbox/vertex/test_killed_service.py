"""`kill -9` of Vertex AI's process at random moments of a run: nothing is lost, and the next run goes on."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest
from google.protobuf import json_format
from kfp import dsl

from tests.sandbox.vertex.rest_client import FINAL, PARENT, RestClient

SECONDS = 1.6
"""About how long the pipeline takes, within which it is killed."""

SERVE = """
import asyncio, sys
from pathlib import Path
import uvicorn
from earthline_sandbox.settings import Home, Settings
from earthline_sandbox.vertex import service
from earthline_sandbox.vertex.containers import images

# Whoever edits a source file meanwhile would change the image, and with it every key of the cache.
images.digest = lambda: "one image"

async def main(home, port):
    vertex = service.build(Settings(Home(Path(home)), port))
    await vertex.start()
    await uvicorn.Server(uvicorn.Config(vertex.app, port=port, log_level="warning", lifespan="off")).serve()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@dsl.container_component
def work(trace: str, name: str, done: dsl.OutputPath(str), parts: list = []):  # type: ignore[no-untyped-def, valid-type]  # noqa: B006  # as KFP reads it
    script = 'sleep 0.2; echo "$2" >> "$1"; printf %s "$2" > "$3"'
    return dsl.ContainerSpec(image="any", command=["sh", "-ec", script, "sh"], args=[trace, name, done])


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def think(trace: str, name: str):  # type: ignore[no-untyped-def]  # as KFP reads it
    """A task that is forked, not started."""
    import time

    time.sleep(0.2)
    with open(trace, "a") as file:
        file.write(f"{name}\n")


@dsl.pipeline(name="killed")
def pipeline(trace: str, turn: int) -> None:
    first = think(trace=trace, name=f"{turn} first")
    with dsl.ParallelFor(["a", "b", "c"]) as item:
        middle = work(trace=trace, name=f"{turn} {item}").after(first)
    last = work(trace=trace, name=f"{turn} last", parts=dsl.Collected(middle.outputs["done"]))
    work(trace=trace, name=f"{turn} end").after(last)


class Process(RestClient):
    """Vertex AI in a process of its own, on the same home and port every time."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=30)
        super().__init__(self.client.request)
        self.start()

    def start(self) -> None:
        self._log = (self.home / "service.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.home), str(self.port)], stdout=self._log, stderr=self._log
        )
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.TransportError):
                self.client.get(f"{PARENT}/pipelineJobs")
                return
            assert time.monotonic() < deadline and self.process.poll() is None, self._log.name
            time.sleep(0.05)

    def kill(self) -> list[int]:
        """Kills the process alone; gives what it had started."""
        children = [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._log.close()
        return children


@pytest.fixture
def vertex_process(tmp_path: Path) -> Iterator[Process]:
    (tmp_path / "storage" / "bucket").mkdir(parents=True)
    found = Process(tmp_path)
    yield found
    found.client.close()
    # In order, so that the model's process ends with it.
    found.process.send_signal(signal.SIGTERM)
    found.process.wait(30)
    found._log.close()


def endpoint(vertex: Process, model_server: Path) -> str:
    """An endpoint with a model that answers."""
    container = {
        "imageUri": "any",
        "command": [sys.executable, str(model_server), "here"],
        "healthRoute": "/health",
        "predictRoute": "/predict",
    }
    uploaded = vertex.result(
        vertex.call("POST", "models:upload", {"model": {"displayName": "m", "containerSpec": container}})
    )
    name: str = vertex.result(vertex.call("POST", "endpoints", {"displayName": "maps"}))["name"]
    resources = {"machineSpec": {"machineType": "n1-standard-4"}, "minReplicaCount": 1}
    deployed = {"deployedModel": {"model": uploaded["model"], "dedicatedResources": resources}}
    vertex.result(vertex.call("POST", f"/v1/{name}:deployModel", deployed | {"trafficSplit": {"0": 100}}))
    return name


def gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        running = [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
        if not running:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("kills", [4, pytest.param(10, marks=pytest.mark.long)])
def test_kills_lose_nothing(vertex_process: Process, model_server: Path, tmp_path: Path, kills: int) -> None:
    vertex = vertex_process
    place = endpoint(vertex, model_server)
    spec = json_format.MessageToDict(pipeline.pipeline_spec)
    moments = random.Random(20_261_121)
    trace = tmp_path / "trace"
    interrupted = resumed = 0

    def submit(turn: int) -> dict[str, Any]:
        config = {"gcsOutputDirectory": "gs://bucket/root", "parameterValues": {"trace": str(trace), "turn": turn}}
        job: dict[str, Any] = vertex.call("POST", "pipelineJobs", {"pipelineSpec": spec, "runtimeConfig": config})
        return job

    for turn in range(kills):
        trace.write_text("")
        moment = moments.uniform(0.0, SECONDS)
        job = submit(turn)
        time.sleep(moment)
        children = vertex.kill()
        # The state can be read as it lies there, before anything has put it in order.
        records = list((tmp_path / "vertex" / "records").rglob("*.json"))
        assert records and all(isinstance(orjson.loads(path.read_bytes()), dict) for path in records)
        assert gone(children), f"turn {turn}: containers outlived the sandbox"
        vertex.start()
        before = vertex.call("GET", f"/v1/{job['name']}")
        assert before["state"] in FINAL
        tasks = before.get("jobDetail", {}).get("taskDetails", [])
        assert not [task for task in tasks if task["state"] in ("PENDING", "RUNNING")]
        if before["state"] == "PIPELINE_STATE_FAILED":
            interrupted += 1
            assert "sandbox stopped while running" in before["error"]["message"]
            assert all(task["error"] for task in tasks if task["state"] == "FAILED")
        finished = {task["taskUniqueName"] for task in tasks if task["state"] == "SUCCEEDED" and work_of(task)}
        again = vertex.wait(submit(turn)["name"], seconds=300)
        assert again["state"] == "PIPELINE_STATE_SUCCEEDED", again.get("error")
        skipped = {task["taskUniqueName"] for task in again["jobDetail"]["taskDetails"] if task["state"] == "SKIPPED"}
        assert finished <= skipped, f"turn {turn}: ran again although finished: {finished - skipped}"
        resumed += len(skipped)
        # Whatever finished was run once; of the others, those that ran when the kill came may have run twice.
        runs = trace.read_text().splitlines()
        once = [task["execution"]["metadata"]["input:name"] for task in tasks if task["taskUniqueName"] in finished]
        assert all(runs.count(name) == 1 for name in once), (once, runs)
        assert len(set(runs)) == 6 and len(runs) <= 6 + 3, runs
        found = vertex.call("GET", f"/v1/{place}")
        assert len(found["deployedModels"]) == 1 and list(found["trafficSplit"].values()) == [100]
        deadline = time.monotonic() + 30
        while True:
            answer = vertex.client.post(f"/v1/{place}:predict", json={"instances": [turn]})
            if answer.status_code == 200:
                break
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.1)
        assert answer.json()["predictions"] == [["here", turn]]
    assert interrupted >= kills // 2 and resumed > 0, (interrupted, resumed)


def work_of(task: dict[str, Any]) -> bool:
    """True for a task that is a container, not a group of tasks."""
    return "containerDetail" in task.get("executorDetail", {})


def test_a_child_is_seen_to_be_gone() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        os.kill(child.pid, signal.SIGKILL)
    assert gone([child.pid])
