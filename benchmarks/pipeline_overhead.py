"""What the sandbox's pipeline engine costs: per no-op task, and for tasks side by side."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from google.protobuf import json_format
from kfp import dsl, local

from benchmarks.measurements import Measurement

TASKS = 50
ROUNDS = 3
HOST = "us-central1-aiplatform.googleapis.com"
SANDBOX = (sys.executable, "-m", "earthline_sandbox")
PARENT = "/v1/projects/sandbox/locations/us-central1"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def step(number: int) -> int:
    return number + 1


@dsl.pipeline(name="chain")
def chain() -> int:
    task = step(number=0)
    for _ in range(TASKS - 1):
        task = step(number=task.output)
    return task.output


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def nap():
    import time

    time.sleep(1)


@dsl.pipeline(name="naps")
def naps():
    for _ in range(3):
        nap()


class Engine:
    """A running sandbox's Vertex AI.

    Attributes:
        environment: Variables that lead the unmodified client there.
    """

    def __init__(self, status: dict[str, Any], environment: dict[str, str]) -> None:
        """Reaches the daemon that `earthline-sandbox status --json` described."""
        self.environment = environment
        self._process = psutil.Process(status["pid"])
        address = f"http://127.0.0.1:{status['port']}"
        self._client = httpx.Client(base_url=address, headers={"Host": HOST}, timeout=60, trust_env=False)

    def submit(self, pipeline: Any) -> dict[str, Any]:
        """Begins a job that reads nothing from the cache."""
        spec = json_format.MessageToDict(pipeline.pipeline_spec)
        for task in spec["root"]["dag"]["tasks"].values():
            task.pop("cachingOptions", None)
        config = {"gcsOutputDirectory": "gs://earthline-sandbox/benchmark"}
        body = {"displayName": "benchmark", "pipelineSpec": spec, "runtimeConfig": config}
        job: dict[str, Any] = self._client.post(f"{PARENT}/pipelineJobs", json=body).raise_for_status().json()
        return job

    def states(self) -> list[str]:
        """States of all jobs, newest first: a small answer, however many tasks a job has."""
        answer = self._client.get(f"{PARENT}/pipelineJobs", params={"readMask": "state"}).raise_for_status()
        return [job["state"] for job in answer.json()["pipelineJobs"]]

    def memory(self) -> float:
        """Resident memory of the daemon in MB."""
        found: float = self._process.memory_info().rss / 1e6
        return found

    def ended(self, name: str) -> int:
        """How many tasks of a job have ended."""
        job = self._client.get(f"/v1/{name}").raise_for_status().json()
        return sum("endTime" in task for task in job.get("jobDetail", {}).get("taskDetails", []))

    def run(self, pipeline: Any, every: float = 0.2) -> float:
        """Runs a pipeline; gives the seconds from its creation to its end."""
        job = self.submit(pipeline)
        while self.states()[0] in ("PIPELINE_STATE_PENDING", "PIPELINE_STATE_RUNNING"):
            time.sleep(every)
        job = self._client.get(f"/v1/{job['name']}").raise_for_status().json()
        if job["state"] != "PIPELINE_STATE_SUCCEEDED":
            raise RuntimeError(f"the benchmark's pipeline ended as {job['state']}: {job.get('error')}")
        began, ended = (datetime.fromisoformat(job[key].replace("Z", "+00:00")) for key in ("createTime", "endTime"))
        return (ended - began).total_seconds()


def measure() -> list[Measurement]:
    """Medians of rounds in which each alternative has its turn."""
    seconds: dict[str, list[float]] = {"bare": [], "engine": [], "local": [], "naps": []}
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder)) as engine:
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(Path(folder) / "local"))
        for _ in range(ROUNDS):
            seconds["engine"].append(engine.run(chain) / TASKS)
            seconds["local"].append(_kfp_local() / TASKS)
            seconds["bare"].append(_bare(Path(folder)) / TASKS)
            seconds["naps"].append(engine.run(naps))
    engine_seconds, local_seconds, bare_seconds, nap_seconds = (
        statistics.median(seconds[key]) for key in ("engine", "local", "bare", "naps")
    )
    return [
        Measurement("sandbox engine, per task", engine_seconds, "kfp.local subprocess runner", local_seconds, "s"),
        Measurement("sandbox engine, per task", engine_seconds, "the bare process", bare_seconds, "s"),
        Measurement("three tasks of 1 s side by side", nap_seconds, "limit", 1.5, "s"),
    ]


@contextmanager
def sandbox(folder: Path) -> Iterator[Engine]:
    """A sandbox of its own, with its home in a folder."""
    home = ["--home", str(folder / "home")]
    subprocess.run([*SANDBOX, "start", *home], check=True, stdout=subprocess.DEVNULL)
    try:
        status, environment = (
            json.loads(subprocess.check_output([*SANDBOX, command, "--json", *home])) for command in ("status", "env")
        )
        yield Engine(status, environment)
    finally:
        subprocess.run(
            [sys.executable, "-m", "earthline_sandbox", "stop", *home], check=True, stdout=subprocess.DEVNULL
        )


def _bare(folder: Path) -> float:
    """The executor's own command, run one after the other, with nothing around it."""
    spec = json_format.MessageToDict(chain.pipeline_spec)
    container = next(iter(spec["deploymentSpec"]["executors"].values()))["container"]
    outputs = folder / "bare"
    outputs.mkdir(exist_ok=True)
    executor_input = {
        "inputs": {"parameterValues": {"number": 1}},
        "outputs": {
            "outputFile": str(outputs / "output.json"),
            "parameters": {"Output": {"outputFile": str(outputs / "Output")}},
        },
    }
    arguments = ["--executor_input", json.dumps(executor_input), "--function_to_execute", "step"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    began = time.perf_counter()
    for _ in range(TASKS):
        subprocess.run(
            [*container["command"], *arguments],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    return time.perf_counter() - began


def _kfp_local() -> float:
    began = time.perf_counter()
    chain()
    return time.perf_counter() - began
