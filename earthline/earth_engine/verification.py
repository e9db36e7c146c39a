"""What Earth Engine says of the data that a config names, asked before anything is exported or trained.

`earthline check` shows the questions one by one; `export_examples` asks them all before it plans.
"""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ee

from earthline.config import Data, ExampleLabels, RasterLabels, Region, VectorLabels
from earthline.earth_engine import imagery
from earthline.earth_engine.imagery import ImageryError, answered, data_types, features
from earthline.earth_engine.imagery.survey import ground
from earthline.grid import Grid, GridError
from earthline.task import task_of
from earthline.task.labels import LabelError

EXACT_PIXELS = 10**7
"""Largest grid of which every pixel is looked at; of a larger one about so many as `SAMPLES` says."""
SAMPLES = 20_000
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """One thing to ask Earth Engine.

    Attributes:
        name: What it is about.
        ask: Gives what was found, in a few words; raises ImageryError or PixelsError.
    """

    name: str
    ask: Callable[[], str]


def questions(
    data: Data, predict_region: Region | None = None, grid: Callable[[], Grid] | None = None
) -> tuple[Question, ...]:
    """Every question, in the order in which an answer makes the next one worth asking.

    Args:
        data: The section.
        predict_region: `predict.region` of the config.
        grid: Gives the grid of the region, where the caller needs it as well; asked only when a question needs it.
    """
    grid = grid or functools.cache(lambda: imagery.grid(data))
    return (
        Question("imagery", lambda: _imagery(data)),
        Question("labels", lambda: _labels(data)),
        Question("grid", lambda: _grid(data, grid(), predict_region)),
        Question("data type", lambda: data_types.require(data, grid())),
        Question("label values", lambda: _label_values(data, grid())),
    )


def verify(data: Data, predict_region: Region | None = None) -> Grid:
    """Asks everything.

    Args:
        data: The section.
        predict_region: As in `questions`.

    Returns:
        The grid of the region.

    Raises:
        ImageryError: A missing asset, band or property, an empty collection, a region outside the imagery, values that
            the data type would cut or round away, all-masked imagery, or labels that the task cannot use.
        PixelsError: Earth Engine does not answer.
    """
    grid = functools.cache(lambda: imagery.grid(data))
    for question in questions(data, predict_region, grid):
        _logger.info("%s: %s", question.name, question.ask())
    return grid()


def _imagery(data: Data) -> str:
    return "; ".join(imagery.require(data, key, source) for key, source in data.imagery.keys.items())


def _labels(data: Data) -> str:
    described = data.labels
    if isinstance(described, VectorLabels):
        return features.require_field(described)
    if isinstance(described, ExampleLabels):
        return f"{described.told}, which the export reads"
    assert isinstance(described, RasterLabels)
    if described.image:
        key, source = "data.labels.image", ee.Image(described.image)
    else:
        key, source = "data.labels.collection", ee.ImageCollection(described.collection).first()
    there = answered(source.bandNames().getInfo, key)
    if described.band not in there:
        raise ImageryError(f"data.labels.band: {described.band} not in {described.asset}, which has {', '.join(there)}")
    return f"{described.asset} has {described.band}"


def _grid(data: Data, grid: Grid, predict_region: Region | None) -> str:
    try:
        crs = grid.pyproj_crs
    except GridError as error:
        raise ImageryError(f"data.imagery: {error}") from error
    left, _, right, _ = grid.bounds
    if crs.is_geographic and (right > 180 + 1e-6 or left < -180 - 1e-6):
        raise ImageryError(
            f"data.imagery: longitudes of {data.imagery.asset} run from {left:g} to {right:g}, and Earth Engine's run "
            "from -180 to 180; subtract 360 from the raster's origin and upload it again"
        )
    if predict_region is not None:
        imagery.grid(data, predict_region, "predict.region")
    imagery.outline(data)
    return f"{grid.shape[0]:,} x {grid.shape[1]:,} pixels of {grid.crs_name}"


def _label_values(data: Data, grid: Grid) -> str:
    where = ground(data, grid, data_types.MOST_PIXELS)
    seen = imagery.valid(data).reduceRegion(reducer=ee.Reducer.max(), **where)
    if not any(answered(seen.getInfo, "data.imagery").values()):
        raise ImageryError(
            f"data.imagery: every pixel of {data.imagery.asset} is masked in the region, in at least one of the bands "
            f"{', '.join(data.imagery.band_names)}; move data.region, or choose other bands, dates or cloud_mask"
        )
    described = data.labels
    if isinstance(described, VectorLabels):
        return features.require_known(data, described)
    if isinstance(described, ExampleLabels):
        return "each is looked at when the examples are read"
    assert isinstance(described, RasterLabels)
    try:
        return task_of(data).surveyed(label_survey(data, grid), described)
    except LabelError as error:
        raise ImageryError(str(error)) from error


def label_survey(data: Data, grid: Grid) -> Any:
    """The answer to what the task asks of a label raster; of a large region it is about `SAMPLES` pixels.

    Args:
        data: The section.
        grid: Of the region.

    Raises:
        ImageryError: Earth Engine refuses.
        PixelsError: It does not answer.
    """
    draw = None
    if grid.shape[0] * grid.shape[1] > EXACT_PIXELS:
        draw = {
            "region": imagery.footprint(data, grid),
            "projection": ee.Projection(grid.crs, list(grid.transform)),
            "numPixels": SAMPLES,
            "seed": 0,
            "dropNulls": True,
        }
    asked = task_of(data).survey(imagery.label_values(data), ground(data, grid, EXACT_PIXELS), draw)
    return answered(asked.getInfo, "data.labels")
