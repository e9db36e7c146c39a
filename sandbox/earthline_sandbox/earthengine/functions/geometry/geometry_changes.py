"""Geometries made of one: its bounds and its middle, grown, simplified, and in another projection."""

import math

import numpy as np
import shapely

from earthline_sandbox.earthengine.functions.geometry.geometry_constructors import rectangle_of
from earthline_sandbox.earthengine.functions.geometry.geometry_shapes import (
    HALF_WAY_ROUND,
    geometry_in,
    on_feature,
    plane_around,
    shape_in,
    shape_on_globe,
)
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import IDENTITY, WGS84, Projection, crs_of, same_crs, transformer
from earthline_sandbox.earthengine.values.values import Element, ErrorMargin, Feature, Geometry
from earthline_sandbox.errors import invalid


@function("Geometry.bounds", ignores=("maxError",))
def bounds(geometry: Geometry, proj: Projection | None) -> Geometry:
    """The rectangle around a geometry; over the antimeridian it goes on beyond 180 degrees."""
    shape = shape_in(geometry, proj)
    if shape.is_empty:
        return geometry_in(shapely.Polygon(), proj, False)
    west, south, east, north = shape.bounds
    if crs_of((proj or Projection()).crs).is_geographic and (west, east) == (-180, 180):
        sides = [part.bounds for part in shapely.get_parts(shape)]
        if all(side[0] >= 0 or side[2] <= 0 for side in sides):
            west = min(side[0] for side in sides if side[0] >= 0)
            east = max(side[2] for side in sides if side[2] <= 0) + 360
    return geometry_in(rectangle_of(west, south, east, north), proj, False)


@function("Feature.bounds", ignores=("maxError",))
def feature_bounds(feature: Element, proj: Projection | None) -> Feature:
    """The rectangle around a feature."""
    return on_feature(feature, lambda geometry: bounds(geometry, proj))


@function("Geometry.centroid", ignores=("maxError",))
def centroid(geometry: Geometry, proj: Projection | None) -> Geometry:
    """The point in the middle."""
    if proj is not None:
        return geometry_in(shape_in(geometry, proj).centroid, proj, True)
    shape = geometry.lonlat()
    if shape.is_empty:
        return Geometry(shapely.Point())
    local = plane_around(shape)
    planar = geometry.in_crs(local)
    x, y = transformer(local, WGS84).transform(planar.centroid.x, planar.centroid.y)
    return Geometry(shapely.Point(x, y))


@function("Feature.centroid", ignores=("maxError",))
def feature_centroid(feature: Element, proj: Projection | None) -> Feature:
    """The feature at the point in its middle."""
    return on_feature(feature, lambda geometry: centroid(geometry, proj))


@function("Geometry.buffer")
def buffer(geometry: Geometry, distance: float, max_error: ErrorMargin | None, proj: Projection | None) -> Geometry:
    """Everything within a distance: in metres, or in units of a projection where one is given."""
    if not math.isfinite(distance) or (proj is None and abs(distance) > HALF_WAY_ROUND):
        raise invalid(f"Geometry.buffer: the distance must be a number of at most {HALF_WAY_ROUND} metres.")
    segments = 16
    if max_error is not None and max_error.value and max_error.value > 0 and max_error.unit == "meters" and distance:
        # The sagitta of a chord must stay below the error.
        share = min(max(1 - max_error.value / abs(distance), -1.0), 1.0)
        segments = min(max(math.ceil(math.pi / 4 / max(math.acos(share), 1e-3)), 2), 64)
    if proj is not None:
        return geometry_in(
            shapely.buffer(shape_in(geometry, proj), distance, quad_segs=segments), proj, geometry.geodesic
        )
    shape = geometry.lonlat()
    if shape.is_empty:
        return Geometry(shape)
    local = plane_around(shape)
    back = transformer(local, WGS84)
    grown = shapely.buffer(geometry.in_crs(local), distance, quad_segs=segments)
    return Geometry(shapely.transform(grown, lambda xy: np.column_stack(back.transform(xy[:, 0], xy[:, 1]))))


@function("Feature.buffer")
def feature_buffer(
    feature: Element, distance: float, max_error: ErrorMargin | None, proj: Projection | None
) -> Feature:
    """The feature grown by a distance."""
    return on_feature(feature, lambda geometry: buffer(geometry, distance, max_error, proj))


@function("Geometry.simplify")
def simplify(geometry: Geometry, max_error: ErrorMargin, proj: Projection | None) -> Geometry:
    """Fewer vertices, none off by more than the error."""
    if proj is not None:
        return geometry_in(shapely.simplify(shape_in(geometry, proj), _tolerance(max_error)), proj, geometry.geodesic)
    shape = geometry.lonlat()
    local = plane_around(shape)
    planar = shapely.simplify(geometry.in_crs(local), _tolerance(max_error))
    back = transformer(local, WGS84)
    return Geometry(
        shapely.transform(planar, lambda xy: np.column_stack(back.transform(xy[:, 0], xy[:, 1]))),
        geodesic=geometry.geodesic,
    )


@function("Feature.simplify")
def feature_simplify(feature: Element, max_error: ErrorMargin, proj: Projection | None) -> Feature:
    """The feature with fewer vertices."""
    return on_feature(feature, lambda geometry: simplify(geometry, max_error, proj))


def _tolerance(max_error: ErrorMargin) -> float:
    value = max_error.value or 0.0
    if not 0 <= value <= HALF_WAY_ROUND:
        raise invalid(f"Geometry.simplify: 'maxError' must be between 0 and {HALF_WAY_ROUND}, got {value}.")
    return value


@function("Geometry.transform", ignores=("maxError",))
def transform(geometry: Geometry, proj: Projection, geodesic: bool | None) -> Geometry:
    """The same place in another projection's pixel plane; edges become geodesic there if it is geographic."""
    edges = crs_of(proj.crs).is_geographic if geodesic is None else geodesic
    if edges and same_crs(proj.crs, WGS84):
        shape = shape_on_globe(geometry)
    else:
        shape = geometry.in_crs(proj.crs)
    if proj.transform != IDENTITY:
        shape = shapely.transform(shape, lambda xy: np.column_stack(proj.position(xy[:, 0], xy[:, 1])))
    return Geometry(shape, proj, edges)


@function("Feature.transform", ignores=("maxError",))
def feature_transform(feature: Element, proj: Projection, geodesic: bool | None) -> Feature:
    """The feature in another projection."""
    return on_feature(feature, lambda geometry: transform(geometry, proj, geodesic))
