"""Bands and validity as one array, masked and mirrored: what the graph of the `arrays` signature does, in NumPy."""

from collections.abc import Mapping

import numpy as np

from earthline.formats.served.contract import Contract
from earthline.runtimes.runtime import Array


def planes(inputs: Mapping[str, Array], contract: Contract) -> Array:
    """One array for a network that takes them all at once.

    Where the validity is not above .5, or a band is no finite number, all bands are 0 and so is the validity. Sides
    that the stride does not divide are mirrored at their far edges.

    Args:
        inputs: One array of numbers (tiles, height, width) per input.
        contract: Names the inputs and says the stride.

    Returns:
        float32 (tiles, bands + 1, height, width), the validity last, height and width multiples of the stride.
    """
    tiles, *sides = inputs[contract.valid].shape
    height, width = sides
    rows, columns = (-(-side // contract.stride) * contract.stride for side in sides)
    whole = np.empty((tiles, len(contract.inputs), rows, columns), np.float32)
    inner = whole[:, :, :height, :width]
    for place, name in enumerate(contract.bands):
        inner[:, place] = inputs[name]
    seen = inputs[contract.valid] > 0.5
    # A sum that is finite is faster to have than an answer for each number; where it is not, each is asked.
    if not np.isfinite(np.einsum("tbhw->", inner[:, :-1])):
        seen &= np.isfinite(inner[:, :-1]).all(axis=1)
    inner[:, -1] = seen
    if not seen.all():
        np.copyto(inner[:, :-1], 0.0, where=~seen[:, np.newaxis])
    if columns > width:
        inner = whole[:, :, :height]
        inner[..., width:] = inner[..., _mirrored(width, columns)[width:]]
    if rows > height:
        whole[:, :, height:] = whole[:, :, _mirrored(height, rows)[height:]]
    return whole


def _mirrored(side: int, wanted: int) -> Array:
    """Indices 0 … side-1, side-1 … 0, 0 … and so on."""
    place = np.arange(wanted) % (2 * side)
    return np.minimum(place, 2 * side - 1 - place)
