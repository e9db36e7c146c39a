"""Areas, lengths and perimeters of geometries, and lines cut by their length."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine.functions.geometry.geometry_shapes import GLOBE, shape_in, shape_on_globe
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.geodesics import goes_round, rounded, sound
from earthline_sandbox.earthengine.pixels.grid import Projection
from earthline_sandbox.earthengine.values.values import Element, Feature, Geometry
from earthline_sandbox.errors import invalid

_MOST_PARTS = 1_000_000


@function("Geometry.area", ignores=("maxError",))
def area(geometry: Geometry, proj: Projection | None) -> float:
    """Square metres on the globe, or square units of a projection."""
    if proj is not None:
        return float(shape_in(geometry, proj).area)
    shape = shape_on_globe(geometry)
    west, _, east, _ = shape.bounds
    if goes_round(shape) if geometry.geodesic else east - west >= 360:
        # A ring that goes all the way round encloses either side of itself; its halves do not.
        middle = (west + east) / 2
        halves = [shapely.box(west, -91, middle, 91), shapely.box(middle, -91, east, 91)]
        shape = shapely.GeometryCollection([rounded(shapely.intersection(sound(shape), half)) for half in halves])
    polygons = [part for part in shapely.get_parts(shapely.get_parts(shape)) if part.geom_type == "Polygon"]
    return float(sum(abs(GLOBE.geometry_area_perimeter(shapely.orient_polygons(part))[0]) for part in polygons))


@function("Feature.area", ignores=("maxError",))
def feature_area(feature: Element, proj: Projection | None) -> float:
    """The area of a feature's polygons."""
    return area(to_geometry(feature), proj)


@function("Geometry.length", ignores=("maxError",))
def length(geometry: Geometry, proj: Projection | None) -> float:
    """Length of the lines, in metres on the globe or in units of a projection."""
    shape = shape_on_globe(geometry) if proj is None else shape_in(geometry, proj)
    lines = [part for part in shapely.get_parts(shape) if part.geom_type in ("LineString", "LinearRing")]
    return _measured(lines, proj)


@function("Feature.length", ignores=("maxError",))
def feature_length(feature: Element, proj: Projection | None) -> float:
    """The length of a feature's lines."""
    return length(to_geometry(feature), proj)


@function("Geometry.perimeter", ignores=("maxError",))
def perimeter(geometry: Geometry, proj: Projection | None) -> float:
    """Length of the edges of the polygons, in metres on the globe or in units of a projection."""
    shape = shape_on_globe(geometry) if proj is None else shape_in(geometry, proj)
    return _measured([p.boundary for p in shapely.get_parts(shape) if p.geom_type == "Polygon"], proj)


@function("Feature.perimeter", ignores=("maxError",))
def feature_perimeter(feature: Element, proj: Projection | None) -> float:
    """The length of the edges of a feature's polygons."""
    return perimeter(to_geometry(feature), proj)


def _measured(lines: list[BaseGeometry], proj: Projection | None) -> float:
    if proj is not None:
        return float(sum(line.length for line in lines))
    return float(sum(GLOBE.geometry_length(line) for line in lines))


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
