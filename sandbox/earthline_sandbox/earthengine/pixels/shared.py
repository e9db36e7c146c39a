"""Results that several output bands take from one computation, and the sources of those bands."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Array, Pixels, PixelType, Source


class Shared:
    """Results that several output bands take from one computation; each thread keeps those of its last grid."""

    def __init__(self, compute: Callable[[Grid], Any]) -> None:
        """Takes what computes them for a grid."""
        self._compute = compute
        self._kept = threading.local()

    def __call__(self, grid: Grid) -> Any:
        """The results for a grid."""
        last: tuple[Grid, Any] | None = getattr(self._kept, "last", None)
        if last is None or last[0] != grid:
            self._kept.last = last = (grid, self._compute(grid))
        return last[1]


def output_source(shared: Shared, index: int, kind: PixelType) -> Source:
    """The source of one output: values and mask by position in the shared results."""

    def source(grid: Grid) -> Pixels:
        values, mask = shared(grid)[index]
        if isinstance(values, np.ndarray) and values.dtype == object:
            return Pixels(_each(values, kind.converted), mask)
        mask = np.broadcast_to(mask, np.shape(values))
        if mask.ndim > 2:
            mask = mask.all(axis=tuple(range(2, mask.ndim)))
        return Pixels(kind.converted(np.asarray(values)), mask)

    return source


def _each(arrays: Array, change: Callable[[Array], Array]) -> Array:
    """An array of arrays, each of them changed; nothing stands where a pixel is masked."""
    changed = np.empty(arrays.shape, dtype=object)
    for place, item in np.ndenumerate(arrays):
        changed[place] = None if item is None else change(item)
    return changed
