"""`kill -9` of the whole sandbox at random moments, as a power cut ends it: what was acknowledged is there."""

import itertools
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from google.protobuf import json_format
from kfp import dsl

from tests.conftest import ROOT, Sandbox, attach
from tests.sandbox.vertex.rest_client import FINAL, HOST, RestClient

SECONDS = 1.5
"""About how long the pipeline takes, within which the sandbox is killed."""

SERVE = """
import sys
from pathlib import Path
from earthline_sandbox.lifecycle.daemon import serve
from earthline_sandbox.settings import Home
from earthline_sandbox.vertex.containers import images

# Whoever edits a source file meanwhile would change the image, and with it every key of the cache.
images.digest = lambda: "one image"
serve(Home(Path(sys.argv[1])), idle_minutes=0, echo=False)
"""

EARTH_ENGINE = """
import sys
import ee
ee.Initialize(project="sandbox")
for turn in sys.stdin:
    folder = f"projects/sandbox/assets/turn{turn.strip()}"
    ee.data.createFolder(folder)
    tasks = []
    for number in range(3):
        image = ee.Image.random(number).focalMedian(6, "square", "pixels")
        region = ee.Geometry.Rectangle([0, 0, 60000, 60000], "EPSG:3857", False)
        grid = {"region": region, "crs": "EPSG:3857", "scale": 30}
        task = ee.batch.Export.image.toAsset(image, "made", f"{folder}/{number}", **grid)
        task.start()
        tasks.append(task.name)
    print(folder, *tasks, flush=True)
"""
"""A client that outlives the sandbox, whose ports stay the same: each line that it reads begins three long tasks."""


@dsl.container_component
def work(name: str, done: dsl.OutputPath(str), parts: list = []):  # type: ignore[no-untyped-def, valid-type]  # noqa: B006  # as KFP reads it
    return dsl.ContainerSpec(
        image="any", command=["sh", "-ec", 'sleep 0.2; printf %s "$1" > "$2"', "sh"], args=[name, done]
    )


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def think(name: str) -> str:
    """A task that is forked, not started."""
    import time

    time.sleep(0.2)
    return name


@dsl.pipeline(name="killed-sandbox")
def pipeline(turn: int) -> None:
    first = think(name=f"{turn} first")
    with dsl.ParallelFor(["a", "b", "c"]) as item:
        middle = work(name=f"{turn} {item}").after(first)
    work(name=f"{turn} last", parts=dsl.Collected(middle.outputs["done"]))


class Whole(RestClient):
    """A sandbox with everything that belongs to it: its daemon, its services, and the processes of its containers."""

    def __init__(self, home: Path) -> None:
        super().__init__(lambda method, path, **options: self.sandbox.request(method, HOST, path, **options))
        self.home = home
        home.mkdir()
        self.start()
        assert self.sandbox.environment

    def start(self) -> None:
        (self.home / "state.json").unlink(missing_ok=True)
        with (self.home / "daemon.out").open("ab") as log:
            command = [sys.executable, "-c", SERVE, str(self.home)]
            self.daemon = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 120
        while not (self.home / "state.json").exists():
            assert time.monotonic() < deadline and self.daemon.poll() is None, (self.home / "daemon.out").read_text()
            time.sleep(0.05)
        self.sandbox: Sandbox = attach(self.home)

    def kill(self, *, guard_first: bool) -> list[psutil.Process]:
        """Kills every process at once; or the daemon and the guard of its containers, which live on as orphans.

        Returns:
            The processes of the containers.
        """
        # Stopped it begins nothing more while its children are looked for.
        self.daemon.send_signal(signal.SIGSTOP)
        children = psutil.Process(self.daemon.pid).children(recursive=True)
        guards = [child for child in children if is_guard(child)]
        assert guards
        for process in guards if guard_first else children:
            process.kill()
        self.daemon.kill()
        self.daemon.wait()
        psutil.wait_procs(guards, 10)
        return [child for child in children if child not in guards]

    def submit(self, turn: int) -> dict[str, Any]:
        spec = json_format.MessageToDict(pipeline.pipeline_spec)
        config = {"gcsOutputDirectory": "gs://earthline-sandbox/root", "parameterValues": {"turn": turn}}
        job: dict[str, Any] = self.call("POST", "pipelineJobs", {"pipelineSpec": spec, "runtimeConfig": config})
        return job

    def endpoint(self, model_server: Path) -> dict[str, Any]:
        """An endpoint with two models that answer, 80 to 20."""
        name = self.result(self.call("POST", "endpoints", {"displayName": "maps"}))["name"]
        ids: list[str] = []
        for answer in ("first", "second"):
            command = [sys.executable, str(model_server), answer]
            container = {"imageUri": "any", "command": command, "healthRoute": "/health", "predictRoute": "/predict"}
            model = {"displayName": answer, "containerSpec": container}
            uploaded = self.result(self.call("POST", "models:upload", {"model": model}))["model"]
            resources = {"machineSpec": {"machineType": "n1-standard-4"}, "minReplicaCount": 1}
            deployed = {"model": uploaded, "dedicatedResources": resources}
            split = {"0": 20, ids[0]: 80} if ids else {"0": 100}
            body = {"deployedModel": deployed, "trafficSplit": split}
            ids.append(self.result(self.call("POST", f"/v1/{name}:deployModel", body))["deployedModel"]["id"])
        found: dict[str, Any] = self.call("GET", f"/v1/{name}")
        return found


