"""The smallest real run of a workflow: 2 x 2 tiles, one epoch, names of its own, and nothing of it stays."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import ee
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.cloud import aiplatform, storage
from pyproj import Transformer

from components.probe_mount.run import WRITING
from earthline.config import BoundingBox, Config
from earthline.earth_engine import imagery
from earthline.earth_engine.registration import FOLDER
from earthline.storage import objects
from pipelines.following import Run
from pipelines.probes import Answer

SUFFIX = "-canary"
LONGEST_NAME = 42
EXAMPLES = {"train": 48, "validation": 16, "test": 32}
PROBE_TASK = "probe-mount"
DOLLARS_PER_HOUR = 0.25
"""Of one machine as the canary uses them: list prices of us-central1 lie below .22 for each."""
DOLLARS_PER_RUN = 0.03
MACHINES = 4
"""At the same time at most: a step or the training, and three endpoints."""
_MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class Cost:
    """What a canary may cost.

    Attributes:
        minutes: After which it is ended.
        dollars: At most, at list prices of us-central1, without Earth Engine and storage.
    """

    minutes: int
    dollars: float

    @classmethod
    def of(cls, minutes: int) -> "Cost":
        """The cost of so many minutes."""
        return cls(minutes, DOLLARS_PER_RUN + MACHINES * DOLLARS_PER_HOUR * minutes / 60)


def shrunk(config: Config) -> Config:
    """The workflow in small: the same data, project, bucket, accounts, runner and image.

    Args:
        config: The workflow's config.
    """
    content = config.model_dump(mode="json")
    content["name"] = f"{config.name[: LONGEST_NAME - len(SUFFIX)].rstrip('-')}{SUFFIX}"
    examples = {split: min(most, EXAMPLES[split]) for split, most in config.export.examples.items()}
    content["export"] |= {"shards": 1, "examples": examples}
    content["train"] |= {
        "epochs": 1,
        "model": config.train.model.shrunk().model_dump(mode="json"),
        "image": None,
        "machine_type": "n1-standard-4",
        "accelerator_type": None,
        "accelerator_count": 0,
    }
    content["evaluate"] |= {"min_gain": -1, "baseline_trees": 10}
    content["serving"] |= {
        "endpoint": None,
        "machine_type": "n1-standard-2",
        "min_replicas": 1,
        "max_replicas": 1,
        "traffic_percent": 100,
        "keep_previous": 0,
    }
    content["predict"] |= {"asset": None, "tile_shape": content["serving"]["tile_shape"]}
    content["schedule"] = {}
    return Config.model_validate(content)


def in_the_middle(config: Config) -> Config:
    """The config with a map of 2 x 2 tiles in the middle of its region; asks Earth Engine for the grid.

    Args:
        config: Of `shrunk`.

    Raises:
        ImageryError: The config names something that Earth Engine does not have.
    """
    grid = imagery.grid(config.data)
    tile, (height, width) = config.serving.tile_shape, grid.shape
    # A pixel less, so that rounding to whole pixels brings no third tile.
    shape = max(1, min(2 * tile[0], height) - 1), max(1, min(2 * tile[1], width) - 1)
    window = grid.window((height - shape[0]) // 2, (width - shape[1]) // 2, shape)
    to_degrees = Transformer.from_crs(grid.pyproj_crs, "EPSG:4326", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*window.bounds)
    region = BoundingBox(west=west, south=south, east=east, north=north)
    return config.model_copy(update={"predict": config.predict.model_copy(update={"region": region})})


def writing(config: Config, job_id: str) -> Answer:
    """Who could write into the mounted bucket, as the run's own step found.

    Args:
        config: Of `shrunk`.
        job_id: Id of the pipeline job.
    """
    question = "writing to the bucket"
    found = _written(config, job_id)
    if found is None:
        return Answer(question, None, "not known: the step that tries it left nothing")
    user, refusal = found["user"], found["ordinary_refusal"]
    other = f"user {found['ordinary_user']}: {refusal or 'may write too'}"
    return Answer(question, not refusal, f"steps run as user {user}, which may write; {other}")


def _written(config: Config, job_id: str) -> dict[str, Any] | None:
    environment = config.environment
    name = f"projects/{environment.project}/locations/{environment.location}/pipelineJobs/{job_id}"
    details = aiplatform.PipelineJob.get(name).gca_resource.job_detail.task_details
    uris = [
        artifact.uri
        for task in details
        if task.task_name == PROBE_TASK
        for artifact in dict(task.outputs).get("writing", _Nothing()).artifacts
    ]
    if not uris:
        return None
    written = objects.read(f"{uris[0]}/{WRITING}", _MOST_BYTES, environment.project)
    content: dict[str, Any] | None = json.loads(written) if written is not None else None
    return content


class _Nothing:
    artifacts = ()


def clean(config: Config, names: tuple[str, ...]) -> list[str]:
    """Deletes whatever a canary made; goes on where one thing cannot be.

    Args:
        config: Of `shrunk`.
        names: Display names of its endpoints and models.

    Returns:
        What could not be deleted and why, endpoints first: those cost money.
    """
    problems: list[str] = []

    def attempt(what: str, do: Callable[[], object]) -> None:
        try:
            do()
        except NotFound:
            return
        except (GoogleAPIError, ee.EEException, RuntimeError, OSError) as error:
            problems.append(f"{what}: {' '.join(str(error).split())}")

    environment = config.environment
    for kind, listed, options in (
        ("endpoint", aiplatform.Endpoint, {"force": True}),
        ("model", aiplatform.Model, {}),
    ):
        for name in names:
            attempt(f"{kind} {name}", partial(_delete_named, listed, name, options))
    asset = f"projects/{environment.project}/assets/{FOLDER}/{config.name}"
    attempt(f"asset {asset}", partial(_delete_asset, asset))
    folder = f"pipelines/{config.name}/"
    attempt(f"gs://{environment.bucket}/{folder}", partial(_delete_objects, config, folder))
    return problems


def _delete_named(listed: Any, name: str, options: dict[str, Any]) -> None:
    for each in listed.list(filter=f'display_name="{name}"'):
        each.delete(**options)


def _delete_asset(asset: str) -> None:
    if ee.data.getInfo(asset) is not None:
        ee.data.deleteAsset(asset)


def _delete_objects(config: Config, folder: str) -> None:
    bucket = storage.Client(project=config.environment.project).bucket(config.environment.bucket)
    for blob in bucket.list_blobs(prefix=folder):
        blob.delete()


def end(run: Run) -> None:
    """Ends a run that is under way."""
    if not run.read().ended:
        run.cancel()
