"""The map as an Earth Engine asset."""

import logging
import time

import ee

from components.predict_map.mapping import Legend, MapError
from earthline.ee_model import CLASS_BAND
from earthline.examples import UNLABELLED

WAIT_SECONDS = 3600.0
PAUSE_SECONDS = 3.0
_ENDED = {"COMPLETED", "FAILED", "CANCELLED", "SUCCEEDED"}

_logger = logging.getLogger(__name__)


def ingest(uri: str, asset: str, legend: Legend, tags: dict[str, str]) -> None:
    """Imports the GeoTIFF, over whatever has this id, and waits for it.

    Args:
        uri: gs:// address of the GeoTIFF.
        asset: Id of the asset.
        legend: Of the classes; becomes properties that Earth Engine draws palettes from.
        tags: Further properties.

    Raises:
        MapError: The import failed or takes longer than an hour; the GeoTIFF is there all the same.
    """
    properties = {
        **tags,
        f"{CLASS_BAND}_class_names": list(legend.names),
        f"{CLASS_BAND}_class_palette": [color.removeprefix("#") for color in legend.colors],
        f"{CLASS_BAND}_class_values": list(range(len(legend.names))),
    }
    manifest = {
        "name": asset,
        "tilesets": [{"sources": [{"uris": [uri]}]}],
        "bands": [{"id": CLASS_BAND}],
        "missing_data": {"values": [UNLABELLED]},
        "pyramiding_policy": "MODE",
        "properties": properties,
    }
    task = ee.data.startIngestion(ee.data.newTaskId()[0], manifest, allow_overwrite=True)["id"]
    _logger.info("predict_map: import of %s started as task %s", asset, task)
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        status = ee.data.getTaskStatus(task)[0]
        if status["state"] in _ENDED:
            break
        time.sleep(PAUSE_SECONDS)
    if status["state"] not in {"COMPLETED", "SUCCEEDED"}:
        reason = status.get("error_message", "no reason given")
        raise MapError(f"{asset}: the import of {uri} is {status['state']}: {reason}; the GeoTIFF itself is whole")
