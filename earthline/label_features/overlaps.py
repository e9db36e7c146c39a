"""Which points and polygons contradict each other, and which are there twice."""

from typing import Any

import numpy as np
import shapely

from earthline.label_features.features import LabelFeatures

Array = np.ndarray[Any, Any]


def contradictions(found: LabelFeatures) -> Array:
    """Pairs of features of different labels that share ground, (pairs, 2).

    Polygons do that overlap, points inside of polygons, and points at the same place. Polygons that touch along an edge
    share none.

    Args:
        found: The features.
    """
    points = found.are_points
    one, two = shapely.STRtree(found.shapes).query(found.shapes, predicate="intersects")
    # A pair is found from either side; of a point and a polygon, the point comes first.
    once = np.where(points[one] == points[two], one < two, points[one])
    different = (found.values[one] != found.values[two]) & once
    one, two = one[different], two[different]
    shared = points[one] | (shapely.area(shapely.intersection(found.shapes[one], found.shapes[two])) > 0)
    return np.column_stack([one[shared], two[shared]])


def repeated(found: LabelFeatures) -> Array:
    """Positions of features that one before them equals, label and all.

    Args:
        found: The features.
    """
    keys = [(shape.wkb, value) for shape, value in zip(found.shapes, found.values.tolist(), strict=True)]
    first: dict[tuple[bytes, float], int] = {}
    return np.array([place for place, key in enumerate(keys) if first.setdefault(key, place) != place], np.int64)
