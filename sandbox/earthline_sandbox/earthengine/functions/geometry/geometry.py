"""Geometries: measured on the globe, combined, and moved between projections."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyproj
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine.functions.geometry.geometry_constructors import rectangle_of
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.geodesics import goes_round, in_gnomonic, merged, rounded, sound
from earthline_sandbox.earthengine.pixels.grid import IDENTITY, WGS84, Projection, crs_of, same_crs, transformer
from earthline_sandbox.earthengine.values.values import Collection, Element, ErrorMargin, Feature, Geometry
from earthline_sandbox.errors import invalid

GLOBE = pyproj.Geod(ellps="WGS84")
_HALF_WAY_ROUND = 20_000_000
# Looks for the nearest points, each around the middle of what the one before found.
_NEARER = 3


Shaping = Callable[[Geometry], Geometry]


def _on(element: Element, change: Shaping) -> Feature:
    """A feature with its geometry changed."""
    return Feature(geometry=change(to_geometry(element)), properties=element.properties)


def _in(geometry: Geometry, proj: Projection | None) -> BaseGeometry:
    return geometry.in_crs((proj or Projection()).crs)


def _made(shape: BaseGeometry, proj: Projection | None, geodesic: bool) -> Geometry:
    crs = (proj or Projection()).crs
    return Geometry(shape, Projection(crs), geodesic and crs == WGS84)


def bounds(geometry: Geometry, proj: Projection | None) -> Geometry:
    """The rectangle around a geometry; over the antimeridian it goes on beyond 180 degrees."""
    shape = _in(geometry, proj)
    if shape.is_empty:
        return _made(shapely.Polygon(), proj, False)
    west, south, east, north = shape.bounds
    if crs_of((proj or Projection()).crs).is_geographic and (west, east) == (-180, 180):
        sides = [part.bounds for part in shapely.get_parts(shape)]
        if all(side[0] >= 0 or side[2] <= 0 for side in sides):
            west = min(side[0] for side in sides if side[0] >= 0)
            east = max(side[2] for side in sides if side[2] <= 0) + 360
    return _made(rectangle_of(west, south, east, north), proj, False)


def _local(shape: BaseGeometry) -> str:
    """A projection around a shape in degrees that keeps distances from its middle."""
    x, y = 0.0, 0.0
    if not shape.is_empty:
        west, _, east, _ = shape.bounds
        if (west, east) == (-180, 180):
            # The two sides of the antimeridian have their middle between them, on the globe.
            vectors = shapely.get_coordinates(shape)
            turn, tilt = np.radians(vectors[:, 0]), np.radians(vectors[:, 1])
            mean = np.array([np.cos(tilt) * np.cos(turn), np.cos(tilt) * np.sin(turn), np.sin(tilt)]).mean(axis=1)
            x = math.degrees(math.atan2(mean[1], mean[0]))
            y = math.degrees(math.atan2(mean[2], math.hypot(mean[0], mean[1])))
        else:
            x, y = shape.centroid.x, shape.centroid.y
    return _around(x, y)


def _around(x: float, y: float) -> str:
    return f"+proj=aeqd +lat_0={y!r} +lon_0={x!r} +datum=WGS84 +units=m +no_defs"


def _on_globe(geometry: Geometry) -> BaseGeometry:
    """The shape in degrees with vertices so near that the shortest lines between them are its edges."""
    own = geometry.projection
    if own.transform != IDENTITY:
        geometry = Geometry(
            shapely.transform(geometry.shape, lambda xy: np.column_stack(own.located(xy[:, 0], xy[:, 1]))),
            Projection(own.crs),
            geometry.geodesic,
        )
    if same_crs(own.crs, WGS84):
        return geometry.shape if geometry.geodesic else rounded(geometry.shape)
    if geometry.geodesic:
        there = transformer(own.crs, WGS84)
        return shapely.transform(geometry.shape, lambda xy: np.column_stack(there.transform(xy[:, 0], xy[:, 1])))
    return rounded(geometry.lonlat())


def buffer(geometry: Geometry, distance: float, proj: Projection | None, max_error: ErrorMargin | None) -> Geometry:
    """Everything within a distance: in metres, or in units of a projection where one is given."""
    if not math.isfinite(distance) or (proj is None and abs(distance) > _HALF_WAY_ROUND):
        raise invalid(f"Geometry.buffer: the distance must be a number of at most {_HALF_WAY_ROUND} metres.")
    segments = 16
    if max_error is not None and max_error.value and max_error.value > 0 and max_error.unit == "meters" and distance:
        # The sagitta of a chord must stay below the error.
        share = min(max(1 - max_error.value / abs(distance), -1.0), 1.0)
        segments = min(max(math.ceil(math.pi / 4 / max(math.acos(share), 1e-3)), 2), 64)
    if proj is not None:
        return _made(shapely.buffer(_in(geometry, proj), distance, quad_segs=segments), proj, geometry.geodesic)
    shape = geometry.lonlat()
    if shape.is_empty:
        return Geometry(shape)
    local = _local(shape)
    back = transformer(local, WGS84)
    grown = shapely.buffer(geometry.in_crs(local), distance, quad_segs=segments)
    return Geometry(shapely.transform(grown, lambda xy: np.column_stack(back.transform(xy[:, 0], xy[:, 1]))))


def area(geometry: Geometry, proj: Projection | None) -> float:
    """Square metres on the globe, or square units of a projection."""
    if proj is not None:
        return float(_in(geometry, proj).area)
    shape = _on_globe(geometry)
    west, _, east, _ = shape.bounds
    if goes_round(shape) if geometry.geodesic else east - west >= 360:
        # A ring that goes all the way round encloses either side of itself; its halves do not.
        middle = (west + east) / 2
        halves = [shapely.box(west, -91, middle, 91), shapely.box(middle, -91, east, 91)]
        shape = shapely.GeometryCollection([rounded(shapely.intersection(sound(shape), half)) for half in halves])
    polygons = [part for part in shapely.get_parts(shapely.get_parts(shape)) if part.geom_type == "Polygon"]
    return float(sum(abs(GLOBE.geometry_area_perimeter(shapely.orient_polygons(part))[0]) for part in polygons))


def length(geometry: Geometry, proj: Projection | None) -> float:
    """Length of the lines, in metres on the globe or in units of a projection."""
    shape = _on_globe(geometry) if proj is None else _in(geometry, proj)
    lines = [part for part in shapely.get_parts(shape) if part.geom_type in ("LineString", "LinearRing")]
    return _measured(lines, proj)


def perimeter(geometry: Geometry, proj: Projection | None) -> float:
    """Length of the edges of the polygons, in metres on the globe or in units of a projection."""
    shape = _on_globe(geometry) if proj is None else _in(geometry, proj)
    return _measured([p.boundary for p in shapely.get_parts(shape) if p.geom_type == "Polygon"], proj)


def _measured(lines: list[BaseGeometry], proj: Projection | None) -> float:
    if proj is not None:
        return float(sum(line.length for line in lines))
    return float(sum(GLOBE.geometry_length(line) for line in lines))


def centroid(geometry: Geometry, proj: Projection | None) -> Geometry:
    """The point in the middle."""
    if proj is not None:
        return _made(_in(geometry, proj).centroid, proj, True)
    shape = geometry.lonlat()
    if shape.is_empty:
        return Geometry(shapely.Point())
    local = _local(shape)
    planar = geometry.in_crs(local)
    x, y = transformer(local, WGS84).transform(planar.centroid.x, planar.centroid.y)
    return Geometry(shapely.Point(x, y))


def distance(left: Geometry, right: Geometry, proj: Projection | None) -> float:
    """The least distance, in metres on the globe or in units of a projection."""
    if proj is not None:
        return float(shapely.distance(_in(left, proj), _in(right, proj)))
    ends = nearest(left, right, None)
    return math.inf if ends is None else float(GLOBE.inv(*ends[0], *ends[1])[2])


Place = tuple[float, float]


def nearest(left: Geometry, right: Geometry, proj: Projection | None) -> tuple[Place, Place] | None:
    """The points of two geometries that are nearest to each other, in degrees or in a projection; None without one."""
    one, two = _in(left, proj), _in(right, proj)
    if one.is_empty or two.is_empty:
        return None
    if proj is not None:
        first, *_, last = shapely.get_coordinates(shapely.shortest_line(one, two))
        return (float(first[0]), float(first[1])), (float(last[0]), float(last[1]))
    local = _local(shapely.union(one.envelope, two.envelope))
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
        local = _around(x, y)
    return ends


def transform(geometry: Geometry, proj: Projection, geodesic: bool | None) -> Geometry:
    """The same place in another projection's pixel plane; edges become geodesic there if it is geographic."""
    edges = crs_of(proj.crs).is_geographic if geodesic is None else geodesic
    if edges and same_crs(proj.crs, WGS84):
        shape = _on_globe(geometry)
    else:
        shape = geometry.in_crs(proj.crs)
    if proj.transform != IDENTITY:
        shape = shapely.transform(shape, lambda xy: np.column_stack(proj.position(xy[:, 0], xy[:, 1])))
    return Geometry(shape, proj, edges)


