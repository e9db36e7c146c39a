"""Which points and polygons of different labels contradict each other."""

from typing import Any

import numpy as np
import shapely

from earthline.label_features.features import LabelFeatures

Array = np.ndarray[Any, Any]


def contradictions(found: LabelFeatures) -> Array:
    """Pairs of features of different labels that share ground, (pairs, 2): polygons that overlap, points inside them.

    Polygons that touch along an edge share none.

    Args:
        found: The features.
    """
    points = found.are_points
    polygons = np.flatnonzero(~points)
    if not len(polygons):
        return np.zeros((0, 2), np.int64)
    tree = shapely.STRtree(found.shapes[polygons])
    one, two = tree.query(found.shapes, predicate="intersects")
    two = polygons[two]
    # A pair of polygons is found from either side, one of a point and a polygon from the point's alone.
    different = (found.values[one] != found.values[two]) & (points[one] | (one < two))
    one, two = one[different], two[different]
    shared = points[one] | (shapely.area(shapely.intersection(found.shapes[one], found.shapes[two])) > 0)
    return np.column_stack([one[shared], two[shared]])
