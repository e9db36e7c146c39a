"""Whether geometries meet, or hold one another."""

import shapely
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine.functions.geometry.geometry_shapes import shape_in
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.geodesics import merged
from earthline_sandbox.earthengine.pixels.grid import Projection
from earthline_sandbox.earthengine.values.values import Element, Geometry


def holds(one: BaseGeometry, two: BaseGeometry) -> bool:
    """Whether one shape contains another; what lies on the antimeridian is within a shape that goes over it."""
    if shapely.contains(one, two):
        return True
    # Parts that overlap hide what lies across them; to look for them takes longer than to compare the bounds.
    (west, south, east, north), (left, below, right, above) = one.bounds, two.bounds
    if not (west <= left and right <= east and south <= below and above <= north):
        return False
    one, two = merged(one), merged(two)
    if "GeometryCollection" in (one.geom_type, two.geom_type):
        # GEOS finds nothing within a collection.
        return bool(shapely.difference(two, one).is_empty)
    return bool(shapely.contains(one, two) or ((west, east) == (-180, 180) and shapely.covers(one, two)))


@function("Geometry.intersects", ignores=("maxError",))
def intersects(left: Geometry, right: Geometry, proj: Projection | None) -> bool:
    """Whether two geometries have a place in common."""
    return bool(shapely.intersects(shape_in(left, proj), shape_in(right, proj)))


@function("Feature.intersects", ignores=("maxError",))
def feature_intersects(left: Element, right: Element, proj: Projection | None) -> bool:
    """Whether two features have a place in common."""
    return intersects(to_geometry(left), to_geometry(right), proj)


@function("Geometry.disjoint", ignores=("maxError",))
def disjoint(left: Geometry, right: Geometry, proj: Projection | None) -> bool:
    """Whether two geometries have no place in common."""
    return bool(shapely.disjoint(shape_in(left, proj), shape_in(right, proj)))


@function("Feature.disjoint", ignores=("maxError",))
def feature_disjoint(left: Element, right: Element, proj: Projection | None) -> bool:
    """Whether two features have no place in common."""
    return disjoint(to_geometry(left), to_geometry(right), proj)


@function("Geometry.contains", ignores=("maxError",))
def contains(left: Geometry, right: Geometry, proj: Projection | None) -> bool:
    """Whether the left geometry contains the right one."""
    return bool(holds(shape_in(left, proj), shape_in(right, proj)))


@function("Feature.contains", ignores=("maxError",))
def feature_contains(left: Element, right: Element, proj: Projection | None) -> bool:
    """Whether the left feature contains the right one."""
    return contains(to_geometry(left), to_geometry(right), proj)


@function("Geometry.containedIn", ignores=("maxError",))
def contained_in(left: Geometry, right: Geometry, proj: Projection | None) -> bool:
    """Whether the left geometry lies within the right one."""
    return bool(holds(shape_in(right, proj), shape_in(left, proj)))


@function("Feature.containedIn", ignores=("maxError",))
def feature_contained_in(left: Element, right: Element, proj: Projection | None) -> bool:
    """Whether the left feature lies within the right one."""
    return contained_in(to_geometry(left), to_geometry(right), proj)
