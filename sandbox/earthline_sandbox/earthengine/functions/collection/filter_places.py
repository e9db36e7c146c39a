"""Filters of places: how they lie to each other, how far apart they are, and how large."""

import math
from collections.abc import Callable
from typing import Any

import shapely

from earthline_sandbox.earthengine.functions.collection.filters import GEOMETRY_FIELD, Filter, compared, field
from earthline_sandbox.earthengine.functions.geometry.geometry_distances import distance_between
from earthline_sandbox.earthengine.functions.geometry.geometry_measures import area as area_of
from earthline_sandbox.earthengine.functions.geometry.geometry_relations import holds
from earthline_sandbox.earthengine.language.coerce import Mismatch
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import Geometry


@function("Filter.intersects", ignores=("maxError",))
def intersects(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where two places have something in common."""
    return compared(_related(shapely.intersects), left_field, right_value, right_field, left_value)


@function("Filter.disjoint", ignores=("maxError",))
def disjoint(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where two places have nothing in common."""
    return compared(_related(shapely.disjoint), left_field, right_value, right_field, left_value)


@function("Filter.contains", ignores=("maxError",))
def contains(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left place contains the right one."""
    return compared(_related(holds), left_field, right_value, right_field, left_value)


@function("Filter.isContained", ignores=("maxError",))
def is_contained(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left place lies within the right one."""
    return compared(_related(lambda one, two: holds(two, one)), left_field, right_value, right_field, left_value)


def _related(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """A relation of two places in degrees; False where one is no place."""

    def related(one: Any, two: Any) -> bool:
        try:
            return bool(compare(to_geometry(one).lonlat(), to_geometry(two).lonlat()))
        except Mismatch:
            return False

    return related


@function("Filter.withinDistance", ignores=("maxError",))
def within_distance(
    distance: float, left_field: str | None, right_value: Any, right_field: str | None, left_value: Any
) -> Filter:
    """Passes where two geometries are at most so many metres apart."""

    def apart(one: Any, two: Any) -> float:
        try:
            return distance_between(to_geometry(one), to_geometry(two), None)
        except Mismatch:
            return math.inf

    return compared(
        lambda one, two: apart(one, two) <= distance,
        left_field,
        right_value,
        right_field,
        left_value,
        measure=apart,
    )


@function("Filter.area", ignores=("maxError",))
def area(min: float, max: float, geometry_selector: str | None) -> Filter:
    """Passes where a geometry has so many square metres."""
    name = geometry_selector or GEOMETRY_FIELD

    def test(left: Any, right: Any) -> bool:
        place = field(left, name)
        return isinstance(place, Geometry) and min <= area_of(place, None) <= max

    return Filter(test)
