"""Geometries made from coordinates."""

import math
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine.language.coerce import number
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Projection, crs_of
from earthline_sandbox.earthengine.values.values import Geometry
from earthline_sandbox.errors import invalid


def _points(coordinates: Any, name: str) -> list[tuple[float, float]]:
    """Positions from `[[x, y], …]`, `[x, y, x, y, …]` or a list of points."""
    if isinstance(coordinates, Geometry):
        return [(float(x), float(y)) for x, y in shapely.get_coordinates(coordinates.shape)]
    if not isinstance(coordinates, list | tuple):
        raise invalid(f"{name}: Invalid geometry: coordinates must be a list.")
    if coordinates and all(isinstance(item, int | float) for item in coordinates):
        if len(coordinates) % 2:
            raise invalid(f"{name}: Invalid geometry: a list of coordinates must have an even number of entries.")
        return [(float(x), float(y)) for x, y in zip(coordinates[::2], coordinates[1::2], strict=True)]
    positions = []
    for item in coordinates:
        if isinstance(item, Geometry):
            positions.extend(_points(item, name))
        elif isinstance(item, list | tuple) and len(item) >= 2:
            positions.append((float(number(item[0])), float(number(item[1]))))
        else:
            raise invalid(f"{name}: Invalid geometry: a position must be a list of two numbers.")
    return positions


def _rings(coordinates: Any, name: str) -> list[list[tuple[float, float]]]:
    """Rings of one polygon, or of one ring given alone."""
    if isinstance(coordinates, list | tuple) and coordinates:
        head = coordinates[0]
        nested = isinstance(head, list | tuple) and bool(head) and isinstance(head[0], list | tuple | Geometry)
        flat_rings = isinstance(head, list | tuple) and len(head) > 2 and not nested
        if nested or flat_rings or (isinstance(head, Geometry) and "Point" not in head.shape.geom_type):
            return [_points(ring, name) for ring in coordinates]
    return [_points(coordinates, name)]


def _polygon(coordinates: Any, name: str, planar: bool) -> BaseGeometry:
    rings = [ring for ring in _rings(coordinates, name) if ring]
    if not rings:
        return shapely.Polygon()
    for ring in rings:
        if len(ring) < 3 or not all(math.isfinite(term) for position in ring for term in position):
            raise invalid(f"{name}: Invalid geometry: a ring needs at least three finite positions.")
    shape = shapely.Polygon(rings[0], rings[1:])
    turns = np.diff(shapely.get_coordinates(shape)[:, 0])
    if not planar and bool((np.abs(turns) > 180).any()):
        # Over the antimeridian, or around a pole: as a plane figure it would cross itself.
        return shape
    # Rings that cross themselves are read by the even-odd rule, as Earth Engine does by default.
    return shape if shape.is_valid else shapely.make_valid(shape, method="structure")


def _placed(shape: BaseGeometry, crs: Projection | None, geodesic: bool | None) -> Geometry:
    return Geometry(shape, crs or Projection(), _geodesic(crs, geodesic))


def _geodesic(crs: Projection | None, geodesic: bool | None) -> bool:
    """Whether edges are geodesic: as asked for, else where coordinates are degrees."""
    if geodesic is not None:
        return geodesic
    return crs is None or (crs_of(crs.crs).is_geographic and crs.transform == Projection().transform)


def _depth(value: Any) -> int:
    """Nesting of lists."""
    depth = 0
    while isinstance(value, list | tuple) and value:
        depth, value = depth + 1, value[0]
    return depth


@function("GeometryConstructors.Point")
def point(coordinates: list[float], crs: Projection | None) -> Geometry:
    """A position."""
    if len(coordinates) < 2:
        raise invalid("GeometryConstructors.Point: Invalid geometry: a point needs two coordinates.")
    return _placed(shapely.Point(float(coordinates[0]), float(coordinates[1])), crs, None)


@function("GeometryConstructors.MultiPoint")
def multi_point(coordinates: list[Any], crs: Projection | None) -> Geometry:
    """Positions."""
    return _placed(shapely.MultiPoint(_points(coordinates, "GeometryConstructors.MultiPoint")), crs, None)


@function("GeometryConstructors.LineString", ignores=("maxError",))
def line_string(coordinates: list[Any], crs: Projection | None, geodesic: bool | None) -> Geometry:
    """A line."""
    return _placed(_line(coordinates, "GeometryConstructors.LineString"), crs, geodesic)


