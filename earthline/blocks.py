"""Blocks of ground: what is dealt to splits as a whole, and what an interval of accuracy counts as one observation."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def edges(length: int, block: int) -> list[int]:
    """Where one side of a grid is cut into blocks of nearly equal length, none shorter than `block` if that can be.

    Args:
        length: Of the grid's side in pixels.
        block: Least length of a block in pixels.

    Returns:
        Whole pixels in increasing order, from 0 to `length`.
    """
    count = max(1, length // block)
    return [length * part // count for part in range(count + 1)]


def number(row: Array, column: Array, shape: tuple[int, int], block_shape: tuple[int, int]) -> Array:
    """The number of the block that each pixel lies in, row by row from 0.

    Args:
        row: Rows of pixels on the grid.
        column: Their columns, of the same shape.
        shape: Shape of the grid in pixels `(height, width)`.
        block_shape: Least shape of a block in pixels `(height, width)`.

    Returns:
        int64, of the shape of `row`.
    """
    rows, columns = (edges(length, block) for length, block in zip(shape, block_shape, strict=True))
    down = np.searchsorted(rows[1:-1], row, side="right")
    across = np.searchsorted(columns[1:-1], column, side="right")
    return np.asarray(down * (len(columns) - 1) + across, np.int64)
