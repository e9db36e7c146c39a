"""A map through Earth Engine, one request after another."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from earthline.earth_engine.tiles import fetch_tiles
from earthline.grid import Grid


def request_shape(asked: tuple[int, int], tile: tuple[int, int]) -> tuple[int, int]:
    """The shape of a request: a whole number of the model's tiles, so that none is predicted twice.

    Args:
        asked: The config's, in pixels `(height, width)`.
        tile: The model's, in pixels `(height, width)`.
    """
    rows, columns = (max(1, want // side) * side for want, side in zip(asked, tile, strict=True))
    return rows, columns


def predict(
    image: Any, band: str, grid: Grid, shape: tuple[int, int], threads: int
) -> Iterator[tuple[int, int, np.ndarray[Any, Any]]]:
    """Predicts a whole grid.

    Args:
        image: The `ee.Image` of the map, unmasked.
        band: Its band.
        grid: Of the map.
        shape: Pixels of each request `(height, width)`.
        threads: Requests under way at once.

    Yields:
        First row, first column and values (height, width), in the order of arrival.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    for (row, column, _), pixels in fetch_tiles(image, grid, shape, threads, step="predict_map", place="map tile"):
        yield row, column, pixels[band]
