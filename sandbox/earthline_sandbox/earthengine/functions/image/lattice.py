"""A fixed lattice over every pixel plane, for whatever cannot be computed pixel by pixel.

Earth Engine computes such functions tile by tile, and its tiles are its own. Here the blocks lie where the plane of the
CRS puts them, whatever was requested, so that two requests that share a pixel agree on it.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

# Where a pixel's index changes, as a share of a pixel: nothing that people choose for an origin lies here, so rounding
# in a client's arithmetic does not move a pixel to the next index.
_CUT = 0.38196601125010515
_MOST_BLOCK = 4_096
_KEPT_BYTES = 64 * 2**20


def index(grid: Grid) -> tuple[int, int]:
    """(row, column) of a grid's first pixel, counted from where the CRS has its origin."""
    anchor = grid.anchor or grid.projection
    a, b, c, d, e, f = anchor.transform
    column, row = Projection(anchor.crs, (a, b, 0.0, d, e, 0.0)).position(c, f)
    return math.floor(row + _CUT) + grid.offset[0], math.floor(column + _CUT) + grid.offset[1]


def blocks(grid: Grid, side: int) -> Iterator[tuple[Grid, tuple[slice, slice], tuple[slice, slice]]]:
    """The blocks of the lattice that a grid touches: (block, its part of the grid, the same part of the block)."""
    row, column = index(grid)
    height, width = grid.shape
    for top in range(row // side * side, row + height, side):
        for left in range(column // side * side, column + width, side):
            rows = slice(max(top - row, 0), min(top + side - row, height))
            columns = slice(max(left - column, 0), min(left + side - column, width))
            within = (
                slice(rows.start - (top - row), rows.stop - (top - row)),
                slice(columns.start - (left - column), columns.stop - (left - column)),
            )
            yield grid.window(top - row, left - column, (side, side)), (rows, columns), within


def blockwise(
    name: str, side: int, margin: int, compute: Callable[[Grid], Sequence[tuple[Array, Array]]]
) -> Callable[[Grid], list[tuple[Array, Array]]]:
    """Computes a grid from whole blocks with their margins.

    Args:
        name: Function, for messages.
        side: Side of a block, in pixels.
        margin: How many pixels more `compute` gets at each side of a block.
        compute: (values, mask) of every output, for a block with its margin.

    Returns:
        A function that gives them for any grid.

    Raises:
        ApiError: INVALID_ARGUMENT where a block would be too large.
    """
    if margin < 0 or side + 2 * margin > _MOST_BLOCK:
        raise invalid(
            f"{name}: the neighborhood must be between 0 and {(_MOST_BLOCK - side) // 2} pixels, not {margin}."
        )

    def inner(block: Grid) -> list[tuple[Array, Array]]:
        cut = np.s_[margin : margin + side, margin : margin + side]
        found = compute(block.padded(margin, margin, margin, margin))
        return [(np.ascontiguousarray(values[cut]), np.ascontiguousarray(mask[cut])) for values, mask in found]

    kept = _Kept(inner)

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        results: list[tuple[Array, Array]] = []
        for block, place, within in blocks(grid, side):
            found = kept(block)
            if not results:
                results = [(np.zeros(grid.shape, v.dtype), np.zeros(grid.shape, m.dtype)) for v, m in found]
            for (values, mask), (value, valid) in zip(results, found, strict=True):
                values[place], mask[place] = value[within], valid[within]
        return results

    return whole


class _Kept:
    """The last blocks of each thread: where such functions are stacked, many of one ask for the same of another."""

    def __init__(self, compute: Callable[[Grid], list[tuple[Array, Array]]]) -> None:
        self._compute = compute
        self._local = threading.local()

    def __call__(self, block: Grid) -> list[tuple[Array, Array]]:
        blocks: OrderedDict[Grid, list[tuple[Array, Array]]] = self._local.__dict__.setdefault("blocks", OrderedDict())
        if block not in blocks:
            found = self._compute(block)
            computation.hold(*(array for pair in found for array in pair))
            blocks[block] = found
            while len(blocks) > 1 and sum(map(_bytes, blocks.values())) > _KEPT_BYTES:
                blocks.popitem(last=False)
        blocks.move_to_end(block)
        return blocks[block]


def _bytes(found: list[tuple[Array, Array]]) -> int:
    return sum(values.nbytes + mask.nbytes for values, mask in found)


def numbers(name: str, band: Band, grid: Grid) -> Pixels:
    """The pixels of a band whose pixels must be numbers."""
    pixels = band.fetch(grid)
    if pixels.values.ndim > 2:
        raise invalid(f"{name}: the pixels of band '{band.name}' are arrays; use arrayGet or arrayFlatten first.")
    return pixels


def one_band(name: str, image: Image) -> Band:
    """The first band of an image; raises INVALID_ARGUMENT where it has none."""
    if not image.bands:
        raise invalid(f"{name}: The image has no bands.")
    return image.bands[0]