def _tolerance(max_error: ErrorMargin) -> float:
    value = max_error.value or 0.0
    if not 0 <= value <= _HALF_WAY_ROUND:
        raise invalid(f"Geometry.simplify: 'maxError' must be between 0 and {_HALF_WAY_ROUND}, got {value}.")
    return value


def simplify(geometry: Geometry, max_error: ErrorMargin, proj: Projection | None) -> Geometry:
    """Fewer vertices, none off by more than the error."""
    if proj is not None:
        return _made(shapely.simplify(_in(geometry, proj), _tolerance(max_error)), proj, geometry.geodesic)
    shape = geometry.lonlat()
    local = _local(shape)
    planar = shapely.simplify(geometry.in_crs(local), _tolerance(max_error))
    back = transformer(local, WGS84)
    return Geometry(
        shapely.transform(planar, lambda xy: np.column_stack(back.transform(xy[:, 0], xy[:, 1]))),
        geodesic=geometry.geodesic,
    )


def _combined(parts: list[Geometry], proj: Projection | None, operate: Callable[..., BaseGeometry]) -> Geometry:
    """What a plane operation makes of geometries, in a projection or with the edges that they have."""
    geodesic = all(part.geodesic for part in parts)
    shapes = [merged(_in(part, proj)) for part in parts]
    if proj is None and geodesic and all(same_crs(part.projection.crs, WGS84) for part in parts):
        own = [merged(_on_globe(part)) for part in parts]
        if any(
            shapely.get_num_coordinates(a) != shapely.get_num_coordinates(b) for a, b in zip(own, shapes, strict=True)
        ):
            made = in_gnomonic(own, operate)
            if made is not None:
                return _made(made, proj, True)
    return _made(operate(*shapes), proj, geodesic)


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


