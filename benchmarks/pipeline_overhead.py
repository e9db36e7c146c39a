"""What one no-op task costs in the sandbox's pipeline engine, in kfp.local, and as the bare process."""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import yaml
from kfp import compiler, dsl, local

from benchmarks.figures import Figure

TASKS = 20
HOST = "us-central1-aiplatform.googleapis.com"
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


def measure() -> list[Figure]:
    """Seconds per task, in turn in one run."""
    with tempfile.TemporaryDirectory() as folder:
        bare = _bare(Path(folder))
        engine = _sandbox(Path(folder))
        reference = _kfp_local(Path(folder))
    return [
        Figure("sandbox engine, per task", engine, "kfp.local subprocess runner", reference, "s"),
        Figure("sandbox engine, per task", engine, "the bare process", bare, "s"),
    ]


def _compiled(folder: Path) -> dict[str, Any]:
    path = folder / "chain.yaml"
    compiler.Compiler().compile(chain, str(path))
    spec: dict[str, Any] = yaml.safe_load(path.read_text())
    return spec


def _bare(folder: Path) -> float:
    """The executor's own command, run one after the other, with nothing around it."""
    spec = _compiled(folder)
    container = next(iter(spec["deploymentSpec"]["executors"].values()))["container"]
    outputs = folder / "bare"
    outputs.mkdir()
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
    return (time.perf_counter() - began) / TASKS


def _sandbox(folder: Path) -> float:
    home = ["--home", str(folder / "home")]
    subprocess.run([sys.executable, "-m", "sandbox", "start", *home], check=True, stdout=subprocess.DEVNULL)
    try:
        status = subprocess.run(
            [sys.executable, "-m", "sandbox", "status", "--json", *home], check=True, capture_output=True, text=True
        )
        port = json.loads(status.stdout)["port"]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Host": HOST}, timeout=60) as client:
            body = {
                "displayName": "chain",
                "pipelineSpec": _compiled(folder),
                "runtimeConfig": {"gcsOutputDirectory": "gs://earthline-sandbox/benchmark"},
            }
            job = client.post(f"{PARENT}/pipelineJobs", json=body).raise_for_status().json()
            while "endTime" not in job:
                time.sleep(0.2)
                job = client.get(f"/v1/{job['name']}").raise_for_status().json()
        if job["state"] != "PIPELINE_STATE_SUCCEEDED":
            raise RuntimeError(f"the benchmark's pipeline ended as {job['state']}: {job.get('error')}")
        began, ended = (datetime.fromisoformat(job[key].replace("Z", "+00:00")) for key in ("createTime", "endTime"))
        return (ended - began).total_seconds() / TASKS
    finally:
        subprocess.run([sys.executable, "-m", "sandbox", "stop", *home], check=True, stdout=subprocess.DEVNULL)


def _kfp_local(folder: Path) -> float:
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(folder / "local"))
    began = time.perf_counter()
    chain()
    return (time.perf_counter() - began) / TASKS
