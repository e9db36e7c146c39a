"""A map through Earth Engine, one request after another."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from shapely.geometry.base import BaseGeometry

from earthline.earth_engine.tiles import covering, fetch_tiles
from earthline.grid import Grid
from earthline.reports.maps.confidence import ConfidenceRaster
from earthline.task import Task


def request_shape(asked: tuple[int, int], tile: tuple[int, int]) -> tuple[int, int]:
    """The shape of a request: a whole number of the model's tiles, so that none is predicted twice.

    Args:
        asked: The config's, in pixels `(height, width)`.
        tile: The model's, in pixels `(height, width)`.
    """
    rows, columns = (max(1, want // side) * side for want, side in zip(asked, tile, strict=True))
    return rows, columns


def predict(
    image: Any,
    task: Task,
    grid: Grid,
    shape: tuple[int, int],
    threads: int,
    outline: BaseGeometry | None = None,
    aside: ConfidenceRaster | None = None,
) -> Iterator[tuple[int, int, np.ndarray[Any, Any]]]:
    """Predicts a whole grid.

    Args:
        image: The `ee.Image` of the map, and of the bands of `aside`, unmasked.
        task: What it tells.
        grid: Of the map.
        shape: Pixels of each request `(height, width)`.
        threads: Requests under way at once.
        outline: In pixels of the grid; tiles that lie outside of it are not asked for. None where all of it counts.
        aside: Where further bands go.

    Yields:
        First row, first column and values (height, width), in the order of arrival.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    wanted, left_out = covering(grid, shape, outline)
    for row, column, inner in left_out:
        if aside is not None:
            aside.empty(row, column, inner)
        yield row, column, np.full(inner, task.no_data, task.data_type)
    found = fetch_tiles(image, grid, shape, threads, step="predict_map", place="map tile", tiles=wanted)
    for (row, column, _), pixels in found:
        values = pixels[task.map_band]
        if aside is not None:
            aside.write(row, column, pixels, values != task.no_data)
        yield row, column, values