def _symmetric_difference(one: BaseGeometry, two: BaseGeometry) -> BaseGeometry:
    if "GeometryCollection" not in (one.geom_type, two.geom_type):
        return shapely.symmetric_difference(one, two)
    # GEOS drops the points and lines of a collection.
    return shapely.union(shapely.difference(one, two), shapely.difference(two, one))


_PAIRED: dict[str, Callable[[Any, Any], Any]] = {
    "intersection": shapely.intersection,
    "union": shapely.union,
    "difference": shapely.difference,
    "symmetricDifference": _symmetric_difference,
}
_RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "intersects": shapely.intersects,
    "contains": holds,
    "containedIn": lambda one, two: holds(two, one),
    "disjoint": shapely.disjoint,
}
_MEASURES = {"area": area, "length": length, "perimeter": perimeter}
_CHANGES: dict[str, Callable[[Geometry, Projection | None], Geometry]] = {
    "bounds": bounds,
    "centroid": centroid,
    "convexHull": lambda geometry, proj: _combined([geometry], proj, shapely.convex_hull),
    "dissolve": lambda geometry, proj: _combined([geometry], proj, shapely.union_all),
}


def _register_paired(name: str, combine: Callable[[Any, Any], Any]) -> None:
    def combined(left: Geometry, right: Geometry, proj: Projection | None) -> Geometry:
        return _combined([left, right], proj, combine)

    def of_features(left: Element, right: Element, proj: Projection | None) -> Feature:
        return _on(left, lambda geometry: combined(geometry, to_geometry(right), proj))

    function(f"Geometry.{name}", ignores=("maxError",))(combined)
    function(f"Feature.{name}", ignores=("maxError",))(of_features)


