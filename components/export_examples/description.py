"""What the manifest tells before anything is fetched, and when the assets behind it were changed last."""

import logging
from collections.abc import Mapping
from typing import Any

import ee
import numpy as np
from shapely.geometry import mapping

from components.export_examples.fetching import windows
from components.export_examples.planning import plan
from components.export_examples.planning.selection import Selection
from earthline.config import Data, VectorLabels
from earthline.earth_engine.retry import PixelsError, ask
from earthline.formats.manifest import Manifest, SeriesRecord, SourceRecord, expression_hash
from earthline.grid import Grid, GridError, ground
from earthline.task import task_of

_ATTRIBUTION = ("attribution", "provider", "author")
_LICENSE = ("license", "licence", "terms_of_use")
_CHANGED = "updateTime"

_logger = logging.getLogger(__name__)


def describe(data: Data, grid: Grid, selected: Selection) -> tuple[Manifest, dict[str, str]]:
    """The manifest, complete but for its `splits` and `sampling`; and by asset, when it was changed last.

    Args:
        data: The section, with a data type that is not `auto`.
        grid: Of the whole region.
        selected: Which patches are taken.
    """
    export = selected.export
    assets = {asset: _asked(asset) for asset in dict.fromkeys([*data.imagery.assets, data.labels.asset]) if asset}
    manifest = Manifest(
        grid=grid.to_json(),
        bands=data.imagery.band_names,
        series=tuple(
            SeriesRecord(bands=series.bands, steps=tuple((step.start, step.end) for step in series.steps))
            for series in data.imagery.series
        ),
        data_type=data.imagery.data_type,
        patch_shape=export.patch_shape,
        task=task_of(data).record,
        label_type=task_of(data).data_type,
        format=export.format,
        compress=export.compress,
        splits={},
        gap=plan.gap(export),
        block_shape=export.block_shape,
        split_areas={split: mapping(area) for split, area in selected.areas.items()},
        seed=export.seed,
        design=export.design if selected.plan.frame is not None else "",
        expression_hash=expression_hash(ee.serializer.encode(windows.request_image(data, grid))),
        sources=(
            *(_record(asset, "imagery", assets[asset]) for asset in data.imagery.assets),
            _labels(data, assets),
        ),
    )
    changed = {asset: str(found[_CHANGED]) for asset, found in assets.items() if _CHANGED in found}
    return manifest, changed


def _labels(data: Data, assets: Mapping[str, Mapping[str, Any]]) -> SourceRecord:
    labels = data.labels
    if labels.asset:
        described = assets[labels.asset]
        record = _record(labels.asset, "labels", described)
        return record.model_copy(update={"metres": _metres(described, getattr(labels, "band", ""))})
    assert isinstance(labels, VectorLabels) and labels.held is not None
    return SourceRecord(asset=f"{len(labels.held):,} features of the config", role="labels")


def _metres(described: Mapping[str, Any], band: str) -> float | None:
    """Side of a pixel of an image's band on the ground; None of a collection, a table, or where it is not told."""
    for each in described.get("bands", ()):
        if each.get("id") != band:
            continue
        placed, size = each["grid"]["affineTransform"], each["grid"]["dimensions"]
        a, b, c = (float(placed.get(key, 0)) for key in ("scaleX", "shearX", "translateX"))
        d, e, f = (float(placed.get(key, 0)) for key in ("shearY", "scaleY", "translateY"))
        try:
            grid = Grid(each["grid"]["crsCode"], (a, b, c, d, e, f), (int(size["height"]), int(size["width"])))
            return round(float(np.mean(ground.sides(grid))), 3)
        except (GridError, KeyError) as error:
            _logger.warning("export_examples: the pixels of %s are of unknown size: %s", band, error)
    return None


def _asked(asset: str) -> dict[str, Any]:
    try:
        described: dict[str, Any] = ask(lambda: ee.data.getAsset(asset), 3, asset)
    except PixelsError as error:
        # A collection of the public catalogue may be read by expressions and yet not be described.
        _logger.warning("export_examples: no attribution: %s", error)
        return {}
    return described


def _record(asset: str, role: str, described: Mapping[str, Any]) -> SourceRecord:
    """Who made an asset and under which terms, as far as its properties say so."""
    properties = {key.lower(): str(value) for key, value in described.get("properties", {}).items()}

    def first(keys: tuple[str, ...]) -> str:
        return next((properties[key] for key in keys if key in properties), "")

    return SourceRecord(asset=asset, role=role, attribution=first(_ATTRIBUTION), license=first(_LICENSE))
