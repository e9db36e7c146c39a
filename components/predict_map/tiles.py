"""A map through Earth Engine, one request after another."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from earthline.earth_engine.tiles import Tile, fetch_tiles
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


def covering(grid: Grid, shape: tuple[int, int], outline: BaseGeometry | None) -> tuple[list[Tile], list[Tile]]:
    """The requests that a map takes, and the tiles that lie outside of its outline.

    Args:
        grid: Of the map.
        shape: Pixels of each request `(height, width)`.
        outline: In pixels of the grid; None where all of it counts.

    Returns:
        Tiles that are asked for, and those that are not.
    """
    wanted: list[Tile] = []
    left_out: list[Tile] = []
    if outline is not None:
        shapely.prepare(outline)
    for tile in grid.tiles(shape):
        row, column, (height, width) = tile
        there = outline is None or outline.intersects(shapely.box(column, row, column + width, row + height))
        (wanted if there else left_out).append(tile)
    return wanted, left_out


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