def is_guard(process: psutil.Process) -> bool:
    try:
        return any("reaper.py" in word for word in process.cmdline())
    except psutil.Error:
        return False  # it ended, and nobody has waited for it yet


class Uploads(threading.Thread):
    """Writes small objects one after the other until the sandbox is gone.

    Attributes:
        kept: Names of the objects that the sandbox has acknowledged.
    """

    def __init__(self, sandbox: Sandbox, turn: int) -> None:
        super().__init__(daemon=True)
        self._sandbox = sandbox
        self._turn = turn
        self.kept: list[str] = []
        self.start()

    def run(self) -> None:
        for number in itertools.count():
            name = f"kept/{self._turn}/{number}"
            path = f"/upload/storage/v1/b/earthline-sandbox/o?uploadType=media&name={name}"
            try:
                answer = self._sandbox.request("POST", "storage.googleapis.com", path, content=name.encode() * 100)
            except httpx.TransportError:
                return
            assert answer.status_code == 200
            self.kept.append(name)
            time.sleep(0.02)


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    found = Whole(tmp_path / "home")
    yield found
    found.daemon.send_signal(signal.SIGTERM)
    found.daemon.wait(60)


@pytest.fixture
def earth_engine(whole: Whole) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", EARTH_ENGINE]
    environment = whole.sandbox.client_environment()
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def check_pipeline_job(whole: Whole, job: dict[str, Any], turn: int) -> tuple[bool, int]:
    """Checks a job after a kill and runs it again.

    Returns:
        Whether it was cut off, and how many tasks of the second run came from the cache.
    """
    before = whole.call("GET", f"/v1/{job['name']}")
    assert before["state"] in FINAL
    tasks = before.get("jobDetail", {}).get("taskDetails", [])
    assert not [task for task in tasks if task["state"] in ("PENDING", "RUNNING")]
    interrupted = before["state"] == "PIPELINE_STATE_FAILED"
    if interrupted:
        assert "sandbox stopped while running" in before["error"]["message"]
        assert all("sandbox stopped" in task["error"]["message"] for task in tasks if task["state"] == "FAILED")
    containers = [task for task in tasks if "containerDetail" in task.get("executorDetail", {})]
    finished = {task["taskUniqueName"] for task in containers if task["state"] == "SUCCEEDED"}
    again = whole.wait(whole.submit(turn)["name"], seconds=300)
    assert again["state"] == "PIPELINE_STATE_SUCCEEDED", again.get("error")
    skipped = {task["taskUniqueName"] for task in again["jobDetail"]["taskDetails"] if task["state"] == "SKIPPED"}
    assert finished <= skipped, f"turn {turn}: ran again although finished: {finished - skipped}"
    return interrupted, len(skipped)


