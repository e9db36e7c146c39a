"""The one form of an outline: sound polygons in degrees, in one piece across the antimeridian, of a bounded size."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from shapely.geometry import mapping
from shapely.geometry import shape as of_geojson
from shapely.geometry.base import BaseGeometry

from earthline.outlines.lines import unwound

MOST_CORNERS = 5000
"""It travels with every request to Earth Engine and in the compiled pipeline: 5,000 corners are 120 kB."""
PRECISION = 1e-7
"""Degrees to which corners are rounded: a centimetre."""
_DIGITS = 7
_METRES_PER_DEGREE = 111_195.0
_KINDS = {"Point": "points", "LineString": "lines", "LinearRing": "lines"}


class OutlineError(ValueError):
    """What was given is no outline of a region; the text says why and what to do.

    Attributes:
        simplify: Metres that help, where it has too many corners; else None.
    """

    def __init__(self, told: str, simplify: float | None = None) -> None:
        """Takes the text, and metres where they help."""
        super().__init__(told)
        self.simplify = simplify


def tidied(shape: BaseGeometry, notes: list[str], simplify: float | None = None) -> BaseGeometry:
    """An outline from whatever geometry somebody has.

    Args:
        shape: In degrees, longitude first.
        notes: Gets a sentence for each change that somebody might want to know of.
        simplify: Metres by which the outline may move, to have fewer corners.

    Returns:
        A polygon or several that share no area, their corners rounded. Longitudes begin from -180 to 180 and go on
        beyond 180 where it lies across the antimeridian.

    Raises:
        OutlineError: There is no area, it lies nowhere on the globe, or it has too many corners.
    """
    shape = shapely.force_2d(shape)
    _require_area(shape)
    coordinates = shapely.get_coordinates(shape)
    if not np.isfinite(coordinates).all():
        raise OutlineError("holds coordinates that are no finite numbers; repair it")
    (west, south), (east, north) = coordinates.min(axis=0), coordinates.max(axis=0)
    if west < -360 or east > 540 or south < -90.0001 or north > 90.0001:
        raise OutlineError(
            f"runs from ({west:g}, {south:g}) to ({east:g}, {north:g}), which are no longitudes and latitudes; name "
            "the CRS of its coordinates in the file"
        )
    shape = _joined(repaired(_continuous(shape), notes))
    if simplify is not None:
        shape = _simplified(shape, simplify)
    shape = shapely.normalize(_polygons(shapely.set_precision(shape, PRECISION)))
    if shape.is_empty:
        raise OutlineError("has no area; give a larger outline")
    require_few(shape, simplify)
    return shape


def require_few(shape: BaseGeometry, simplify: float | None = None) -> None:
    """Checks the number of corners.

    Args:
        shape: In degrees.
        simplify: Metres that were asked for already.

    Raises:
        OutlineError: There are more than `MOST_CORNERS`; the text says by how much to simplify.
    """
    count = shapely.get_num_coordinates(shape)
    if count <= MOST_CORNERS:
        return
    metres = max(1.0, 2 * simplify if simplify else 1.0)
    while shapely.get_num_coordinates(less := _simplified(shape, metres)) > MOST_CORNERS and metres < 1e6:
        metres *= 2
    raise OutlineError(
        f"has {count:,} corners, and an outline travels with every request, so that it may have {MOST_CORNERS:,}; "
        f"write `simplify: {metres:g}` beside it (metres), which leaves {shapely.get_num_coordinates(less):,}",
        metres,
    )


def read(geometry: Mapping[str, Any], notes: list[str]) -> BaseGeometry:
    """An outline from a GeoJSON geometry.

    Args:
        geometry: Of type Polygon or MultiPolygon, in longitude and latitude; a Feature is taken for its geometry.
        notes: As in `tidied`.

    Raises:
        OutlineError: As `tidied`, or it is no GeoJSON.
    """
    if geometry.get("type") == "Feature":
        geometry = geometry.get("geometry") or {}
    try:
        shape = of_geojson(geometry)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, shapely.errors.ShapelyError) as error:
        raise OutlineError(
            "is no GeoJSON geometry; write {type: Polygon, coordinates: [[[west, south], [east, south], …]]}"
        ) from error
    return tidied(shape, notes)


def as_geojson(shape: BaseGeometry) -> dict[str, Any]:
    """An outline as a GeoJSON geometry of lists and numbers with seven decimals."""
    found: dict[str, Any] = _plain(mapping(shape))
    return found


def told(shape: BaseGeometry) -> str:
    """An outline in a few words: parts, holes, corners, extent and area."""
    parts = shapely.get_parts(shape)
    holes = int(shapely.get_num_interior_rings(parts).sum())
    west, south, east, north = shape.bounds
    area = square_metres(shape) / 1e6
    pieces = [
        "1 polygon" if len(parts) == 1 else f"{len(parts):,} polygons",
        *([f"{holes:,} hole{'' if holes == 1 else 's'}"] if holes else []),
        f"{shapely.get_num_coordinates(shape):,} corners",
        f"{area:,.4g} km²" if area < 1e4 else f"{area:,.0f} km²",
        f"west {west:g}, south {south:g}, east {(east + 180) % 360 - 180 if east > 180 else east:g}, north {north:g}",
        *(["across the antimeridian"] if east > 180 else []),
    ]
    return ", ".join(pieces)


def square_metres(shape: BaseGeometry) -> float:
    """The area on the ellipsoid."""
    return abs(float(Geod(ellps="WGS84").geometry_area_perimeter(shapely.orient_polygons(shape))[0]))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def _require_area(shape: BaseGeometry) -> None:
    if shape.is_empty:
        raise OutlineError("holds no geometry; give polygons")
    parts = shapely.get_parts(shapely.get_parts(shape))
    if not (shapely.get_dimensions(parts) == 2).any():
        kinds = sorted({_KINDS.get(part.geom_type, part.geom_type) for part in parts})
        raise OutlineError(
            f"holds {' and '.join(kinds)}, and a region is polygons; draw its outline, or buffer them (in QGIS: "
            "Vector, Geoprocessing tools, Buffer)"
        )


def repaired(polygons: Sequence[BaseGeometry], notes: list[str]) -> list[BaseGeometry]:
    """Polygons whose rings do not cross.

    Args:
        polygons: Each alone; that they overlap is no matter.
        notes: Gets a sentence where one had to be changed.
    """
    reasons = [shapely.is_valid_reason(polygon) for polygon in polygons if not polygon.is_valid]
    if not reasons:
        return list(polygons)
    notes.append(f"the outline was repaired ({reasons[0]}{f' and {len(reasons) - 1:,} more' if reasons[1:] else ''})")
    sound = [
        polygon if polygon.is_valid else shapely.make_valid(polygon, method="structure", keep_collapsed=False)
        for polygon in polygons
    ]
    return [part for each in sound for part in shapely.get_parts(each) if part.geom_type == "Polygon"]


def _polygons(shape: BaseGeometry) -> BaseGeometry:
    """The parts of a shape that have an area, none of them overlapping."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    kept = parts[shapely.get_dimensions(parts) == 2]
    return shapely.union_all(kept) if len(kept) != 1 else kept[0]


