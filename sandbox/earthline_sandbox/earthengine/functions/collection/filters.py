"""Filters: predicates of an element, or of a pair where a field of each is compared."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import shapely

from earthline_sandbox.earthengine.functions.geometry.geometry import area as area_of
from earthline_sandbox.earthengine.functions.geometry.geometry import distance as distance_between
from earthline_sandbox.earthengine.functions.geometry.geometry import holds
from earthline_sandbox.earthengine.language.coerce import Mismatch, date, date_range, footprint, type_name
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import TIME_START, Date, Element, Feature, Geometry, Image
from earthline_sandbox.errors import invalid

ALL_FIELDS = ".all"
GEOMETRY_FIELD = ".geo"


@dataclass(frozen=True, eq=False)
class Filter:
    """A predicate of a left element and, in joins, a right one.

    Attributes:
        test: The predicate.
        measure: How far apart the two elements of a pair are, for filters that say so.
    """

    test: Callable[[Any, Any], bool]
    measure: Callable[[Any, Any], float] | None = None

    def __call__(self, left: Any, right: Any = None) -> bool:
        """Whether the element, or the pair, passes."""
        return self.test(left, right)


def field(element: Any, name: str) -> Any:
    """A property by name; `.geo` and `.all` are the geometry."""
    if name in (GEOMETRY_FIELD, ALL_FIELDS):
        if isinstance(element, Feature):
            return element.geometry
        return footprint(element) if isinstance(element, Image) else None
    return element.get(name) if isinstance(element, Element) else None


def comparison(
    compare: Callable[[Any, Any], bool],
    measure: Callable[[Any, Any], float] | None = None,
    absence: Callable[[bool], bool] | None = None,
) -> Callable[..., Filter]:
    """A maker of filters from a comparison of two values; a missing value never passes.

    Args:
        compare: Whether two values pass.
        measure: How far apart two values are, for filters that say so.
        absence: Whether a field that is compared with null passes, by whether it is missing; None refuses null.
    """

    def make(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
        if (left_field is None) == (left_value is None):
            raise invalid("Filter: exactly one of 'leftField' and 'leftValue' must be given.")
        if absence is not None and left_field is not None and right_field is None and right_value is None:
            name = left_field
            return Filter(lambda left, right: absence(field(left, name) is None))
        if (right_field is None) == (right_value is None):
            raise invalid("Filter: exactly one of 'rightField' and 'rightValue' must be given.")

        def operands(left: Any, right: Any) -> tuple[Any, Any]:
            one = left_value if left_field is None else field(left, left_field)
            return one, right_value if right_field is None else field(left if right is None else right, right_field)

        def test(left: Any, right: Any) -> bool:
            one, two = operands(left, right)
            return one is not None and two is not None and compare(one, two)

        return Filter(test, None if measure is None else lambda left, right: measure(*operands(left, right)))

    return make


def _comparable(value: Any) -> Any:
    if isinstance(value, Date):
        return value.milliseconds
    return int(value) if isinstance(value, bool) else value


def _equal(one: Any, two: Any) -> bool:
    return bool(_comparable(one) == _comparable(two))


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def safely(one: Any, two: Any) -> bool:
        try:
            return compare(_comparable(one), _comparable(two))
        except TypeError:
            return False

    return safely


def _contains_date(one: Any, two: Any) -> bool:
    try:
        span, moment = date_range(one), date(two).milliseconds
    except Mismatch:
        return False
    return span.start <= moment < span.end


def _in_list(one: Any, two: Any) -> bool:
    """Whether the left value is an element of the right list."""
    return isinstance(two, list | tuple) and any(_equal(one, item) for item in two)


def _list_contains(one: Any, two: Any) -> bool:
    return isinstance(one, list | tuple) and any(_equal(two, item) for item in one)


def _text(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda one, two: isinstance(one, str) and isinstance(two, str) and compare(one, two)


def _spatial(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def related(one: Any, two: Any) -> bool:
        try:
            return bool(compare(to_geometry(one).lonlat(), to_geometry(two).lonlat()))
        except Mismatch:
            return False

    return related


_COMPARISONS: dict[tuple[str, ...], Callable[[Any, Any], bool]] = {
    ("eq", "equals"): _equal,
    ("neq", "notEquals"): lambda one, two: not _equal(one, two),
    ("lt", "lessThan"): _ordered(lambda one, two: bool(one < two)),
    ("lte", "lessThanOrEquals"): _ordered(lambda one, two: bool(one <= two)),
    ("gt", "greaterThan"): _ordered(lambda one, two: bool(one > two)),
    ("gte", "greaterThanOrEquals"): _ordered(lambda one, two: bool(one >= two)),
    ("dateRangeContains",): _contains_date,
    ("inList",): _in_list,
    ("listContains",): _list_contains,
    ("stringContains",): _text(lambda one, two: two in one),
    ("stringStartsWith",): _text(lambda one, two: one.startswith(two)),
    ("stringEndsWith",): _text(lambda one, two: one.endswith(two)),
}
# `ee.Filter.neq('pop10', None)` keeps what has the property:
# https://developers.google.com/earth-engine/guides/reducers_grouping.
_ABSENCE: dict[str, Callable[[bool], bool]] = {"eq": lambda missing: missing, "neq": lambda missing: not missing}
_SPATIAL = {
    "intersects": shapely.intersects,
    "contains": holds,
    "isContained": lambda one, two: holds(two, one),
    "disjoint": shapely.disjoint,
}


def compared(name: str, left_field: str | None, left_value: Any, right_field: str | None, right_value: Any) -> Filter:
    """The filter of a comparison by its Earth Engine name, such as `lt`."""
    compare = next(found for names, found in _COMPARISONS.items() if name in names)
    return comparison(compare)(left_field, right_value, right_field, left_value)


def _register_comparison(names: tuple[str, ...], compare: Callable[[Any, Any], bool]) -> None:
    make = comparison(compare, absence=_ABSENCE.get(names[0]))

    def call(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
        return make(left_field, right_value, right_field, left_value)

    function(*(f"Filter.{name}" for name in names))(call)


def _register_spatial(name: str, compare: Callable[[Any, Any], bool]) -> None:
    make = comparison(_spatial(compare))

    def call(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
        return make(left_field, right_value, right_field, left_value)

    function(f"Filter.{name}", ignores=("maxError",))(call)


for _names, _compare in _COMPARISONS.items():
    _register_comparison(_names, _compare)
for _name, _relation in _SPATIAL.items():
    _register_spatial(_name, _relation)


@function("Filter.rangeContains")
def range_contains(field: str, min_value: Any, max_value: Any) -> Filter:
    """Whether a property lies in a closed range."""
    name = field

    def test(left: Any, right: Any) -> bool:
        value = _comparable(left.get(name))
        try:
            return value is not None and bool(_comparable(min_value) <= value <= _comparable(max_value))
        except TypeError:
            return False

    return Filter(test)


@function("Filter.and")
def all_of(filters: list[Filter]) -> Filter:
    """Passes where all do; the measure is that of the first that has one."""
    measure = next((item.measure for item in filters if item.measure is not None), None)
    return Filter(lambda left, right: all(item(left, right) for item in filters), measure)


@function("Filter.or")
def any_of(filters: list[Filter]) -> Filter:
    """Passes where any does."""
    return Filter(lambda left, right: any(item(left, right) for item in filters))


@function("Filter.not")
def none_of(filter: Filter) -> Filter:
    """Passes where the other does not."""
    return Filter(lambda left, right: not filter(left, right))


@function("Filter.notNull")
def not_null(properties: list[str]) -> Filter:
    """Passes where all those properties are there."""
    return Filter(lambda left, right: all(left.get(name) is not None for name in properties))


@function("Filter.always")
def always() -> Filter:
    """Passes always."""
    return Filter(lambda left, right: True)


@function("Filter.never")
def never() -> Filter:
    """Passes never."""
    return Filter(lambda left, right: False)


@function("Filter.hasGeometry")
def has_geometry() -> Filter:
    """Passes where there is a geometry."""
    return Filter(lambda left, right: isinstance(field(left, GEOMETRY_FIELD), Geometry))


@function("Filter.maxDifference")
def max_difference(
    difference: float, left_field: str | None, right_value: Any, right_field: str | None, left_value: Any
) -> Filter:
    """Passes where two numbers differ by at most so much."""
    near = comparison(
        _ordered(lambda one, two: abs(one - two) <= difference),
        lambda one, two: float(abs(_comparable(one) - _comparable(two))),
    )
    return near(left_field, right_value, right_field, left_value)


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

    near = comparison(lambda one, two: apart(one, two) <= distance, apart)
    return near(left_field, right_value, right_field, left_value)


@function("Filter.area", ignores=("maxError",))
def area(min: float, max: float, geometry_selector: str | None) -> Filter:
    """Passes where a geometry has so many square metres."""
    name = geometry_selector or GEOMETRY_FIELD

    def test(left: Any, right: Any) -> bool:
        place = field(left, name)
        return isinstance(place, Geometry) and min <= area_of(place, None) <= max

    return Filter(test)


_KINDS = {
    "Number": ("Integer", "Long", "Float", "Boolean", "Number"),
    "Float": ("Integer", "Long", "Float"),
    "Long": ("Integer", "Long"),
    "Element": ("Image", "Feature", "ImageCollection", "FeatureCollection"),
    "Collection": ("ImageCollection", "FeatureCollection"),
    "FeatureCollection": ("ImageCollection", "FeatureCollection"),
    "Geometry": (
        "Point", "MultiPoint", "LineString", "LinearRing", "MultiLineString", "Polygon", "MultiPolygon",
        "GeometryCollection",
    ),
}  # fmt: skip


def _is_kind(one: Any, two: Any) -> bool:
    found = type_name(one)
    return isinstance(two, str) and (two == "Object" or found == two or found in _KINDS.get(two, ()))


_register_comparison(("hasType",), _is_kind)


_CALENDAR: dict[str, Callable[[datetime], int]] = {
    "minute": lambda moment: moment.minute,
    "hour": lambda moment: moment.hour,
    "day_of_week": lambda moment: moment.isoweekday(),
    "day_of_month": lambda moment: moment.day,
    "day_of_year": lambda moment: moment.timetuple().tm_yday,
    "week": lambda moment: moment.isocalendar().week,
    "month": lambda moment: moment.month,
    "year": lambda moment: moment.year,
}


def calendar_field(moment: datetime, unit: str) -> int:
    """A calendar field of a moment; raises ApiError where Earth Engine has no such field."""
    if unit not in _CALENDAR:
        raise invalid(f"Filter.calendarRange: Unknown field '{unit}': must be one of {', '.join(_CALENDAR)}.")
    return _CALENDAR[unit](moment.astimezone(UTC))


@function("Filter.calendarRange")
def calendar_range(start: int, end: int | None, field: str) -> Filter:
    """Passes where a calendar field of the start time lies in a closed range, which may wrap around."""
    name, last = field, start if end is None else end
    calendar_field(datetime.now(UTC), name)

    def test(left: Any, right: Any) -> bool:
        value = left.get(TIME_START)
        if value is None:
            return False
        found = calendar_field(date(value).moment(), name)
        return start <= found <= last if start <= last else found >= start or found <= last

    return Filter(test)


@function("Filter.dayOfYear")
def day_of_year(start: int, end: int) -> Filter:
    """Passes from one day of the year until just before another."""
    return calendar_range(start, end - 1, "day_of_year")
