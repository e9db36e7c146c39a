"""A map through Earth Engine, one request after another."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from earthline.earth_engine import ee_model
from earthline.earth_engine.pixels import fetch, stream
from earthline.grid import Grid

ATTEMPTS = 6
PROGRESS_SECONDS = 5.0

_logger = logging.getLogger(__name__)
_Tile = tuple[int, int, tuple[int, int]]


def request_shape(asked: tuple[int, int], tile: tuple[int, int]) -> tuple[int, int]:
    """The shape of a request: a whole number of the model's tiles, so that none is predicted twice.

    Args:
        asked: The config's, in pixels `(height, width)`.
        tile: The model's, in pixels `(height, width)`.
    """
    rows, columns = (max(1, want // side) * side for want, side in zip(asked, tile, strict=True))
    return rows, columns


def predict(
    classes: Any, grid: Grid, shape: tuple[int, int], threads: int
) -> Iterator[tuple[int, int, np.ndarray[Any, Any]]]:
    """Predicts a whole grid.

    Args:
        classes: The `ee.Image` of class ids, unmasked.
        grid: Of the map.
        shape: Pixels of each request `(height, width)`.
        threads: Requests under way at once.

    Yields:
        First row, first column and class ids, uint8 (height, width), in the order of arrival.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    tiles = list(grid.tiles(shape))
    start = said = time.monotonic()

    def ask_for(tile: _Tile) -> np.ndarray[Any, Any]:
        row, column, window = tile
        place = f"map tile at row {row}, column {column}"
        return fetch(classes, grid.window(row, column, window), ATTEMPTS, place)[ee_model.CLASS_BAND]

    with ThreadPoolExecutor(threads, thread_name_prefix="predict") as pool:
        for done, ((row, column, _), block) in enumerate(stream(pool, ask_for, tiles, 2 * threads), start=1):
            now = time.monotonic()
            if now - said >= PROGRESS_SECONDS or done == len(tiles):
                said = now
                _logger.info("predict_map: %d/%d tiles, %.1f/s", done, len(tiles), done / max(now - start, 1e-9))
            yield row, column, block
