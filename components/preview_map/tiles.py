"""A map on this machine: pixels from Earth Engine, the network here, tile after tile with what lies around each."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from earthline.config import Data, Region
from earthline.earth_engine import imagery
from earthline.earth_engine.tiles import fetch_tiles
from earthline.formats.served.contract import VALID_BAND
from earthline.grid import Grid
from earthline.task import Task

LARGEST_ANSWER = 32 << 20
"""Bytes; computePixels gives 48 MB at most (developers.google.com/earth-engine/guides/usage)."""
LARGEST_SIDE = 512
"""Pixels a side of a tile, with what lies around it."""
INSIDE_BAND = "earthline_inside"
"""Band that is 1 inside of the region's outline."""

Array = np.ndarray[Any, Any]


def sides(seen: int, stride: int, bands: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Tile and margin that fit into one answer and whose sum the network can halve.

    Args:
        seen: Pixels around a tile that outputs inside of it rest on.
        stride: Of the network.
        bands: Number of imagery bands.

    Returns:
        Shape of a tile and margin at each side, in pixels (height, width).
    """
    margin = math.ceil(seen / stride) * stride
    # float32 bands, their validity and what lies inside.
    side = min(LARGEST_SIDE, math.isqrt(LARGEST_ANSWER // (4 * (bands + 2))))
    tile = max(stride, (side - 2 * margin) // stride * stride)
    return (tile, tile), (margin, margin)


def predict(
    network: Any,
    data: Data,
    task: Task,
    grid: Grid,
    tile: tuple[int, int],
    margin: tuple[int, int],
    threads: int,
    region: Region | None = None,
) -> Iterator[tuple[int, int, Array]]:
    """Predicts a whole grid.

    Args:
        network: Keras model of image and validity.
        data: The section.
        task: What the outputs mean.
        grid: Of the map.
        tile: Shape of a tile in pixels `(height, width)`; a multiple of the network's stride.
        margin: Pixels around each tile, at each side (height, width); likewise.
        threads: Requests under way at once.
        region: `predict.region`; None for the section's own.

    Yields:
        First row, first column and values (height, width), in the order of arrival; the task's `no_data` where the
        imagery is masked, outside of the region's outline, or where the network gives no number.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    image = imagery.network_input(data).addBands(imagery.inside(data, grid, region).rename([INSIDE_BAND]).toFloat())
    fetched = fetch_tiles(image, grid, tile, threads, step="preview_map", place="tile of the preview", margin=margin)
    for (row, column, inner), pixels in fetched:
        bands = np.stack([pixels[band] for band in data.imagery.band_names], axis=-1).astype(np.float32)
        valid = pixels[VALID_BAND] > 0
        inputs = [bands[np.newaxis], valid[np.newaxis, ..., np.newaxis].astype(np.float32)]
        mapped = valid & (pixels[INSIDE_BAND] > 0)
        found = np.where(mapped, task.decoded(np.asarray(network(inputs, training=False))[0]), task.no_data)
        inside = np.s_[margin[0] : margin[0] + inner[0], margin[1] : margin[1] + inner[1]]
        yield (
            row,
            column,
            found[inside].astype(task.data_type),
        )
