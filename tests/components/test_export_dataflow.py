"""What Dataflow is asked for, as Beam's own options read it."""

from dataclasses import replace
from typing import Any

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, WorkerOptions

from components.export_examples import job, runners
from earthline.config import Data, Export
from earthline.grid import Grid

JOB = job.Job(
    data=Data.model_validate(
        {
            "imagery": {"image": "projects/maps/assets/scene", "bands": ["nir"]},
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
    folder="gs://bucket/examples",
    total=1,
)
REMOTE = {
    "temp_location": "gs://bucket/temp",
    "region": "europe-west4",
    "sdk_container_image": "europe-west4-docker.pkg.dev/maps/earthline/earthline:0.1.0",
    "sdk_location": "container",
    "service_account_email": "steps@maps.iam.gserviceaccount.com",
    "network": "lab",
    "subnetwork": "regions/europe-west4/subnetworks/a",
    "no_use_public_ips": True,
    "labels": ["earthline-workflow=land", "team=maps"],
    "machine_type": "n1-standard-4",
    "job_name": "land-export-examples",
}


def options(runner: str, remote: dict[str, Any]) -> PipelineOptions:
    return runners.options(replace(JOB, export=Export(runner=runner, concurrency=40)), remote)


def test_beam_reads_every_option() -> None:
    asked = options("DataflowRunner", REMOTE)
    cloud, workers = asked.view_as(GoogleCloudOptions), asked.view_as(WorkerOptions)
    assert (cloud.project, cloud.region, cloud.temp_location) == ("maps", "europe-west4", "gs://bucket/temp")
    assert cloud.service_account_email == "steps@maps.iam.gserviceaccount.com"
    assert cloud.labels == ["earthline-workflow=land", "team=maps"]
    assert (workers.network, workers.subnetwork) == ("lab", "regions/europe-west4/subnetworks/a")
    assert workers.use_public_ips is False
    assert workers.machine_type == "n1-standard-4"
    assert workers.sdk_container_image == REMOTE["sdk_container_image"]
    assert asked.get_all_options()["sdk_location"] == "container"
    assert workers.max_num_workers == 8, "eight workers of five requests each are the quota of 40"
    assert asked.get_all_options(drop_default=True).keys() >= REMOTE.keys() - {"no_use_public_ips"}


def test_two_jobs_of_one_workflow_have_two_names() -> None:
    names = {options("DataflowRunner", REMOTE).view_as(GoogleCloudOptions).job_name for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("land-export-examples-") and len(name) < 64 for name in names)


def test_here_none_of_it_is_told() -> None:
    assert options("DirectRunner", REMOTE).get_all_options(drop_default=True) == {}