def _continuous(shape: BaseGeometry) -> list[BaseGeometry]:
    """Its polygons, each ring without a jump at the antimeridian."""
    polygons = []
    for part in shapely.get_parts(shapely.get_parts(shape)):
        if part.geom_type != "Polygon" or part.is_empty:
            continue
        outer, *holes = [unwound(shapely.get_coordinates(ring)) for ring in (part.exterior, *part.interiors)]
        middle = _middle(outer)
        # A hole lies in the same turn as what it is a hole of.
        holes = [_moved(hole, round((middle - _middle(hole)) / 360)) for hole in holes]
        polygons.append(shapely.Polygon(outer, holes))
    return polygons


def _moved(xy: Any, turns: int) -> Any:
    """Coordinates some whole turns further east."""
    return np.column_stack([xy[:, 0] + 360.0 * turns, xy[:, 1]])


def _middle(ring: Any) -> float:
    return float((ring[:, 0].min() + ring[:, 0].max()) / 2)


def _joined(polygons: Sequence[BaseGeometry]) -> BaseGeometry:
    """Parts on both sides of the antimeridian side by side: the widest gap between parts is the outside."""
    parts = [_shifted(part) for part in polygons if not part.is_empty]
    if not parts:
        return shapely.Polygon()
    spans = sorted((part.bounds[0], part.bounds[2]) for part in parts)
    reach, gaps = spans[0][1], []
    for west, east in spans[1:]:
        if west > reach:
            gaps.append((west - reach, west))
        reach = max(reach, east)
    gap, start = max(gaps, default=(0.0, -180.0))
    if gap > spans[0][0] + 360 - reach:
        parts = [
            shapely.transform(part, lambda xy: _moved(xy, 1)) if part.bounds[2] < start else part for part in parts
        ]
    return _shifted(_polygons(shapely.union_all(parts)))


def _shifted(part: BaseGeometry) -> BaseGeometry:
    """The same with a western edge from -180 to 180."""
    west = part.bounds[0]
    turns = math.floor((west + 180) / 360)
    return shapely.transform(part, lambda xy: _moved(xy, -turns)) if turns else part


def _simplified(shape: BaseGeometry, metres: float) -> BaseGeometry:
    """Fewer corners, no further than that from where they were; degrees of longitude count as they are there."""
    middle = math.radians((shape.bounds[1] + shape.bounds[3]) / 2)
    narrow = max(0.01, math.cos(middle))
    flat = shapely.transform(shape, lambda xy: xy * [narrow, 1])
    simple = flat.simplify(metres / _METRES_PER_DEGREE, preserve_topology=True)
    return _polygons(shapely.transform(simple, lambda xy: xy / [narrow, 1]))
