"""Edges of shapes, carried between projections without leaving their course.

An edge is either the shortest line on a sphere (geodesic) or straight in its own coordinates (planar):
https://developers.google.com/earth-engine/guides/geometries_planar_geodesic. Moved to other coordinates it is curved,
so it gains vertices until it is off by no more than a tolerance. Longitudes that run over the antimeridian are kept
continuous, and cut there where the projection has its seam.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine.pixels.grid import WGS84, FloatArray, crs_of, linear_unit, same_crs, transformer

TOLERANCE_METERS = 1.0

# Places along an edge where its course is compared with a straight one.
_PROBES = np.array([0.25, 0.5, 0.75])
_MOST_PIECES = 1_024
_SEAM = 180.0
_EPSILON = 1e-9
_RADIUS = 6_378_137.0
# Cosine of how far from its middle a gnomonic plane is used, and metres within which two of its points are one.
_WIDEST = 0.5
_SAME_PLACE = 1e-4

Convert = Callable[[FloatArray], FloatArray]


def moved(shape: BaseGeometry, source: str, target: str, *, geodesic: bool) -> BaseGeometry:
    """A shape in the coordinates of another CRS, within a metre of its course.

    Args:
        shape: Coordinates as (x, y), longitude first.
        source: CRS of the coordinates.
        target: CRS wanted.
        geodesic: Whether the edges are great circles.
    """
    if shape.is_empty:
        return shape
    same, in_degrees = same_crs(source, target), _in_degrees(source)
    if same and not in_degrees:
        if not geodesic:
            return shape
    elif shape.geom_type in ("Point", "MultiPoint"):
        plain = shape if same else shapely.transform(shape, _conversion(source, target))
        return _within_seam(plain) if _in_degrees(target) else plain
    west, south, east, north = shape.bounds
    unit = linear_unit(source)
    width, height = (east - west) * unit, (north - south) * unit
    on_map = west >= -_SEAM and east <= _SEAM
    # Meridians are great circles; of other courses and projections it is enough to know that the globe is no smaller.
    reach = width * (width + 4 * height) if same else (width + height) ** 2
    if (on_map or not in_degrees) and reach <= 8 * _RADIUS * TOLERANCE_METERS:
        return shape if same else shapely.transform(shape, _conversion(source, target))
    if geodesic and not in_degrees:
        shape, source = shapely.transform(shape, _conversion(source, WGS84)), WGS84
    elif not in_degrees:
        return _traced(shape, None, _conversion(source, target), TOLERANCE_METERS / linear_unit(target))
    if geodesic and goes_round(shape):
        shape, geodesic = sound(shape), False
    elif geodesic:
        shape = _continuous(shape)
    west, _, east, _ = shape.bounds
    if (west < -_SEAM - _EPSILON or east > _SEAM + _EPSILON) and _has_seam(target):
        if geodesic:
            shape, geodesic = _traced(shape, _great_circle, None, _degrees(TOLERANCE_METERS)), False
        shape = _within_seam(sound(shape))
    if same_crs(source, target):
        return sound(_traced(shape, _great_circle, None, _degrees(TOLERANCE_METERS))) if geodesic else shape
    course = _great_circle if geodesic else None
    return sound(_traced(shape, course, _conversion(source, target), TOLERANCE_METERS / linear_unit(target)))


def sound(shape: BaseGeometry) -> BaseGeometry:
    """A shape whose rings do not cross: edges that bend may, as those of a polygon around half the globe do."""
    if shapely.get_dimensions(shape) < 2 or shape.is_valid or not np.isfinite(shape.bounds).all():
        return shape
    return shapely.make_valid(shape, method="structure")


def merged(shape: BaseGeometry) -> BaseGeometry:
    """A shape whose parts do not overlap and whose rings do not cross, as set operations and tests of points need it.

    The parts of a multipolygon may overlap: GEOS refuses to combine such a one with another, and takes what two of them
    share for a hole.
    """
    shape = sound(shape)
    if shape.geom_type != "GeometryCollection" or not np.isfinite(shape.bounds).all():
        return shape
    return shapely.union_all(shape)


def joined(shapes: Sequence[BaseGeometry]) -> BaseGeometry:
    """The union of shapes, of those with crossing rings and overlapping parts as well."""
    return shapely.union_all([sound(shape) for shape in shapes])


@lru_cache(maxsize=256)
def _in_degrees(crs: str) -> bool:
    return bool(crs_of(crs).is_geographic)


def rounded(shape: BaseGeometry) -> BaseGeometry:
    """A shape of straight edges in degrees with vertices so near that great circles between them keep its course."""
    if not (_bends(*_edges(shape), None, _off_circle) > 1).any():
        return shape
    return _rebuilt(shape, lambda line: _subdivided(line, _bends(line[:-1], line[1:], None, _off_circle), None))


def in_gnomonic(shapes: Sequence[BaseGeometry], operate: Callable[..., BaseGeometry]) -> BaseGeometry | None:
    """What an operation makes of shapes with geodesic edges, without a vertex more than it needs.

    In a gnomonic projection great circles are straight lines, so that what is done to the plane is exact.

    Args:
        shapes: In degrees.
        operate: Gets them in the plane, and gives a shape there.

    Returns:
        The shape in degrees; None where the shapes are too far around the globe for one such plane.
    """
    vertices = np.concatenate([shapely.get_coordinates(shape) for shape in shapes])
    directions = _vectors(vertices)
    middle = directions.mean(axis=0)
    length = float(np.linalg.norm(middle))
    if length < 0.5 or float((directions @ middle).min()) < _WIDEST * length:
        return None
    x, y = math.degrees(math.atan2(middle[1], middle[0])), math.degrees(math.asin(middle[2] / length))
    plane, globe = f"+proj=gnom +lat_0={y!r} +lon_0={x!r} +R={_RADIUS}", f"+proj=longlat +R={_RADIUS}"
    there, back = _conversion(globe, plane), _conversion(plane, globe)
    made = operate(*(sound(shapely.transform(shape, there)) for shape in shapes))
    # Vertices that were there before are those of before, to the last bit.
    tree = shapely.STRtree(shapely.points(there(vertices)))

    def returned(xy: FloatArray) -> FloatArray:
        if not len(xy):
            return xy
        found = back(xy)
        nearest, distances = tree.query_nearest(shapely.points(xy), return_distance=True, all_matches=False)
        near = distances < _SAME_PLACE
        found[nearest[0][near]] = vertices[nearest[1][near]]
        # The plane is less than half the globe: around its middle, longitudes need not jump.
        found[:, 0] += 360 * np.round((x - found[:, 0]) / 360)
        return found

    return shapely.transform(made, returned)


def _degrees(meters: float) -> float:
    return meters / linear_unit(WGS84)


def _conversion(source: str, target: str) -> Convert:
    convert = transformer(source, target)
    return lambda xy: np.column_stack(convert.transform(xy[:, 0], xy[:, 1]))


def goes_round(shape: BaseGeometry) -> bool:
    """Whether an edge goes all the way round, as in the rectangle of the whole globe: no great circle does."""
    west, _, east, _ = shape.bounds
    if east - west < 2 * _SEAM - _EPSILON:
        return False
    start, end = _edges(shape)
    steps = np.abs(end - start)
    return bool(((steps[:, 0] >= 2 * _SEAM - _EPSILON) & (steps[:, 1] < _EPSILON)).any())


@lru_cache(maxsize=256)
def _has_seam(crs: str) -> bool:
    """Whether the two sides of the antimeridian lie apart in a projection."""
    if _in_degrees(crs):
        return True
    sides = _conversion(WGS84, crs)(np.array([[_SEAM - 1e-6, 10.0], [1e-6 - _SEAM, 10.0]]))
    return not bool(np.hypot(*(sides[0] - sides[1])) * linear_unit(crs) < 1_000)


def _within_seam(shape: BaseGeometry) -> BaseGeometry:
    """A shape in degrees with what lies beyond ±180° moved to the other side."""
    west, _, east, _ = shape.bounds
    if west >= -_SEAM - _EPSILON and east <= _SEAM + _EPSILON:
        return shape
    if shape.geom_type == "Point":
        x, y = shape.x, shape.y
        return shapely.Point((x + _SEAM) % (2 * _SEAM) - _SEAM, y) if abs(x) > _SEAM else shape
    if not math.isfinite(west) or east - west > 3_600:
        return shape
    parts = []
    for turn in range(math.floor((west + _SEAM) / 360), math.floor((east + _SEAM - _EPSILON) / 360) + 1):
        shift = 360.0 * turn
        part = shapely.intersection(shape, shapely.box(shift - _SEAM, -91, shift + _SEAM, 91))
        if not part.is_empty:
            parts.append(shapely.transform(part, lambda xy, shift=shift: xy - [shift, 0]))
    return shapely.union_all(parts) if len(parts) > 1 else parts[0] if parts else shape


def _continuous(shape: BaseGeometry) -> BaseGeometry:
    """Longitudes without jumps: every edge goes the short way round; a ring around a pole is closed through it."""
    start, end = _edges(shape)
    return shape if not (np.abs(end - start)[:, 0] > _SEAM).any() else _rebuilt(shape, _unwound)


def _unwound(line: FloatArray) -> FloatArray:
    steps = np.diff(line[:, 0])
    steps = steps - 360 * np.round(steps / 360)
    x = line[0, 0] + np.concatenate([[0.0], np.cumsum(steps)])
    found = np.column_stack([x, line[:, 1]])
    closed = len(line) > 3 and np.array_equal(line[0], line[-1])
    if closed and abs(x[-1] - x[0]) > _SEAM:
        pole = math.copysign(90.0, float(line[:, 1].mean()))
        found = np.vstack([found, [[x[-1], pole], [x[0], pole], found[0]]])
    middle = 360 * np.round((x.min() + x.max()) / 720)
    return np.asarray(found - [middle, 0])


def _rebuilt(shape: BaseGeometry, change: Callable[[FloatArray], FloatArray]) -> BaseGeometry:
    """A shape with each of its lines and rings changed."""
    kind = shape.geom_type
    if kind in ("Point", "MultiPoint") or shape.is_empty:
        return shape
    if kind == "Polygon":
        rings = [change(shapely.get_coordinates(ring)) for ring in (shape.exterior, *shape.interiors)]
        return shapely.Polygon(rings[0], rings[1:])
    if kind in ("LineString", "LinearRing"):
        return type(shape)(change(shapely.get_coordinates(shape)))
    return type(shape)([_rebuilt(part, change) for part in shape.geoms])


Course = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


def _straight(start: FloatArray, end: FloatArray, share: FloatArray) -> FloatArray:
    """Points at shares of straight edges; all of shape `(N, 2)`, the shares `(N, 1)`."""
    return np.asarray(start + (end - start) * share)


def _great_circle(start: FloatArray, end: FloatArray, share: FloatArray) -> FloatArray:
    """Points at shares of great circles on the sphere, in degrees, with longitudes that go on from the start's."""
    one, two = _vectors(start), _vectors(end)
    angle = np.arctan2(np.linalg.norm(np.cross(one, two), axis=1), (one * two).sum(axis=1))[:, None]
    sine = np.sin(angle)
    usable = (sine > 1e-9)[:, 0]
    safe = np.where(sine > 1e-9, sine, 1.0)
    point = (np.sin((1 - share) * angle) * one + np.sin(share * angle) * two) / safe
    x = np.degrees(np.arctan2(point[:, 1], point[:, 0]))
    y = np.degrees(np.arctan2(point[:, 2], np.hypot(point[:, 0], point[:, 1])))
    # Of the equal longitudes, the one on the way from the start to the end.
    along = (start[:, 0] + end[:, 0]) / 2
    x = x + 360 * np.round((along - x) / 360)
    # An edge along a meridian keeps its longitude, which is not defined at a pole.
    x = np.where(start[:, 0] == end[:, 0], start[:, 0], x)
    found = np.column_stack([x, y])
    return np.where(usable[:, None], found, _straight(start, end, share))