def check_endpoint(whole: Whole, before: dict[str, Any]) -> None:
    """Both models are deployed as they were, and both answer."""
    found = whole.call("GET", f"/v1/{before['name']}")
    assert [model["id"] for model in found["deployedModels"]] == [model["id"] for model in before["deployedModels"]]
    assert found["trafficSplit"] == before["trafficSplit"] and sorted(found["trafficSplit"].values()) == [20, 80]
    answers = set()
    deadline = time.monotonic() + 60
    while len(answers) < 2:
        body = {"instances": [1]}
        answer = whole.sandbox.request("POST", HOST, f"/v1/{before['name']}:predict", json=body)
        if answer.status_code == 200:
            answers.add(answer.json()["predictions"][0][0])
        else:
            time.sleep(0.1)
        assert time.monotonic() < deadline, (answers, answer.text)
    assert answers == {"first", "second"}


def check_earth_engine(whole: Whole, words: list[str]) -> list[str]:
    """The acknowledged folder is there, every task has ended and what was cut off says why; gives the states."""
    folder, *tasks = words
    earth_engine = "earthengine.googleapis.com"
    asset = whole.sandbox.request("GET", earth_engine, f"/v1/{folder}")
    assert asset.status_code == 200 and asset.json()["type"] == "FOLDER", asset.text
    listed = whole.sandbox.request("GET", earth_engine, f"/v1/{folder}:listAssets").json().get("assets", [])
    operations = [whole.sandbox.request("GET", earth_engine, f"/v1/{name}").json() for name in tasks]
    states = [operation["metadata"]["state"] for operation in operations]
    for number, operation in enumerate(operations):
        assert operation["done"]
        made = f"{folder}/{number}" in [asset["name"] for asset in listed]
        if operation["metadata"]["state"] == "SUCCEEDED":
            assert made
        else:
            assert operation["metadata"]["state"] == "FAILED"
            assert "The sandbox stopped while this task ran" in operation["error"]["message"]
    names = whole.sandbox.request("GET", earth_engine, "/v1/projects/sandbox/operations").json()["operations"]
    assert {*tasks} <= {operation["name"] for operation in names}
    return states


@pytest.mark.slow
@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.long)])
def test_kills_of_the_whole_sandbox_lose_nothing(
    whole: Whole, earth_engine: "subprocess.Popen[str]", model_server: Path, kills: int
) -> None:
    assert earth_engine.stdin and earth_engine.stdout
    endpoint = whole.endpoint(model_server)
    moments = random.Random(20_261_121)
    interrupted = resumed = acknowledged = 0
    states: list[str] = []
    for turn in range(kills):
        print(turn, file=earth_engine.stdin, flush=True)
        begun = earth_engine.stdout.readline().split()
        pool = {"containerSpec": {"imageUri": "any", "command": ["sleep", "600"]}, "replicaCount": 1}
        pool["machineSpec"] = {"machineType": "n1-standard-4"}
        training = {"displayName": "training", "jobSpec": {"workerPoolSpecs": [pool]}}
        custom_job = whole.call("POST", "customJobs", training)
        uploads = Uploads(whole.sandbox, turn)
        job = whole.submit(turn)
        time.sleep(moments.uniform(0.0, SECONDS))
        as_orphans = turn % 2 == 0
        containers = whole.kill(guard_first=as_orphans)
        uploads.join()
        if as_orphans:
            # A power cut leaves none of them; so much the worse where something kills the daemon and its guard alone.
            servers = [process for process in containers if process.is_running() and "sleep" not in process.name()]
            assert len(servers) >= 2
        # The state can be read as it lies there, before anything has put it in order.
        for path in (whole.home / "vertex" / "records").rglob("*.json"):
            assert isinstance(json.loads(path.read_bytes()), dict), path

        whole.start()
        _, alive = psutil.wait_procs(containers, 5)
        assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
        cut_off, cached = check_pipeline_job(whole, job, turn)
        interrupted += cut_off
        resumed += cached
        trained = whole.call("GET", f"/v1/{custom_job['name']}")
        assert trained["state"] == "JOB_STATE_FAILED" and "sandbox ended" in trained["error"]["message"]
        check_endpoint(whole, endpoint)
        states += check_earth_engine(whole, begun)
        acknowledged += len(uploads.kept)
        for name in uploads.kept:
            content = whole.sandbox.request("GET", "storage.googleapis.com", f"/earthline-sandbox/{name}").content
            assert content == name.encode() * 100
    assert interrupted >= kills // 2 and resumed > 0 and acknowledged > 0, (interrupted, resumed, acknowledged)
    assert states.count("FAILED") >= kills, states
