"""Runners of the export elsewhere: what Dataflow is asked for over its real client, and how its job ends."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, PortableOptions, WorkerOptions
from pydantic import ValidationError

from components.export_examples import runners
from components.export_examples.job import Job
from earthline.config import Data, Export
from earthline.grid import Grid

from ..dataflow_service import JOB_ID, dataflow
from .test_export_examples import add_scene

JOB = Job(
    data=Data.model_validate(
        {
            "imagery": {"image": "projects/maps/assets/scene", "bands": ["nir"], "data_type": "uint16"},
            "labels": {
                "image": "projects/maps/assets/cover",
                "band": "cover",
                "classes": [
                    {"name": "water", "color": "#0000ff", "values": [0]},
                    {"name": "land", "color": "#00ff00", "values": [1]},
                ],
            },
        }
    ),
    export=Export(),
    project="maps",
    grid=Grid("EPSG:32632", (10, 0, 600000, 0, -10, 5000000), (64, 64)),
)
IMAGE = "europe-west4-docker.pkg.dev/maps/earthline/earthline:0.1.0"
REMOTE = {
    "temp_location": "gs://earthline-sandbox/temp",
    "region": "europe-west4",
    "sdk_container_image": IMAGE,
    "sdk_location": "container",
    "service_account_email": "steps@maps.iam.gserviceaccount.com",
    "network": "lab",
    "subnetwork": "regions/europe-west4/subnetworks/a",
    "no_use_public_ips": True,
    "labels": ["earthline-workflow=land", "team=maps"],
    "machine_type": "n1-standard-4",
    "job_name": "land-export-examples",
}
LAUNCH = """
import json, sys
import numpy as np
from components.export_examples import pipeline
from components.export_examples.fetching.requests import Requests
from tests.components.export_examples.test_export_dataflow import JOB, REMOTE, remote_job
endpoint, resources = sys.argv[1:]
job = remote_job("DataflowRunner")
asked = Requests.of(np.zeros(1, np.uint8), np.zeros((1, 2), np.int64), job.data, job.export)
counted = pipeline.run(job, asked, "gs://earthline-sandbox/spool", {**REMOTE, "dataflow_endpoint": endpoint}, resources)
print("COUNTED" + json.dumps(counted))
"""


STEP = """
import json, sys
from kfp import dsl
from components.export_examples.run import run
from tests.components.export_examples.test_export_examples import export, section
endpoint, pool, folder = sys.argv[1:]
data = section(imagery={"image": "FOLDER/scene"}, labels={"image": "FOLDER/labels"})
for runner, more in (("DirectRunner", {}), ("PortableRunner", {"job_endpoint": endpoint, "worker_pool": pool})):
    examples = dsl.Dataset(uri=f"{folder}/{runner}", metadata={})
    temporary = "gs://earthline-sandbox/export_engines" if more else ""
    run(data=data, export=export(runner=runner, **more), project="sandbox", temp_location=temporary, examples=examples)
    print("METADATA" + json.dumps(examples.metadata))
