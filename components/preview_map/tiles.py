"""A map on this machine: pixels from Earth Engine, the network here, tile after tile with what lies around each."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from earthline.config import Data
from earthline.earth_engine import imagery
from earthline.earth_engine.tiles import fetch_tiles
from earthline.formats.contract import VALID_BAND
from earthline.formats.examples import UNLABELLED
from earthline.grid import Grid

LARGEST_ANSWER = 32 << 20
"""Bytes; computePixels gives 48 MB at most (developers.google.com/earth-engine/guides/usage)."""
LARGEST_SIDE = 512
"""Pixels a side of a tile, with what lies around it."""

Array = np.ndarray[Any, Any]


def sides(overlap: tuple[int, int], stride: int, bands: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Tile and margin that fit into one answer and whose sum the network can halve.

    Args:
        overlap: Pixels of context in total (height, width), as the endpoint would get them.
        stride: Of the network.
        bands: Number of imagery bands.

    Returns:
        Shape of a tile and margin at each side, in pixels (height, width).
    """
    margin = [math.ceil(pixels / 2 / stride) * stride for pixels in overlap]
    # float32 bands and the validity.
    side = min(LARGEST_SIDE, math.isqrt(LARGEST_ANSWER // (4 * (bands + 1))))
    height, width = (max(stride, (side - 2 * each) // stride * stride) for each in margin)
    return (height, width), (margin[0], margin[1])


def predict(
    network: Any, data: Data, grid: Grid, tile: tuple[int, int], margin: tuple[int, int], threads: int
) -> Iterator[tuple[int, int, Array]]:
    """Predicts a whole grid.

    Args:
        network: Keras model of image and validity.
        data: The section.
        grid: Of the map.
        tile: Shape of a tile in pixels `(height, width)`; a multiple of the network's stride.
        margin: Pixels around each tile, at each side (height, width); likewise.
        threads: Requests under way at once.

    Yields:
        First row, first column and class ids, uint8 (height, width), in the order of arrival; `UNLABELLED` where the
        imagery is masked or the network gives no number.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    image = imagery.network_input(data)
    fetched = fetch_tiles(image, grid, tile, threads, step="preview_map", place="tile of the preview", margin=margin)
    for (row, column, inner), pixels in fetched:
        bands = np.stack([pixels[band] for band in data.imagery.bands], axis=-1).astype(np.float32)
        valid = pixels[VALID_BAND] > 0
        inputs = [bands[np.newaxis], valid[np.newaxis, ..., np.newaxis].astype(np.float32)]
        found = classes(np.asarray(network(inputs, training=False))[0], valid)
        yield row, column, found[margin[0] : margin[0] + inner[0], margin[1] : margin[1] + inner[1]]


def classes(probabilities: Array, valid: Array) -> Array:
    """Class ids, uint8 (height, width).

    Args:
        probabilities: (height, width, classes).
        valid: bool (height, width), False where the imagery is masked.

    Returns:
        `UNLABELLED` where the imagery is masked or a probability is no finite number.
    """
    known = valid & np.isfinite(probabilities).all(axis=-1)
    return np.where(known, np.nan_to_num(probabilities).argmax(axis=-1), UNLABELLED).astype(np.uint8)
