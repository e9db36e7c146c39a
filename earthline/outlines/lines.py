"""Edges of polygons carried from one set of coordinates to another: straight ones may bend, so they gain corners."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

Array = np.ndarray[Any, Any]
Convert = Callable[[Array], Array]

_PLACES = (0.25, 0.5, 0.75)
_ROUNDS = 12
"""Most times that an edge is halved: into 4,096 pieces."""


def carried(shape: BaseGeometry, convert: Convert, tolerance: float, turn: float | None = None) -> BaseGeometry:
    """A shape in other coordinates, along its course.

    Args:
        shape: Polygons.
        convert: From (n, 2) to (n, 2) coordinates.
        tolerance: Distance, in units of the result, by which an edge may leave its course at most.
        turn: 360 where the result is longitude and latitude in degrees, whose x has no end; else None. Edges go the
            short way then, the x of a ring goes on where it would jump, and the tolerance is one of latitude.

    Returns:
        Polygons; a ring around a pole goes through it.
    """
    rings = [
        [_ring(shapely.get_coordinates(ring), convert, tolerance, turn) for ring in (part.exterior, *part.interiors)]
        for part in shapely.get_parts(shape)
    ]
    polygons = [shapely.Polygon(outer, holes) for outer, *holes in rings]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def geodesic(shape: BaseGeometry, farthest: float, ellipsoid: Geod) -> BaseGeometry:
    """A shape in degrees whose long edges, the shortest lines on an ellipsoid, have corners all along.

    Args:
        shape: Polygons.
        farthest: Metres from one corner to the next, at most.
        ellipsoid: The ellipsoid.

    Returns:
        Polygons whose straight edges keep the course; longitudes from -180 to 180.
    """

    def along(ring: Array) -> Array:
        pieces = []
        for start, end in pairwise(ring):
            length = ellipsoid.inv(*start, *end)[2]
            more = ellipsoid.npts(*start, *end, int(length // farthest)) if length > farthest else []
            pieces.append(np.array([start, *more]))
        return np.vstack([*pieces, ring[-1:]])

    polygons = [part for part in shapely.get_parts(shapely.get_parts(shape)) if part.geom_type == "Polygon"]
    rings = [
        [along(shapely.get_coordinates(ring)) for ring in (polygon.exterior, *polygon.interiors)]
        for polygon in polygons
    ]
    # Points and lines are left for those who say what is wrong with them.
    return shapely.MultiPolygon([shapely.Polygon(outer, holes) for outer, *holes in rings]) if rings else shape


def _ring(ring: Array, convert: Convert, tolerance: float, turn: float | None) -> Array:
    for _ in range(_ROUNDS):
        start, end = ring[:-1], ring[1:]
        from_, to = convert(start), convert(end)
        edge = _short(to - from_, turn)
        # Degrees of longitude are shorter, the nearer a pole is.
        narrow = np.array([1.0, 1.0]) if turn is None else _narrowed(from_[:, 1])
        edge = edge * narrow
        length = np.hypot(edge[:, 0], edge[:, 1])
        bent = np.zeros(len(start), bool)
        for share in _PLACES:
            along = _short(convert(start + (end - start) * share) - from_, turn) * narrow
            across = np.abs(edge[:, 0] * along[:, 1] - edge[:, 1] * along[:, 0])
            away = np.where(length > 0, across / np.where(length > 0, length, 1), np.hypot(along[:, 0], along[:, 1]))
            with np.errstate(invalid="ignore"):
                bent |= away > tolerance
        if not bent.any():
            break
        places = np.flatnonzero(bent)
        ring = np.insert(ring, places + 1, (start[places] + end[places]) / 2, axis=0)
    return _continuous(convert(ring), turn)


def _narrowed(latitudes: Array) -> Array:
    """Factors (n, 2) that make degrees of longitude as long as those of latitude."""
    return np.column_stack([np.maximum(0.001, np.cos(np.radians(latitudes))), np.ones(len(latitudes))])


def _short(steps: Array, turn: float | None) -> Array:
    """Differences of coordinates, the short way around."""
    if turn is None:
        return steps
    return np.column_stack([steps[:, 0] - turn * np.round(steps[:, 0] / turn), steps[:, 1]])


def _continuous(ring: Array, turn: float | None) -> Array:
    if turn is None:
        return ring
    return unwound(ring, turn)


def unwound(ring: Array, turn: float = 360.0) -> Array:
    """A ring of degrees without jumps: each edge goes the short way, one around a pole is closed through it.

    Args:
        ring: (n, 2), first and last corner alike.
        turn: Length of a whole turn.
    """
    steps = np.diff(ring[:, 0])
    # An edge of a whole turn is that of a rectangle around the globe, and meant.
    jumps = (np.abs(steps) > turn / 2) & (np.abs(steps) < turn * (1 - 1e-12))
    if not jumps.any():
        return ring
    steps = np.where(jumps, steps - turn * np.round(steps / turn), steps)
    x = ring[0, 0] + np.concatenate([[0.0], np.cumsum(steps)])
    found = np.column_stack([x, ring[:, 1]])
    if abs(x[-1] - x[0]) > turn / 2:
        pole = np.copysign(90.0, ring[:, 1].mean())
        found = np.vstack([found, [[x[-1], pole], [x[0], pole], found[0]]])
    else:
        # The same corner, to the last bit.
        found[-1] = found[0]
    return found
