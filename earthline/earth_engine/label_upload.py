"""Labels of a large file as a table of Earth Engine: uploaded once, for its name is the hash of what it holds."""

import csv
import io
import json
import time
from collections.abc import Callable
from typing import Any

import ee
import shapely
from shapely.geometry import mapping

from earthline.config import VectorLabels
from earthline.config.sections.labels.vector import LABEL_PROPERTY
from earthline.earth_engine import ee_assets
from earthline.earth_engine.retry import PixelsError, ask
from earthline.label_features.features import LabelFeatures

_GEOMETRY = "geometry"
_FOLDER = "earthline/labels"
_ATTEMPTS = 6
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between questions whether a table is there."""
LONGEST_WAIT = 3600.0
"""Seconds; Earth Engine takes minutes for a hundred thousand features."""


def ensure(labels: VectorLabels, bucket: str, project: str, tell: Callable[[str], None]) -> bool:
    """Uploads labels that are to become a table, where it is not there yet, and waits for it.

    The file goes to Cloud Storage, since that is what Earth Engine reads tables from
    (developers.google.com/earth-engine/guides/table_upload), and is removed again.

    Args:
        labels: The section of a config that was read with its file.
        bucket: Bucket of the workflow.
        project: Google Cloud project of the requests.
        tell: Gets a line for people when an upload begins, and one when it is done.

    Returns:
        True where something was uploaded.

    Raises:
        PixelsError: Earth Engine refuses the table, or does not answer.
        google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses the file.
    """
    if labels.upload is None or labels.content is None or labels.table is None:
        return False
    if ee_assets.info(labels.table) is not None:
        return False
    content = table(labels.upload)
    size = f"{len(content) / 1e6:,.1f} MB" if len(content) >= 1e5 else f"{len(content) / 1e3:,.0f} kB"
    tell(f"uploading {len(labels.upload):,} labels of {labels.told} ({size}), once for this content")
    start = time.monotonic()
    from google.cloud import storage  # slow to import, and seldom needed

    blob = storage.Client(project=project).bucket(bucket).blob(f"{_FOLDER}/{labels.content}.csv")
    blob.upload_from_string(content, content_type="text/csv")
    try:
        ee_assets.make_folders(labels.table)
        _ingest(labels.table, f"gs://{bucket}/{blob.name}", labels.told)
    finally:
        blob.delete()
    tell(f"labels are {labels.table}, after {time.monotonic() - start:.0f} s")
    return True


def table(found: LabelFeatures) -> bytes:
    """Features as a CSV file with labels, and geometries as GeoJSON.

    Args:
        found: The features.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([LABEL_PROPERTY, _GEOMETRY])
    for value, shape in zip(found.values.tolist(), found.shapes, strict=True):
        # Edges run straight in degrees; without the word, Earth Engine takes them for the shortest way on the globe.
        edges = {} if shapely.get_dimensions(shape) == 0 else {"geodesic": False}
        writer.writerow([value, json.dumps({**mapping(shape), **edges}, separators=(",", ":"))])
    return text.getvalue().encode()


def _ingest(asset: str, uri: str, told: str) -> None:
    source = {"uris": [uri], "primaryGeometryColumn": _GEOMETRY, "crs": "EPSG:4326", "geodesic": False}
    # Its name is a hash: whoever reads of it later wants to know where it came from.
    manifest = {"name": asset, "sources": [source], "properties": {"attribution": f"labels of {told}"}}
    request = ee.data.newTaskId()[0]
    try:
        started = ask(lambda: ee.data.startTableIngestion(request, manifest), _ATTEMPTS, asset)
    except PixelsError:
        # Another run was quicker.
        if ee_assets.info(asset) is None:
            raise
        return
    _wait(str(started["name"]), asset)


def _wait(operation: str, asset: str) -> None:
    pause, end = FIRST_PAUSE, time.monotonic() + LONGEST_WAIT
    while time.monotonic() < end:
        found: dict[str, Any] = ask(lambda: ee.data.getOperation(operation), _ATTEMPTS, asset)
        if found.get("done"):
            break
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, 1.5 * pause)
    else:
        raise PixelsError(
            f"{asset}: Earth Engine has not made the table of labels after {LONGEST_WAIT / 60:.0f} minutes; see "
            f"{operation}, and start again when it is done"
        )
    # Another run may have made the same table meanwhile.
    if "error" in found and ee_assets.info(asset) is None:
        raise PixelsError(f"{asset}: Earth Engine made no table of the labels: {found['error'].get('message')}")