def _register_relation(name: str, relation: Callable[[Any, Any], Any]) -> None:
    def related(left: Geometry, right: Geometry, proj: Projection | None) -> bool:
        return bool(relation(_in(left, proj), _in(right, proj)))

    def of_features(left: Element, right: Element, proj: Projection | None) -> bool:
        return related(to_geometry(left), to_geometry(right), proj)

    function(f"Geometry.{name}", ignores=("maxError",))(related)
    function(f"Feature.{name}", ignores=("maxError",))(of_features)


def _register_measure(name: str, measure: Callable[[Geometry, Projection | None], float]) -> None:
    def of_geometry(geometry: Geometry, proj: Projection | None) -> float:
        return measure(geometry, proj)

    def of_feature(feature: Element, proj: Projection | None) -> float:
        return measure(to_geometry(feature), proj)

    function(f"Geometry.{name}", ignores=("maxError",))(of_geometry)
    function(f"Feature.{name}", ignores=("maxError",))(of_feature)


def _register_change(name: str, change: Callable[[Geometry, Projection | None], Geometry]) -> None:
    def of_geometry(geometry: Geometry, proj: Projection | None) -> Geometry:
        return change(geometry, proj)

    def of_feature(feature: Element, proj: Projection | None) -> Feature:
        return _on(feature, lambda geometry: change(geometry, proj))

    function(f"Geometry.{name}", ignores=("maxError",))(of_geometry)
    function(f"Feature.{name}", ignores=("maxError",))(of_feature)


for _name, _combine in _PAIRED.items():
    _register_paired(_name, _combine)
for _name, _relation in _RELATIONS.items():
    _register_relation(_name, _relation)
for _name, _measure in _MEASURES.items():
    _register_measure(_name, _measure)
for _name, _change in _CHANGES.items():
    _register_change(_name, _change)


@function("Geometry.buffer")
def geometry_buffer(
    geometry: Geometry, distance: float, max_error: ErrorMargin | None, proj: Projection | None
) -> Geometry:
    """Everything within a distance."""
    return buffer(geometry, distance, proj, max_error)


@function("Feature.buffer")
def feature_buffer(
    feature: Element, distance: float, max_error: ErrorMargin | None, proj: Projection | None
) -> Feature:
    """The feature grown by a distance."""
    return _on(feature, lambda geometry: buffer(geometry, distance, proj, max_error))


@function("Geometry.simplify")
def geometry_simplify(geometry: Geometry, max_error: ErrorMargin, proj: Projection | None) -> Geometry:
    """Fewer vertices."""
    return simplify(geometry, max_error, proj)


@function("Feature.simplify")
def feature_simplify(feature: Element, max_error: ErrorMargin, proj: Projection | None) -> Feature:
    """The feature with fewer vertices."""
    return _on(feature, lambda geometry: simplify(geometry, max_error, proj))


@function("Geometry.transform", ignores=("maxError",))
def geometry_transform(geometry: Geometry, proj: Projection, geodesic: bool | None) -> Geometry:
    """The same place in another projection."""
    return transform(geometry, proj, geodesic)


