"""Filters: predicates of an element, or of a pair where a field of each is compared."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from earthline_sandbox.earthengine.language.coerce import footprint
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import Date, Element, Feature, Geometry, Image
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


def compared(
    compare: Callable[[Any, Any], bool],
    left_field: str | None,
    right_value: Any,
    right_field: str | None,
    left_value: Any,
    *,
    measure: Callable[[Any, Any], float] | None = None,
    absence: Callable[[bool], bool] | None = None,
) -> Filter:
    """The filter that compares a field or a value with another; a missing value never passes.

    Args:
        compare: Whether two values pass.
        left_field: Name of the property on the left; None where `left_value` is given.
        right_value: The value on the right; None where `right_field` is given.
        right_field: Name of the property on the right.
        left_value: The value on the left.
        measure: How far apart two values are, for filters that say so.
        absence: Whether a field that is compared with null passes, by whether it is missing; None refuses null.

    Raises:
        ApiError: INVALID_ARGUMENT unless each side is either a field or a value.
    """
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


def comparable(value: Any) -> Any:
    """A value as it is compared: dates and truths as numbers."""
    if isinstance(value, Date):
        return value.milliseconds
    return int(value) if isinstance(value, bool) else value


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


@function("Filter.always")
def always() -> Filter:
    """Passes always."""
    return Filter(lambda left, right: True)


@function("Filter.never")
def never() -> Filter:
    """Passes never."""
    return Filter(lambda left, right: False)


@function("Filter.notNull")
def not_null(properties: list[str]) -> Filter:
    """Passes where all those properties are there."""
    return Filter(lambda left, right: all(left.get(name) is not None for name in properties))


@function("Filter.hasGeometry")
def has_geometry() -> Filter:
    """Passes where there is a geometry."""
    return Filter(lambda left, right: isinstance(field(left, GEOMETRY_FIELD), Geometry))
