"""The map as an Earth Engine asset: it replaces a map of this product's and nothing else."""

import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ee

from earthline.earth_engine import ee_assets
from earthline.earth_engine.imagery import ImageryError
from earthline.earth_engine.retry import UnansweredError, ask
from earthline.reports.maps.confidence import NO_DATA
from earthline.reports.maps.raster import MapError
from earthline.task import Task, known

WAIT_SECONDS = 3600.0
PAUSE_SECONDS = 3.0
TASK = "asset_task.json"
"""File beside the GeoTIFF that names the import, written before anybody waits for it."""
_DONE = ("COMPLETED", "SUCCEEDED")
_ENDED = (*_DONE, "FAILED", "CANCELLED")

_logger = logging.getLogger(__name__)


class AssetError(ImageryError):
    """Something else has the id of `predict.asset`."""


def require_writable(asset: str) -> str:
    """Checks that an asset is not there yet, or is a map that an earlier run wrote.

    Args:
        asset: Id.

    Returns:
        Which of both, in a few words.

    Raises:
        AssetError: Something else has this id.
        PixelsError: Earth Engine does not answer.
    """
    there = ee_assets.info(asset)
    if there is None:
        return f"{asset} is not there yet"
    kind = str(there.get("type", "")).upper()
    bands = [band.get("id") for band in there.get("bands", ())]
    ours = any(bands[:1] == [task.map_band] and task.map_mark in there.get("properties", {}) for task in known())
    if kind != "IMAGE" or not ours:
        what = f"an image with the bands {', '.join(map(str, bands))}" if kind == "IMAGE" else f"of type {kind}"
        raise AssetError(
            f"predict.asset: {asset} is there already and is no map of an earlier run ({what}); it is left as it is: "
            "give another id, or delete it"
        )
    return f"{asset} is a map of an earlier run, which the next one replaces"


def ingest(
    uri: str,
    asset: str,
    kind: Task,
    tags: dict[str, str],
    folder: Path,
    beside: str | None = None,
    bands: Sequence[str] = (),
) -> str:
    """Imports the GeoTIFF, over the map of an earlier run, and waits for it.

    Args:
        uri: gs:// address of the GeoTIFF.
        asset: Id of the asset; the folders above it are made where they are missing.
        kind: What the map tells; becomes properties that Earth Engine draws it from.
        tags: Further properties.
        folder: Folder to write the id of the import into, as `asset_task.json`.
        beside: gs:// address of the GeoTIFF of further bands; None where there are none.
        bands: Their names.

    Returns:
        Id of the task.

    Raises:
        AssetError: Something else has this id.
        MapError: The import failed or takes longer than an hour; the GeoTIFF is there all the same.
        PixelsError: Earth Engine does not answer.
    """
    require_writable(asset)
    ee_assets.make_folders(asset)
    manifest = {
        "name": asset,
        "tilesets": [
            {"id": name, "sources": [{"uris": [each]}]}
            for name, each in (("map", uri), ("confidence", beside))
            if each is not None
        ],
        "bands": [
            _band(kind.map_band, "map", 0, kind.no_data, kind.pyramiding_policy),
            *(_band(name, "confidence", place, NO_DATA, "MEAN") for place, name in enumerate(bands)),
        ],
        "properties": {**tags, **kind.asset_properties()},
    }
    # Where the answer to a first try is lost, the same file is imported twice over the same asset: no harm. The client
    # (1.7.35) takes an id of the request, by which Earth Engine would know the second one, and does not send it.
    started: dict[str, Any] = _ask(lambda: ee.data.startIngestion("", manifest, allow_overwrite=True), asset)
    task = str(started["id"])
    (folder / TASK).write_text(json.dumps({"asset": asset, "task": task, "source": uri}) + "\n", encoding="utf-8")
    _logger.info("predict_map: import of %s started as task %s", asset, task)
    status = _wait(task, asset)
    if status["state"] not in _DONE:
        reason = status.get("error_message", "no reason given")
        raise MapError(
            f"{asset}: the import of {uri} is {status['state']}: {reason}; the GeoTIFF and the report are whole, "
            f"`earthengine task info {task}` tells more, and `earthengine upload image --asset_id={asset} {uri}` "
            "tries again"
        )
    return task


def _band(name: str, tileset: str, index: int, no_data: float, policy: str) -> dict[str, Any]:
    return {
        "id": name,
        "tileset_id": tileset,
        "tileset_band_index": index,
        "missing_data": {"values": [no_data]},
        "pyramiding_policy": policy,
    }


def _wait(task: str, asset: str) -> dict[str, Any]:
    """The task's last state; a question without an answer does not end the wait, the hour does."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            status: dict[str, Any] = _ask(lambda: ee.data.getTaskStatus(task)[0], asset)
            if status["state"] in _ENDED:
                return status
            seen = str(status["state"])
        except UnansweredError as error:
            seen = "not known"
            _logger.warning("%s", error)
        if time.monotonic() >= end:
            return {"state": seen, "error_message": f"not done after {WAIT_SECONDS:.0f} s; it may still end well"}
        time.sleep(PAUSE_SECONDS)


def _ask(call: Callable[[], Any], asset: str) -> Any:
    return ask(call, ee_assets.ATTEMPTS, f"import of {asset}")
