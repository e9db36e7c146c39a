"""A whole grid, tile after tile, by requests that are under way side by side."""

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from earthline.earth_engine.pixels import fetch, stream
from earthline.grid import Grid

ATTEMPTS = 6
"""Tries of each tile."""
PROGRESS_SECONDS = 5.0

_logger = logging.getLogger(__name__)

Tile = tuple[int, int, tuple[int, int]]
"""First row, first column and shape in pixels `(height, width)` of a tile on its grid."""


def covering(grid: Grid, shape: tuple[int, int], outline: BaseGeometry | None) -> tuple[list[Tile], list[Tile]]:
    """The tiles of a grid that meet an outline, and the others.

    Args:
        grid: Which.
        shape: Shape of a tile in pixels `(height, width)`.
        outline: In pixels of the grid; None where all of it counts.
    """
    tiles = list(grid.tiles(shape))
    if outline is None:
        return tiles, []
    shapely.prepare(outline)
    boxes = [shapely.box(column, row, column + width, row + height) for row, column, (height, width) in tiles]
    met = shapely.intersects(outline, boxes).tolist()
    parts: tuple[list[Tile], list[Tile]] = [], []
    for tile, is_met in zip(tiles, met, strict=True):
        parts[not is_met].append(tile)
    return parts


def fetch_tiles(
    image: Any,
    grid: Grid,
    shape: tuple[int, int],
    threads: int,
    *,
    step: str,
    place: str,
    margin: tuple[int, int] | None = None,
    tiles: Sequence[Tile] | None = None,
) -> Iterator[tuple[Tile, np.ndarray[Any, Any]]]:
    """Computes an image on all of a grid, and logs how far it is.

    Args:
        image: The `ee.Image`, masked nowhere.
        grid: Where.
        shape: Shape of a tile in pixels `(height, width)`; those at the grid's edge are smaller.
        threads: Requests under way at once, which the door bounds: a few more threads wait before it.
        step: Name of the step, for the log.
        place: What a tile is of, for errors, such as `map tile`.
        margin: Pixels around each tile, at each side (height, width). Every answer is of one shape then, at the grid's
            edge too; left out, an answer is just the tile.
        tiles: Those of the grid's tiles that are wanted; left out, all of them.

    Yields:
        Tiles with structured arrays, one field per band, in the order of arrival.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    tiles = list(grid.tiles(shape)) if tiles is None else tiles
    start = said = time.monotonic()

    def ask_for(tile: Tile) -> np.ndarray[Any, Any]:
        row, column, inner = tile
        if margin is None:
            window = grid.window(row, column, inner)
        else:
            whole = shape[0] + 2 * margin[0], shape[1] + 2 * margin[1]
            window = grid.window(row - margin[0], column - margin[1], whole)
        return fetch(image, window, ATTEMPTS, f"{place} at row {row}, column {column}")

    # Those that pause before another try hold no place at the door.
    with ThreadPoolExecutor(threads + -(-threads // 4), thread_name_prefix="tiles") as pool:
        for done, (tile, pixels) in enumerate(stream(pool, ask_for, tiles, 2 * threads), start=1):
            now = time.monotonic()
            if now - said >= PROGRESS_SECONDS or done == len(tiles):
                said = now
                _logger.info("%s: %d/%d tiles, %.1f/s", step, done, len(tiles), done / max(now - start, 1e-9))
            yield tile, pixels
