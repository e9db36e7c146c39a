"""How far apart geometries are, and where they are nearest to each other."""

import math

import shapely

from earthline_sandbox.earthengine.functions.geometry.geometry_shapes import GLOBE, plane_around, plane_at, shape_in
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import WGS84, Projection, transformer
from earthline_sandbox.earthengine.values.values import Element, Geometry

# Looks for the nearest points, each around the middle of what the one before found.
_NEARER = 3

Place = tuple[float, float]


def nearest(left: Geometry, right: Geometry, proj: Projection | None) -> tuple[Place, Place] | None:
    """The points of two geometries that are nearest to each other, in degrees or in a projection; None without one."""
    one, two = shape_in(left, proj), shape_in(right, proj)
    if one.is_empty or two.is_empty:
        return None
    if proj is not None:
        first, *_, last = shapely.get_coordinates(shapely.shortest_line(one, two))
        return (float(first[0]), float(first[1])), (float(last[0]), float(last[1]))
    local = plane_around(shapely.union(one.envelope, two.envelope))
    ends: tuple[Place, Place] = ((0.0, 0.0), (0.0, 0.0))
    for _ in range(_NEARER):
        line = shapely.shortest_line(left.in_crs(local), right.in_crs(local))
        back = transformer(local, WGS84)
        found = [back.transform(x, y) for x, y in shapely.get_coordinates(line)]
        if not found:
            return None
        ends = found[0], found[-1]
        if one.geom_type == two.geom_type == "Point":
            break
        # Around the middle of the line between them, distances are told better than around the middle of all.
        bearing, _, length = GLOBE.inv(*ends[0], *ends[1])
        x, y, _ = GLOBE.fwd(*ends[0], bearing, length / 2)
        local = plane_at(x, y)
    return ends


def distance_between(left: Geometry, right: Geometry, proj: Projection | None) -> float:
    """The least distance, in metres on the globe or in units of a projection."""
    if proj is not None:
        return float(shapely.distance(shape_in(left, proj), shape_in(right, proj)))
    ends = nearest(left, right, None)
    return math.inf if ends is None else float(GLOBE.inv(*ends[0], *ends[1])[2])


@function("Geometry.distance", ignores=("maxError", "spherical"))
def geometry_distance(left: Geometry, right: Geometry, proj: Projection | None) -> float:
    """The least distance between two geometries."""
    return distance_between(left, right, proj)


@function("Feature.distance", ignores=("maxError", "spherical"))
def feature_distance(left: Element, right: Element, proj: Projection | None) -> float:
    """The least distance between two features."""
    return distance_between(to_geometry(left), to_geometry(right), proj)


@function("Geometry.withinDistance", ignores=("maxError",))
def within_distance(left: Geometry, right: Geometry, distance: float, proj: Projection | None) -> bool:
    """Whether two geometries are at most so far apart."""
    return distance_between(left, right, proj) <= distance


@function("Feature.withinDistance", ignores=("maxError",))
def feature_within_distance(left: Element, right: Element, distance: float, proj: Projection | None) -> bool:
    """Whether two features are at most so far apart."""
    return distance_between(to_geometry(left), to_geometry(right), proj) <= distance


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
