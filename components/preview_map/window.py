"""Which part of a region a preview shows."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def choose(shares: Array, step: int, shape: tuple[int, int], most: int) -> tuple[int, int, tuple[int, int]]:
    """The window of at most `most` pixels a side that holds the most valid imagery.

    Args:
        shares: Share of valid imagery, 0 to 1, in cells of `step` pixels a side, (rows, columns).
        step: Pixels a side of each cell.
        shape: Shape of the whole grid in pixels `(height, width)`.
        most: Most pixels a side.

    Returns:
        Its first row, first column and shape, in pixels; of several that are as good, the one nearest to the middle.
    """
    height, width = (min(side, most) for side in shape)
    cells = tuple(min(-(-side // step), limit) for side, limit in zip((height, width), shares.shape, strict=True))
    summed = np.pad(shares, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    rows, columns = cells
    held = summed[rows:, columns:] - summed[:-rows, columns:] - summed[rows:, :-columns] + summed[:-rows, :-columns]
    down, across = np.indices(held.shape)
    away = np.hypot(down - (held.shape[0] - 1) / 2, across - (held.shape[1] - 1) / 2)
    best = np.lexsort((away.ravel(), -held.round(6).ravel()))[0]
    row, column = np.unravel_index(best, held.shape)
    return (
        min(int(row) * step, shape[0] - height),
        min(int(column) * step, shape[1] - width),
        (height, width),
    )
