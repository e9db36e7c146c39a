"""Filters that compare values: their order, dates, lists and types."""

import operator
from collections.abc import Callable
from typing import Any

from earthline_sandbox.earthengine.functions.collection.filters import Filter, comparable, compared
from earthline_sandbox.earthengine.language.coerce import Mismatch, date, date_range, type_name
from earthline_sandbox.earthengine.language.registry import function


@function("Filter.eq", "Filter.equals")
def equal(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where two values are equal, or where a field that is compared with null is missing."""
    return compared(_equal, left_field, right_value, right_field, left_value, absence=lambda missing: missing)


@function("Filter.neq", "Filter.notEquals")
def not_equal(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where two values differ, or where a field that is compared with null is there."""
    # `ee.Filter.neq('pop10', None)` keeps what has the property:
    # https://developers.google.com/earth-engine/guides/reducers_grouping.
    return compared(_differ, left_field, right_value, right_field, left_value, absence=lambda missing: not missing)


def _equal(one: Any, two: Any) -> bool:
    return bool(comparable(one) == comparable(two))


def _differ(one: Any, two: Any) -> bool:
    return not _equal(one, two)


@function("Filter.lt", "Filter.lessThan")
def less(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left value is less than the right one."""
    return compared(_ordered(operator.lt), left_field, right_value, right_field, left_value)


@function("Filter.lte", "Filter.lessThanOrEquals")
def less_or_equal(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left value is at most the right one."""
    return compared(_ordered(operator.le), left_field, right_value, right_field, left_value)


@function("Filter.gt", "Filter.greaterThan")
def greater(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left value is greater than the right one."""
    return compared(_ordered(operator.gt), left_field, right_value, right_field, left_value)


@function("Filter.gte", "Filter.greaterThanOrEquals")
def greater_or_equal(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left value is at least the right one."""
    return compared(_ordered(operator.ge), left_field, right_value, right_field, left_value)


@function("Filter.maxDifference")
def max_difference(
    difference: float, left_field: str | None, right_value: Any, right_field: str | None, left_value: Any
) -> Filter:
    """Passes where two numbers differ by at most so much."""
    return compared(
        _ordered(lambda one, two: abs(one - two) <= difference),
        left_field,
        right_value,
        right_field,
        left_value,
        measure=lambda one, two: float(abs(comparable(one) - comparable(two))),
    )


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """A comparison of two values; False where they have no order."""

    def safely(one: Any, two: Any) -> bool:
        try:
            return bool(compare(comparable(one), comparable(two)))
        except TypeError:
            return False

    return safely


@function("Filter.rangeContains")
def range_contains(field: str, min_value: Any, max_value: Any) -> Filter:
    """Whether a property lies in a closed range."""
    name = field

    def test(left: Any, right: Any) -> bool:
        value = comparable(left.get(name))
        try:
            return value is not None and bool(comparable(min_value) <= value <= comparable(max_value))
        except TypeError:
            return False

    return Filter(test)


@function("Filter.dateRangeContains")
def date_range_contains(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left value is a range of dates that the right one lies in."""
    return compared(_contains_date, left_field, right_value, right_field, left_value)


def _contains_date(one: Any, two: Any) -> bool:
    try:
        span, moment = date_range(one), date(two).milliseconds
    except Mismatch:
        return False
    return span.start <= moment < span.end


@function("Filter.inList")
def in_list(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left value is an element of the right one, a list."""
    return compared(_is_element, left_field, right_value, right_field, left_value)


@function("Filter.listContains")
def list_contains(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left value is a list that the right one is an element of."""
    return compared(lambda one, two: _is_element(two, one), left_field, right_value, right_field, left_value)


def _is_element(value: Any, items: Any) -> bool:
    return isinstance(items, list | tuple) and any(_equal(value, item) for item in items)


@function("Filter.stringContains")
def string_contains(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left value is a text that holds the right one."""
    return compared(_texts(operator.contains), left_field, right_value, right_field, left_value)


@function("Filter.stringStartsWith")
def string_starts_with(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left value is a text that starts with the right one."""
    return compared(_texts(str.startswith), left_field, right_value, right_field, left_value)


@function("Filter.stringEndsWith")
def string_ends_with(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left value is a text that ends with the right one."""
    return compared(_texts(str.endswith), left_field, right_value, right_field, left_value)


def _texts(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda one, two: isinstance(one, str) and isinstance(two, str) and compare(one, two)


@function("Filter.hasType")
def has_type(left_field: str | None, right_value: Any, right_field: str | None, left_value: Any) -> Filter:
    """Passes where the left value is of the type that the right one names."""
    return compared(_is_kind, left_field, right_value, right_field, left_value)


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
