"""A pipeline of 1,000 tasks: compiled, submitted and followed by the unmodified client; its time and the memory."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measurements import Measurement
from benchmarks.pipeline_overhead import Engine, sandbox

TASKS = 1000
FIRST = 100

CLIENT = """
import json, sys
from google.cloud import aiplatform
from kfp import compiler, dsl

@dsl.container_component
def nothing(number: int):
    return dsl.ContainerSpec(image="python:3.11", command=["true"], args=[number])

@dsl.pipeline(name="many")
def many():
    with dsl.ParallelFor(list(range(int(sys.argv[2])))) as number:
        nothing(number=number)

path = f"{sys.argv[1]}/many.yaml"
compiler.Compiler().compile(many, path)
aiplatform.init(project="sandbox", location="us-central1")
job = aiplatform.PipelineJob(
    display_name="many", template_path=path, pipeline_root="gs://earthline-sandbox/benchmark", enable_caching=False)
job.submit()
print(job.resource_name, flush=True)
job.wait()
states = [task.state.name for task in job.task_details if task.task_name == "nothing"]
seconds = (job.gca_resource.end_time - job.gca_resource.create_time).total_seconds()
print(json.dumps({"succeeded": states.count("SUCCEEDED"), "seconds": seconds}))
"""


def measure() -> list[Measurement]:
    """Runs the pipeline once.

    Raises:
        RuntimeError: A task did not succeed.
    """
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder)) as engine:
        early, late, seconds = _run(engine, folder)
    bare = _bare()
    return [
        Measurement(
            f"pipeline of {TASKS} tasks by the client, per task", seconds / TASKS, "the bare process", bare, "s"
        ),
        Measurement(f"sandbox's memory after {TASKS} tasks", late, f"after the first {FIRST}", early, "MB"),
    ]


def _run(engine: Engine, folder: str) -> tuple[float, float, float]:
    """Resident memory of the daemon in MB after the first tasks and after the last, and the job's seconds."""
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, folder, str(TASKS)],
        env={**os.environ, **engine.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert client.stdout is not None
    name = next(line.strip() for line in client.stdout if line.startswith("projects/"))
    while engine.ended(name) < FIRST:
        time.sleep(0.1)
    early = engine.memory()
    *_, last = client.stdout
    late = engine.memory()
    found = json.loads(last)
    if client.wait() or found["succeeded"] != TASKS:
        raise RuntimeError(f"{found['succeeded']} of {TASKS} tasks succeeded")
    return early, late, found["seconds"]


def _bare(times: int = 100) -> float:
    """Seconds per process that does nothing, one after the other."""
    began = time.perf_counter()
    for _ in range(times):
        subprocess.run(["true"], check=True)
    return (time.perf_counter() - began) / times
