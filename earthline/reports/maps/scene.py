"""Pictures of what a map is made from: the imagery and the labels, thinned out to the report's size."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import shapely

from earthline.config import Data, ExampleLabels, Region, VectorLabels
from earthline.earth_engine import imagery
from earthline.earth_engine.pixels import fetch
from earthline.earth_engine.retry import PixelsError
from earthline.formats.examples import labelled
from earthline.formats.served.contract import VALID_BAND
from earthline.grid import Grid
from earthline.label_features import on_grid
from earthline.reports import pictures, splits
from earthline.task import Task
from earthline.task.maps import MISSING_COLOR

ATTEMPTS = 6
_SPARSE, _SPOT = 0.02, 2
"""Share of labelled pixels below which each is drawn as a spot, and how many pixels that reaches to each side."""

_logger = logging.getLogger(__name__)

Picture = np.ndarray[Any, Any]
Found = TypeVar("Found")


def imagery_picture(data: Data, grid: Grid, most: int, region: Region | None = None) -> Picture | None:
    """The imagery in (nearly) true colour, light grey where masked and outside of the region.

    Args:
        data: The section.
        grid: Of the map.
        most: Most pixels a side.
        region: `predict.region`; None for the section's own.

    Returns:
        uint8 (height, width, 3), in the order of the grid's rows and columns; None where Earth Engine does not give it.
    """
    seen = _or_none(lambda: imagery_pixels(data, grid, most, region))
    return None if seen is None else seen[0]


def imagery_pixels(data: Data, grid: Grid, most: int, region: Region | None = None) -> tuple[Picture, Picture, Picture]:
    """The same picture; where it shows valid imagery inside the region, and where the region is, (height, width) each.

    Args:
        data: The section.
        grid: Of the map.
        most: Most pixels a side.
        region: `predict.region`; None for the section's own.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    bands = data.imagery.band_names
    shown = [bands[index] for index in pictures.visible_bands(bands)]
    image = imagery.image(data).select(list(dict.fromkeys(shown))).unmask(0, False)
    inside = imagery.inside(data, grid, region).rename(["inside"])
    pixels = fetch(
        image.addBands(imagery.valid(data)).addBands(inside),
        _coarse(grid, most),
        ATTEMPTS,
        "picture of the imagery",
    )
    stacked = np.stack([pixels[band] for band in shown], axis=-1)
    within = pixels["inside"] > 0
    valid = (pixels[VALID_BAND] > 0) & within
    # The bands are in order of display already, so the picture takes them as red, green and blue.
    low, high = pictures.stretch(stacked, valid)
    picture = pictures.brightness(stacked, low, high)
    picture[~valid] = MISSING_COLOR
    return picture, valid, within


def label_picture(data: Data, grid: Grid, task: Task, most: int, region: Region | None = None) -> Picture | None:
    """The labels in the map's colours, light grey where there are none and outside of the region.

    Args:
        data: The section.
        grid: Of the map.
        task: What the labels tell.
        most: Most pixels a side.
        region: `predict.region`; None for the section's own.

    Returns:
        uint8 (height, width, 3), in the order of the grid's rows and columns; None where Earth Engine does not give it,
        or the labels stand in examples made elsewhere.
    """
    if isinstance(data.labels, ExampleLabels):
        return None
    values = _or_none(lambda: label_pixels(data, grid, task, most, region))
    return None if values is None else drawn_labels(values, task)


def drawn_labels(values: Picture, task: Task) -> Picture:
    """Labels in the map's colours; single pixels become spots that one can see.

    Args:
        values: From `label_pixels`.
        task: What the labels tell.

    Returns:
        uint8 (height, width, 3).
    """
    shown, there = task.colors_of(values), labelled(values)
    return splits.spotted(shown, there, _SPOT) if there.mean() < _SPARSE else shown


def label_pixels(data: Data, grid: Grid, task: Task, most: int, region: Region | None = None) -> Picture:
    """The labels as examples hold them, the task's `no_data` where there are none and outside of the region.

    Args:
        data: The section.
        grid: Of the map.
        task: What the labels tell.
        most: Most pixels a side.
        region: `predict.region`; None for the section's own.

    Returns:
        (height, width).

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    rows, columns = data.labels.offset
    labels = task.unmasked(imagery.clipped(imagery.labels(data), data, grid, region, offset=(rows, columns)))
    window = _coarse(grid.window(rows, columns, grid.shape), most)
    values: Picture = fetch(labels, window, ATTEMPTS, "picture of the labels")[imagery.LABEL_BAND]
    if isinstance(data.labels, VectorLabels) and data.labels.held is not None:
        return _with_points(values, data, data.labels, grid, _step(grid, most), region)
    return values


def _with_points(
    values: Picture, data: Data, labels: VectorLabels, grid: Grid, step: int, region: Region | None
) -> Picture:
    """A picture with the points that lie between the pixels that it was thinned out to."""
    if step == 1 or labels.held is None:
        return values
    points = on_grid.place(labels.held.only(labels.held.are_points), grid, offset=labels.offset)
    if not len(points):
        return values
    places = shapely.get_coordinates(shapely.centroid(points.shapes))
    outline = imagery.in_pixels(data, grid, region)
    inside = np.ones(len(places), bool) if outline is None else shapely.contains_xy(outline, places)
    rows, columns = (places[inside].T[::-1] // step).astype(int)
    drawn = values.copy()
    free = (rows < drawn.shape[0]) & (columns < drawn.shape[1])
    free[free] = ~labelled(drawn[rows[free], columns[free]])
    drawn[rows[free], columns[free]] = points.values[inside][free]
    return drawn


def _coarse(grid: Grid, most: int) -> Grid:
    """A grid over the same ground of at most `most` pixels a side, the last ones perhaps reaching outside."""
    return grid.coarser(_step(grid, most))


def _step(grid: Grid, most: int) -> int:
    """Pixels of the grid a side of one of the picture's."""
    return max(1, -(-max(grid.shape) // most))


def _or_none(draw: Callable[[], Found]) -> Found | None:
    """A picture; a map that is done is not lost for want of one."""
    try:
        return draw()
    except PixelsError as error:
        _logger.warning("left out of the report: %s", error)
        return None
