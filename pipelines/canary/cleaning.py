"""Ends a canary's run in time, and deletes whatever it made."""

from collections.abc import Callable
from functools import partial
from typing import Any

import ee
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.cloud import aiplatform, storage

from earthline.config import Config
from earthline.earth_engine.registration import FOLDER
from pipelines.runs.run import Run


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