def _vectors(degrees: FloatArray) -> FloatArray:
    x, y = np.radians(degrees[:, 0]), np.radians(degrees[:, 1])
    return np.column_stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)])


def _traced(shape: BaseGeometry, course: Course | None, convert: Convert | None, tolerance: float) -> BaseGeometry:
    """A shape along its course, converted; as it is, or converted vertex by vertex, where that is near enough."""

    def off(start: FloatArray, end: FloatArray, points: FloatArray) -> FloatArray:
        return _off_chord(start, end, points, convert)

    def bends(start: FloatArray, end: FloatArray) -> FloatArray:
        return _bends(start, end, course, off) / tolerance

    if (bends(*_edges(shape)) > 1).any():
        shape = _rebuilt(shape, lambda line: _subdivided(line, bends(line[:-1], line[1:]), course))
    return shape if convert is None else shapely.transform(shape, convert)


def _edges(shape: BaseGeometry) -> tuple[FloatArray, FloatArray]:
    """(starts, ends) of all edges, each `(N, 2)`."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    kinds = shapely.get_dimensions(parts)
    lines = np.concatenate([shapely.get_rings(parts[kinds == 2]), parts[kinds == 1]])
    coordinates, owners = shapely.get_coordinates(lines, return_index=True)
    within = owners[1:] == owners[:-1]
    return coordinates[:-1][within], coordinates[1:][within]


Deviation = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


def _bends(start: FloatArray, end: FloatArray, course: Course | None, deviation: Deviation) -> FloatArray:
    """How far each edge is off, at most, of what `deviation` compares it with; 0 where that is not known."""
    count = len(start)
    starts, ends = np.repeat(start, len(_PROBES), axis=0), np.repeat(end, len(_PROBES), axis=0)
    points = (course or _straight)(starts, ends, np.tile(_PROBES, count)[:, None])
    with np.errstate(invalid="ignore"):
        off = np.zeros((count, len(_PROBES) + 2))
        off[:, 1:-1] = deviation(starts, ends, points).reshape(count, len(_PROBES))
        # A curve that bends both ways may come back to its chord: what counts is how much it bends anywhere. Of a
        # parabola, twice the second difference over quarters is its distance from the chord.
        bend = 2 * np.abs(np.diff(off, 2, axis=1)).max(axis=1)
    return np.where(np.isfinite(bend), bend, 0)


def _off_chord(start: FloatArray, end: FloatArray, points: FloatArray, convert: Convert | None) -> FloatArray:
    """How far to the left points are of the chords of their edges, once converted."""
    if convert is not None:
        start, end, points = convert(start), convert(end), convert(points)
    edge, to_point = end - start, points - start
    length = np.hypot(edge[:, 0], edge[:, 1])
    across = edge[:, 0] * to_point[:, 1] - edge[:, 1] * to_point[:, 0]
    from_start = np.hypot(to_point[:, 0], to_point[:, 1])
    return np.asarray(np.where(length > 0, across / np.where(length > 0, length, 1), from_start))


def _off_circle(start: FloatArray, end: FloatArray, points: FloatArray) -> FloatArray:
    """How far to the left points are of the great circles of their edges, in tolerances."""
    one, two = _vectors(start), _vectors(end)
    normal = np.cross(one, two)
    size = np.linalg.norm(normal, axis=1)
    across = (normal * _vectors(points)).sum(axis=1) / np.where(size > 0, size, 1)
    # Edges of half a turn or more have no great circle of their own, and must be divided in any case.
    wide = np.abs(end[:, 0] - start[:, 0]) >= _SEAM
    return np.where(wide, 64.0**2, across * _RADIUS / TOLERANCE_METERS)


def _subdivided(line: FloatArray, bends: FloatArray, course: Course | None) -> FloatArray:
    """A line with vertices added along the course of its edges, the more the further they are off."""
    # The distance from a chord falls with the square of the number of chords.
    pieces = np.clip(np.ceil(np.sqrt(np.maximum(bends, 1) * (1 - 1e-12))), 1, _MOST_PIECES).astype(int)
    if (pieces == 1).all():
        return line
    edge = np.repeat(np.arange(len(pieces)), pieces)
    first = np.repeat(np.cumsum(pieces) - pieces, pieces)
    share = ((np.arange(len(edge)) - first) / pieces[edge])[:, None]
    points = (course or _straight)(line[:-1][edge], line[1:][edge], share)
    # Vertices stay as they are, to the last bit.
    points[share[:, 0] == 0] = line[:-1]
    return np.vstack([points, line[-1:]])
