"""Geometries as sets of places: what they share, what they are together, and what only one of them covers."""

from collections.abc import Callable

import shapely
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine.functions.geometry.geometry_shapes import (
    geometry_in,
    on_feature,
    shape_in,
    shape_on_globe,
)
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.geodesics import in_gnomonic, merged
from earthline_sandbox.earthengine.pixels.grid import WGS84, Projection, same_crs
from earthline_sandbox.earthengine.values.values import Element, Feature, Geometry


def _combined(parts: list[Geometry], proj: Projection | None, operate: Callable[..., BaseGeometry]) -> Geometry:
    """What a plane operation makes of geometries, in a projection or with the edges that they have."""
    geodesic = all(part.geodesic for part in parts)
    shapes = [merged(shape_in(part, proj)) for part in parts]
    if proj is None and geodesic and all(same_crs(part.projection.crs, WGS84) for part in parts):
        own = [merged(shape_on_globe(part)) for part in parts]
        if any(
            shapely.get_num_coordinates(a) != shapely.get_num_coordinates(b) for a, b in zip(own, shapes, strict=True)
        ):
            made = in_gnomonic(own, operate)
            if made is not None:
                return geometry_in(made, proj, True)
    return geometry_in(operate(*shapes), proj, geodesic)


@function("Geometry.intersection", ignores=("maxError",))
def intersection(left: Geometry, right: Geometry, proj: Projection | None) -> Geometry:
    """Where both geometries are."""
    return _combined([left, right], proj, shapely.intersection)


@function("Feature.intersection", ignores=("maxError",))
def feature_intersection(left: Element, right: Element, proj: Projection | None) -> Feature:
    """The left feature, only where the right one is as well."""
    return on_feature(left, lambda geometry: intersection(geometry, to_geometry(right), proj))


@function("Geometry.union", ignores=("maxError",))
def union(left: Geometry, right: Geometry, proj: Projection | None) -> Geometry:
    """Where one of the geometries is."""
    return _combined([left, right], proj, shapely.union)


@function("Feature.union", ignores=("maxError",))
def feature_union(left: Element, right: Element, proj: Projection | None) -> Feature:
    """The left feature, and where the right one is as well."""
    return on_feature(left, lambda geometry: union(geometry, to_geometry(right), proj))


@function("Geometry.difference", ignores=("maxError",))
def difference(left: Geometry, right: Geometry, proj: Projection | None) -> Geometry:
    """Where the left geometry is and the right one is not."""
    return _combined([left, right], proj, shapely.difference)


@function("Feature.difference", ignores=("maxError",))
def feature_difference(left: Element, right: Element, proj: Projection | None) -> Feature:
    """The left feature, only where the right one is not."""
    return on_feature(left, lambda geometry: difference(geometry, to_geometry(right), proj))


@function("Geometry.symmetricDifference", ignores=("maxError",))
def symmetric_difference(left: Geometry, right: Geometry, proj: Projection | None) -> Geometry:
    """Where just one of the geometries is."""
    return _combined([left, right], proj, _symmetric_difference)


@function("Feature.symmetricDifference", ignores=("maxError",))
def feature_symmetric_difference(left: Element, right: Element, proj: Projection | None) -> Feature:
    """The left feature, where just one of the two is."""
    return on_feature(left, lambda geometry: symmetric_difference(geometry, to_geometry(right), proj))


def _symmetric_difference(one: BaseGeometry, two: BaseGeometry) -> BaseGeometry:
    if "GeometryCollection" not in (one.geom_type, two.geom_type):
        return shapely.symmetric_difference(one, two)
    # GEOS drops the points and lines of a collection.
    return shapely.union(shapely.difference(one, two), shapely.difference(two, one))


@function("Geometry.dissolve", ignores=("maxError",))
def dissolve(geometry: Geometry, proj: Projection | None) -> Geometry:
    """All parts merged into one."""
    return _combined([geometry], proj, shapely.union_all)


@function("Feature.dissolve", ignores=("maxError",))
def feature_dissolve(feature: Element, proj: Projection | None) -> Feature:
    """The feature with all its parts merged into one."""
    return on_feature(feature, lambda geometry: dissolve(geometry, proj))


@function("Geometry.convexHull", ignores=("maxError",))
def convex_hull(geometry: Geometry, proj: Projection | None) -> Geometry:
    """The smallest convex shape around a geometry."""
    return _combined([geometry], proj, shapely.convex_hull)


@function("Feature.convexHull", ignores=("maxError",))
def feature_convex_hull(feature: Element, proj: Projection | None) -> Feature:
    """The feature as the smallest convex shape around it."""
    return on_feature(feature, lambda geometry: convex_hull(geometry, proj))
