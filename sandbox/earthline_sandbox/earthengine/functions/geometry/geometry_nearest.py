"""Where two geometries are nearest to each other, and lines cut by their length."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine.functions.geometry.geometry import GLOBE, distance, nearest
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Projection
from earthline_sandbox.earthengine.values.values import Element, Feature, Geometry
from earthline_sandbox.errors import invalid

_MOST_PARTS = 1_000_000


@function("Geometry.closestPoints", ignores=("maxError",))
def closest_points(left: Geometry, right: Geometry, proj: Projection | None) -> dict[str, Geometry]:
    """The point of each geometry that is nearest to the other; nothing where one is empty."""
    found = nearest(left, right, proj)
    if found is None:
        return {}
    place = proj or Projection()
    one, two = (Geometry(shapely.Point(x, y), Projection(place.crs)) for x, y in found)
    return {"left": one, "right": two}


@function("Geometry.closestPoint", ignores=("maxError",))
def closest_point(left: Geometry, right: Geometry, proj: Projection | None) -> Geometry | None:
    """The point of the right geometry that is nearest to the left one; null where one is empty."""
    return closest_points(left, right, proj).get("right")


@function("Feature.closestPoints", ignores=("maxError",))
def feature_closest_points(left: Element, right: Element, proj: Projection | None) -> dict[str, Geometry]:
    """The points of two features that are nearest to each other."""
    return closest_points(to_geometry(left), to_geometry(right), proj)


@function("Feature.closestPoint", ignores=("maxError",))
def feature_closest_point(left: Element, right: Element, proj: Projection | None) -> Geometry | None:
    """The point of the right feature that is nearest to the left one."""
    return closest_point(to_geometry(left), to_geometry(right), proj)


@function("Feature.withinDistance", ignores=("maxError",))
def within_distance(left: Element, right: Element, distance: float, proj: Projection | None) -> bool:
    """Whether two features are at most so far apart."""
    return _apart(to_geometry(left), to_geometry(right), proj) <= distance


_apart = distance


@function("Geometry.cutLines", ignores=("maxError",))
def cut_lines(geometry: Geometry, distances: list[float], proj: Projection | None) -> Geometry:
    """The lines of a geometry cut at distances along each, in metres or in units of a projection."""
    return _cut(geometry, distances, proj)


@function("Feature.cutLines", ignores=("maxError",))
def feature_cut_lines(feature: Element, distances: list[float], proj: Projection | None) -> Feature:
    """The feature with its lines cut."""
    return Feature(geometry=_cut(to_geometry(feature), distances, proj), properties=feature.properties)


def _cut(geometry: Geometry, distances: Sequence[float], proj: Projection | None) -> Geometry:
    if any(not place >= 0 for place in distances):
        raise invalid("Geometry.cutLines: the distances must not be negative.")
    crs = (proj or Projection()).crs
    lines = [part for part in shapely.get_parts(geometry.in_crs(crs)) if part.geom_type in ("LineString", "LinearRing")]
    if len(lines) * (len(distances) + 1) > _MOST_PARTS:
        raise invalid(f"Geometry.cutLines: there would be more than {_MOST_PARTS} parts.")
    places = sorted(set(distances))
    parts = [part for line in lines for part in _pieces(shapely.get_coordinates(line), places, proj is None)]
    return Geometry(shapely.MultiLineString(parts), Projection(crs), geometry.geodesic and proj is None)


def _pieces(vertices: Any, places: Sequence[float], on_globe: bool) -> list[BaseGeometry]:
    """One line between each two places along it, those measured in metres or in its own units."""
    steps = np.diff(vertices, axis=0)
    if on_globe:
        lengths = np.array(GLOBE.line_lengths(vertices[:, 0], vertices[:, 1]))
    else:
        lengths = np.hypot(steps[:, 0], steps[:, 1])
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    cuts = [0.0, *(place for place in places if 0 < place < along[-1]), float(along[-1])]
    x, y = (np.interp(cuts, along, vertices[:, axis]) for axis in (0, 1))
    pieces = []
    for index in range(len(cuts) - 1):
        within = vertices[(along > cuts[index]) & (along < cuts[index + 1])]
        ends = np.column_stack([x[index : index + 2], y[index : index + 2]])
        pieces.append(shapely.LineString(np.vstack([ends[:1], within, ends[1:]])))
    return pieces