@function("Feature.transform", ignores=("maxError",))
def feature_transform(feature: Element, proj: Projection, geodesic: bool | None) -> Feature:
    """The feature in another projection."""
    return _on(feature, lambda geometry: transform(geometry, proj, geodesic))


@function("Geometry.distance", ignores=("maxError", "spherical"))
def geometry_distance(left: Geometry, right: Geometry, proj: Projection | None) -> float:
    """The least distance between two geometries."""
    return distance(left, right, proj)


@function("Feature.distance", ignores=("maxError", "spherical"))
def feature_distance(left: Element, right: Element, proj: Projection | None) -> float:
    """The least distance between two features."""
    return distance(to_geometry(left), to_geometry(right), proj)


@function("Geometry.withinDistance", ignores=("maxError",))
def within_distance(left: Geometry, right: Geometry, distance: float, proj: Projection | None) -> bool:
    """Whether two geometries are at most so far apart."""
    return geometry_distance(left, right, proj) <= distance


@function("Geometry.coordinates")
def coordinates(geometry: Geometry) -> Any:
    """The coordinates as nested lists."""
    shown = mapping(geometry.shape)
    return _nested(shown.get("coordinates", []))


def _nested(value: Any) -> Any:
    return [_nested(item) for item in value] if isinstance(value, list | tuple) else value


@function("Geometry.type")
def geometry_type(geometry: Geometry) -> str:
    """Such as `Polygon`."""
    return str(geometry.shape.geom_type)


@function("Geometry.projection")
def geometry_projection(geometry: Geometry) -> Projection:
    """What the coordinates mean."""
    return geometry.projection


@function("Geometry.geodesic", "Geometry.edgesAreGeodesics")
def geodesic(geometry: Geometry) -> bool:
    """Whether edges are the shortest lines on the globe."""
    return geometry.geodesic


@function("Geometry.isUnbounded")
def is_unbounded(geometry: Geometry) -> bool:
    """Whether it covers the whole globe."""
    return not geometry.shape.is_empty and geometry.lonlat().bounds == (-180, -90, 180, 90)


@function("Geometry.geometries")
def geometries(geometry: Geometry) -> list[Geometry]:
    """The parts."""
    return [Geometry(part, geometry.projection, geometry.geodesic) for part in shapely.get_parts(geometry.shape)]


@function("Geometry.coveringGrid")
def covering_grid(geometry: Geometry, proj: Projection, scale: float | None) -> Collection:
    """The cells of a grid that a geometry touches, as features named `column,row`."""
    cell = proj if scale is None else Projection(proj.crs, _square(proj, scale))
    shape = geometry.in_crs(cell.crs)
    west, south, east, north = shape.bounds
    if not np.isfinite([west, south, east, north]).all():
        return Collection()
    xs, ys = cell.position(np.array([west, west, east, east]), np.array([south, north, south, north]))
    columns = range(math.floor(min(xs)), math.ceil(max(xs)))
    rows = range(math.floor(min(ys)), math.ceil(max(ys)))
    if len(columns) * len(rows) > 1_000_000:
        raise invalid("Geometry.coveringGrid: The grid has too many cells.")
    features = []
    for row in rows:
        for column in columns:
            box = Geometry(shapely.box(column, row, column + 1, row + 1), cell, geodesic=False)
            outline = box.in_crs(cell.crs)
            if shapely.intersects(outline, shape):
                features.append(
                    Feature(
                        geometry=Geometry(outline, Projection(cell.crs), geodesic=False),
                        properties={"system:index": f"{column},{row}"},
                    )
                )
    return Collection(elements=features)


def _square(proj: Projection, scale: float) -> tuple[float, float, float, float, float, float]:
    side = scale / Projection(proj.crs).nominal_scale
    return (side, 0.0, 0.0, 0.0, side, 0.0)
