"""Which pixel of another projection lies at each pixel centre of a grid: worked out once for all bands that ask it."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earthline_sandbox.earthengine.pixels.grid import Grid, Projection

Array = NDArray[Any]

_KEPT = 8
_KEPT_PIXELS = 4_000_000
_local = threading.local()


@dataclass(frozen=True, eq=False)
class Alignment:
    """The window of a pixel plane that a grid falls into, and where in it.

    Attributes:
        top: First row of the window.
        left: First column of the window.
        shape: Shape of the window `(height, width)`; `(0, 0)` where the grid lies outside.
        inside: True where there is a pixel, of the grid's shape; None where it is all of the `block`.
        block: Rows and columns of the grid that lie inside, as slices; None where `inside` tells.
        rows: Row within the window: of each row of the block, or where there is none, None for all in their order.
        columns: The same of columns.
        flat: Position within the flattened window, of the grid's shape, where there is no block.
    """

    top: int
    left: int
    shape: tuple[int, int]
    inside: Array | None = None
    block: tuple[slice, slice] | None = None
    rows: Array | None = None
    columns: Array | None = None
    flat: Array | None = None

    def of(self, window: Array, grid: Grid) -> Array:
        """The window's values at the grid's pixels; 0 outside.

        Args:
            window: Shape `shape`, and any axes after these.
            grid: What was aligned.
        """
        if self.flat is not None:
            if not any(window.strides[:2]):
                return np.broadcast_to(window[0, 0], grid.shape + window.shape[2:])
            flattened = window.reshape((window.shape[0] * window.shape[1], *window.shape[2:]))
            return flattened.take(self.flat, axis=0)
        assert self.block is not None
        part = window if self.rows is None else window.take(self.rows, axis=0)
        part = part if self.columns is None else part.take(self.columns, axis=1)
        if part.shape[:2] == grid.shape:
            return part
        whole = np.zeros(grid.shape + window.shape[2:], window.dtype)
        whole[self.block] = part
        return whole

    @property
    def pixels(self) -> int:
        """Elements of what is kept."""
        return 0 if self.flat is None else 2 * self.flat.size


def aligned(grid: Grid, projection: Projection, size: tuple[int, int] | None) -> Alignment:
    """Where the pixel centres of a grid lie in a projection's pixel plane.

    Args:
        grid: Pixels wanted.
        projection: The plane.
        size: `(height, width)` of what there is in it, from its origin; None where it has no edges.
    """
    kept: OrderedDict[tuple[Grid, Projection, tuple[int, int] | None], Alignment]
    kept = _local.__dict__.setdefault("kept", OrderedDict())
    key = (grid, projection, size)
    found = kept.get(key)
    if found is None:
        found = kept[key] = _aligned(grid, projection, size)
        while len(kept) > _KEPT or (len(kept) > 1 and sum(item.pixels for item in kept.values()) > _KEPT_PIXELS):
            kept.popitem(last=False)
    else:
        kept.move_to_end(key)
    return found


_NOTHING = Alignment(0, 0, (0, 0))


def _aligned(grid: Grid, projection: Projection, size: tuple[int, int] | None) -> Alignment:
    columns, rows = grid.positions(projection)
    with np.errstate(invalid="ignore"):
        column, row = np.floor(columns), np.floor(rows)
        if size is not None:
            in_columns, in_rows = (column >= 0) & (column < size[1]), (row >= 0) & (row < size[0])
        else:
            in_columns, in_rows = np.isfinite(column), np.isfinite(row)
    if columns.ndim == 2:
        # An infinite position is in no image, but one without edges would take it in one axis.
        return _scattered(row, column, in_rows & in_columns & np.isfinite(columns) & np.isfinite(rows))
    if not (in_columns.any() and in_rows.any()):
        return _NOTHING
    r, c = row[in_rows].astype(np.int64), column[in_columns].astype(np.int64)
    top, left = int(r.min()), int(c.min())
    shape = (int(r.max()) - top + 1, int(c.max()) - left + 1)
    # Positions run one way along an axis, so what lies inside is one block.
    first_row, first_column = int(np.argmax(in_rows)), int(np.argmax(in_columns))
    block = slice(first_row, first_row + len(r)), slice(first_column, first_column + len(c))
    return Alignment(top, left, shape, block=block, rows=_indices(r - top), columns=_indices(c - left))


def _indices(places: Array) -> Array | None:
    consecutive = places[0] == 0 and (len(places) == 1 or bool((np.diff(places) == 1).all()))
    return None if consecutive else places.astype(np.intp)


def _scattered(row: Array, column: Array, inside: Array) -> Alignment:
    if inside.all():
        seen = None
    elif inside.any():
        seen = inside
        row, column = np.where(inside, row, row[inside][0]), np.where(inside, column, column[inside][0])
    else:
        return _NOTHING
    top, left = int(row.min()), int(column.min())
    shape = (int(row.max()) - top + 1, int(column.max()) - left + 1)
    flat = ((row - top) * shape[1] + (column - left)).astype(np.intp)
    return Alignment(top, left, shape, inside=seen, flat=flat)