def _line(coordinates: Any, name: str) -> BaseGeometry:
    positions = _points(coordinates, name)
    if len(positions) < 2:
        raise invalid(f"{name}: Invalid geometry: a line needs at least two positions.")
    return shapely.LineString(positions)


@function("GeometryConstructors.LinearRing", ignores=("maxError",))
def linear_ring(coordinates: list[Any], crs: Projection | None, geodesic: bool | None) -> Geometry:
    """A closed line."""
    positions = _points(coordinates, "GeometryConstructors.LinearRing")
    if len(positions) < 3:
        raise invalid("GeometryConstructors.LinearRing: Invalid geometry: a ring needs at least three positions.")
    return _placed(shapely.LinearRing(positions), crs, geodesic)


@function("GeometryConstructors.MultiLineString", ignores=("maxError",))
def multi_line_string(coordinates: list[Any], crs: Projection | None, geodesic: bool | None) -> Geometry:
    """Lines."""
    lines = (
        coordinates
        if _depth(coordinates) > 2 or (coordinates and isinstance(coordinates[0], Geometry))
        else [coordinates]
    )
    name = "GeometryConstructors.MultiLineString"
    return _placed(shapely.MultiLineString([_line(line, name) for line in lines]), crs, geodesic)


@function("GeometryConstructors.Polygon", ignores=("maxError", "evenOdd"))
def polygon(coordinates: list[Any], crs: Projection | None, geodesic: bool | None) -> Geometry:
    """An outer ring and holes."""
    shape = _polygon(coordinates, "GeometryConstructors.Polygon", not _geodesic(crs, geodesic))
    return _placed(shape, crs, geodesic)


@function("GeometryConstructors.MultiPolygon", ignores=("maxError", "evenOdd"))
def multi_polygon(coordinates: list[Any], crs: Projection | None, geodesic: bool | None) -> Geometry:
    """Polygons."""
    name = "GeometryConstructors.MultiPolygon"
    several = _depth(coordinates) > 3 or bool(coordinates and isinstance(coordinates[0], Geometry))
    parts = coordinates if several else [coordinates]
    planar = not _geodesic(crs, geodesic)
    shapes = [part.shape if isinstance(part, Geometry) else _polygon(part, name, planar) for part in parts]
    polygons = [item for shape in shapes for item in shapely.get_parts(shape)]
    if not all(isinstance(item, shapely.Polygon) for item in polygons):
        raise invalid(f"{name}: 'coordinates' must be those of polygons, or polygons.")
    return _placed(shapely.MultiPolygon(polygons), crs, geodesic)


@function("GeometryConstructors.MultiGeometry", ignores=("maxError",))
def multi_geometry(geometries: list[Geometry], crs: Projection | None, geodesic: bool | None) -> Geometry:
    """Geometries of any kinds."""
    target = crs or Projection()
    shapes = [item.shape if item.projection == target else item.in_crs(target.crs) for item in geometries]
    return _placed(shapely.GeometryCollection(shapes), crs, geodesic)


@function("GeometryConstructors.Rectangle", ignores=("evenOdd",))
def rectangle(coordinates: list[Any], crs: Projection | None, geodesic: bool | None) -> Geometry:
    """A rectangle by two corners."""
    corners = _points(coordinates, "GeometryConstructors.Rectangle")
    if len(corners) < 2:
        raise invalid("GeometryConstructors.Rectangle: Invalid geometry: a rectangle needs two corners.")
    xs, ys = zip(*corners, strict=True)
    return _placed(rectangle_of(min(xs), min(ys), max(xs), max(ys)), crs, geodesic)


def rectangle_of(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """A rectangle whose ring starts at its lower left corner, as Earth Engine's does."""
    return shapely.Polygon([(west, south), (east, south), (east, north), (west, north), (west, south)])


@function("GeometryConstructors.BBox")
def b_box(west: float, south: float, east: float, north: float) -> Geometry:
    """A rectangle of degrees whose edges follow parallels and meridians."""
    if math.isnan(west + south + east + north) or south > north:
        raise invalid("GeometryConstructors.BBox: the southern edge must not lie north of the northern one.")
    if east - west >= 360 or not (math.isfinite(west) and math.isfinite(east)):
        west, east = -180, 180
    elif east < west:
        east += 360
    return Geometry(rectangle_of(west, max(south, -90), east, min(north, 90)), geodesic=False)