""".replace("FOLDER", "projects/sandbox/assets/export_engines")


JOB_SERVER = """
import threading
from apache_beam.runners.portability.local_job_service import LocalJobServicer
print(f"localhost:{LocalJobServicer(None).start_grpc_server(0)}", flush=True)
threading.Event().wait()
"""
WORKER_POOL = """
import faulthandler, threading
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer
address, server = BeamFnExternalWorkerPoolServicer.start()
print(address, flush=True)
# A worker that hangs tells where.
faulthandler.dump_traceback_later(240)
threading.Event().wait()
"""


def remote_job(runner: str, **section: Any) -> Job:
    return replace(JOB, export=Export(runner=runner, concurrency=40, **section))


def options(runner: str, remote: dict[str, Any], **section: Any) -> PipelineOptions:
    return runners.options(remote_job(runner, **section), remote)


def test_beam_reads_every_option() -> None:
    asked = options("DataflowRunner", REMOTE)
    cloud, workers = asked.view_as(GoogleCloudOptions), asked.view_as(WorkerOptions)
    assert (cloud.project, cloud.region, cloud.temp_location) == ("maps", "europe-west4", REMOTE["temp_location"])
    assert asked.get_all_options()["sdk_location"] == "container"
    assert workers.num_workers == workers.max_num_workers == 8, "eight workers of five requests are the quota of 40"
    assert asked.get_all_options(drop_default=True).keys() >= REMOTE.keys() - {"no_use_public_ips"}


def test_two_jobs_of_one_workflow_have_two_names() -> None:
    names = {options("DataflowRunner", REMOTE).view_as(GoogleCloudOptions).job_name for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("land-export-examples-") and len(name) < 64 for name in names)


def test_a_small_export_starts_few_machines_and_its_costs_are_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERTEX_AI_PIPELINES_RUN_LABELS", '{"vertex-ai-pipelines-run-billing-id": "7", "team": "other"}')
    asked = runners.options(remote_job("DataflowRunner"), REMOTE, 3)
    assert asked.view_as(WorkerOptions).num_workers == 3
    labels = asked.view_as(GoogleCloudOptions).labels
    assert labels == [*REMOTE["labels"], "vertex-ai-pipelines-run-billing-id=7"], "the config's own label wins"


def test_an_image_that_starts_no_worker_is_refused_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runners, "OURS", tmp_path)
    monkeypatch.setattr(runners, "STARTER", tmp_path / "boot")
    with pytest.raises(runners.RunnerError, match=r"DataflowRunner starts workers from this image.*BEAM_BOOT=with"):
        runners.runner(Export(runner="DataflowRunner"))
    pool = Export(runner="FlinkRunner", job_endpoint="flink:8099", worker_pool="localhost:50000")
    assert runners.runner(pool) == "FlinkRunner", "the pool starts its workers itself"
    (tmp_path / "boot").touch()
    assert runners.runner(Export(runner="DataflowRunner")) == "DataflowRunner"


def test_here_none_of_it_is_told() -> None:
    assert options("DirectRunner", REMOTE).get_all_options(drop_default=True) == {}


def test_dataflow_gets_the_job_and_the_console_its_address(sandbox, tmp_path) -> None:
    resources = tmp_path / "outputs" / "gcp_resources"
    with dataflow("JOB_STATE_DONE") as service:
        done = sandbox.run([sys.executable, "-c", LAUNCH, service.endpoint, str(resources)])
    assert "COUNTED{}" in done.stdout
    asked = service.job
    assert asked is not None and asked["labels"] == {"earthline-workflow": "land", "team": "maps"}
    environment = asked["environment"]
    assert environment["serviceAccountEmail"] == REMOTE["service_account_email"]
    assert "no_use_multiple_sdk_containers" in environment["experiments"], "else each processor takes a worker's share"
    (pool,) = environment["workerPools"]
    assert (pool["network"], pool["subnetwork"]) == (REMOTE["network"], REMOTE["subnetwork"])
    assert pool["ipConfiguration"] == 2, "WORKER_IP_PRIVATE"
    assert pool["machineType"] == REMOTE["machine_type"] and pool["numThreadsPerWorker"] == 1
    assert pool["numWorkers"] == 1 and pool["autoscalingSettings"] == {"algorithm": 1, "maxNumWorkers": 1}
    assert [image["containerImage"] for image in pool["sdkHarnessContainerImages"]] == [IMAGE]
    assert "packages" not in pool, "the image holds Beam: a worker installs nothing"
    staged = environment["sdkPipelineOptions"]["options"]["temp_location"].removeprefix("gs://")
    assert (sandbox.home / "storage" / staged / "pipeline.pb").stat().st_size > 1000
    (written,) = json.loads(resources.read_text())["resources"]
    assert written == {
        "resourceType": "DataflowJob",
        "resourceUri": f"https://dataflow.googleapis.com/v1b3/projects/maps/locations/europe-west4/jobs/{JOB_ID}",
    }


def test_a_cancelled_step_cancels_its_job(sandbox, tmp_path) -> None:
    with dataflow("JOB_STATE_RUNNING") as service:
        step = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, service.endpoint, str(tmp_path / "resources")],
            env=sandbox.client_environment(),
            stderr=subprocess.PIPE,
        )
        try:
            assert service.watched.wait(60)
            step.send_signal(signal.SIGTERM)
            _, told = step.communicate(timeout=60)
        finally:
            step.kill()
    assert service.requested == [5], "JOB_STATE_CANCELLED"
    assert step.returncode == 128 + signal.SIGTERM and b"cancels its job too" in told


def test_a_portable_runner_is_told_its_job_server_and_the_image() -> None:
    for section, expected in (
        ({}, ("DOCKER", IMAGE)),
        ({"worker_pool": "localhost:50000"}, ("EXTERNAL", "localhost:50000")),
    ):
        asked = options("FlinkRunner", REMOTE, job_endpoint="flink:8099", **section).view_as(PortableOptions)
        assert asked.job_endpoint == "flink:8099"
        assert asked.job_server_timeout > 86_400, "Beam ends its watch of a job after so many seconds"
        assert (asked.environment_type, asked.environment_config) == expected


def test_a_job_server_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "CONNECT_SECONDS", 0.2)
    job = remote_job("PortableRunner", job_endpoint="localhost:1", worker_pool="localhost:2")
    with pytest.raises(runners.RunnerError, match=r"job_endpoint: no job server answers at localhost:1 within"):
        runners.run(beam.Pipeline("PortableRunner", options=runners.options(job, REMOTE)))


@pytest.fixture
def engine(sandbox, tmp_path) -> Iterator[tuple[str, str]]:
    """A job server and a worker pool, each a process of its own: their addresses."""
    programs = {"jobs": JOB_SERVER, "pool": WORKER_POOL}
    processes, addresses = [], []
    try:
        for name, program in programs.items():
            with (tmp_path / f"{name}.log").open("wb") as log:
                # Each takes a port that is free as it takes it, and tells which.
                process = subprocess.Popen(
                    [sys.executable, "-c", program],
                    env=sandbox.client_environment(),
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            processes.append(process)
            assert process.stdout is not None
            addresses.append(process.stdout.readline().strip())
            assert addresses[-1], (tmp_path / f"{name}.log").read_text()
        yield addresses[0], addresses[1]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
        for name in programs:
            print((tmp_path / f"{name}.log").read_text())


@pytest.mark.slow
def test_a_portable_runner_gives_the_same_bytes(sandbox, engine, tmp_path) -> None:
    add_scene(sandbox, "projects/sandbox/assets/export_engines", tmp_path)
    done = sandbox.run([sys.executable, "-c", STEP, *engine, str(tmp_path)], timeout=400)
    here, there = (
        {path.name: path.read_bytes() for path in sorted((tmp_path / runner).iterdir()) if path.is_file()}
        for runner in ("DirectRunner", "PortableRunner")
    )
    assert len(here) > 6 and there == here
    told = [json.loads(line.removeprefix("METADATA")) for line in done.stdout.splitlines() if line[:8] == "METADATA"]
    for each in told:
        # Counted by the workers, wherever they are.
        assert each["requests"] == each["window_milliseconds_count"] >= 1 and each["fetched_patches"] == 68
        assert (
            0 < each["window_milliseconds_min"] <= each["window_milliseconds_mean"] <= each["window_milliseconds_max"]
        )


@pytest.mark.parametrize(
    ("section", "texts"),
    [
        ({"runner": "FlinkRunner"}, ["FlinkRunner has no job server", "job_endpoint: localhost:8099"]),
        ({"runner": "PortableRunner", "job_endpoint": "http://x:1"}, ["job_endpoint"]),
        ({"job_endpoint": "x:1"}, ["job_endpoint 'x:1'", "DirectRunner", "take the line `job_endpoint` out"]),
        ({"method": "batch", "runner": "DataflowRunner"}, ["DataflowRunner has nothing to do", "`runner` out"]),
    ],
)
def test_what_no_engine_can_run_is_refused(section, texts) -> None:
    with pytest.raises(ValidationError) as caught:
        Export.model_validate(section)
    for text in texts:
        assert text in str(caught.value)
