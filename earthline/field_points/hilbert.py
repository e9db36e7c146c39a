"""Hilbert's curve: an order of the cells of a square in which neighbours in the order are neighbours on the ground."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def index(row: Array, column: Array, order: int) -> Array:
    """Place of cells on the curve (Hilbert 1891, "Ueber die stetige Abbildung einer Linie auf ein Flächenstück").

    Args:
        row: From 0 to 2**order - 1.
        column: Likewise, of the same shape.
        order: The square has 2**order cells a side; at most 31.

    Returns:
        int64, of the same shape: each number from 0 to 4**order - 1 for one cell.
    """
    x, y = np.asarray(column, np.int64).copy(), np.asarray(row, np.int64).copy()
    found = np.zeros(x.shape, np.int64)
    for level in range(order - 1, -1, -1):
        half = np.int64(1) << level
        right, below = (x & half) > 0, (y & half) > 0
        quarter = np.where(right, np.where(below, 2, 3), np.where(below, 1, 0))
        found += quarter * (half * half)
        x, y = x & (half - 1), y & (half - 1)
        # The curve in the first and the last quarter is turned, so that its ends meet those of its neighbours.
        turned = (~below) & right
        x, y = np.where(turned, half - 1 - x, x), np.where(turned, half - 1 - y, y)
        x, y = np.where(below, x, y), np.where(below, y, x)
    return found
