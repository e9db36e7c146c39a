"""Shapes with an index for tests of many points and boxes, each of one thread alone.

GEOS builds such an index in the shape itself, fills it while it answers, and locks nothing: two threads that index one
shape, or ask it, crash the process. `shapely.prepare`, `shapely.contains_xy` and `shapely.intersects_xy` (which index
the shape that they are given) are therefore called nowhere but here, on copies that no other thread sees.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine.pixels.geodesics import merged
from earthline_sandbox.earthengine.pixels.grid import FloatArray

_KEPT = 16
_local = threading.local()


@dataclass(frozen=True, eq=False)
class IndexedShape:
    """What `indexed` made for the thread that asked.

    Attributes:
        shape: That thread's own copy, with its index, and with overlapping parts made one.
    """

    shape: BaseGeometry

    def contains(self, x: FloatArray | float, y: FloatArray | float) -> FloatArray:
        """Whether points lie within it, its outline not counted; bool of the shape of `x` and `y`."""
        return np.asarray(shapely.contains_xy(self.shape, x, y))

    def intersects(self, x: FloatArray | float, y: FloatArray | float) -> FloatArray:
        """Whether points lie within it or on its outline; bool of the shape of `x` and `y`."""
        return np.asarray(shapely.intersects_xy(self.shape, x, y))


def indexed(shape: BaseGeometry) -> IndexedShape:
    """This thread's own copy of a shape, with an index; the last few are kept for as long as the thread lives."""
    kept: OrderedDict[int, tuple[BaseGeometry, IndexedShape]]
    kept = _local.__dict__.setdefault("shapes", OrderedDict())
    key = id(shape)
    # The shape is kept beside its copy, so that no other shape can take over its id meanwhile.
    if key not in kept or kept[key][0] is not shape:
        copy = shapely.transform(merged(shape), lambda xy: xy)
        shapely.prepare(copy)
        kept[key] = (shape, IndexedShape(copy))
        while len(kept) > _KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key][1]
