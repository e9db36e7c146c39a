"""Reducers that choose or gather values, and those of logic and bits."""

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.reducers import compositions, reducers
from earthline_sandbox.earthengine.reducers.reducers import Reducer


@function("Reducer.first", "Reducer.firstNonNull")
def first() -> Reducer:
    """The first valid value."""
    return reducers.simple("first")


@function("Reducer.last", "Reducer.lastNonNull")
def last() -> Reducer:
    """The last valid value."""
    return reducers.simple("last")


@function("Reducer.allNonZero")
def all_non_zero() -> Reducer:
    """1 where no valid value is 0, else 0."""
    return reducers.simple("allNonZero")


@function("Reducer.anyNonZero")
def any_non_zero() -> Reducer:
    """1 where a valid value is not 0, else 0."""
    return reducers.simple("anyNonZero")


@function("Reducer.and")
def logical_and() -> Reducer:
    """The same as `allNonZero`, with another output name."""
    return reducers.simple("and")


@function("Reducer.or")
def logical_or() -> Reducer:
    """The same as `anyNonZero`, with another output name."""
    return reducers.simple("or")


@function("Reducer.bitwiseAnd")
def bitwise_and() -> Reducer:
    """The bits that all values have."""
    return reducers.simple("bitwiseAnd")


@function("Reducer.bitwiseOr")
def bitwise_or() -> Reducer:
    """The bits that a value has."""
    return reducers.simple("bitwiseOr")


@function("Reducer.toList")
def to_list(tuple_size: int | None, num_optional: int) -> Reducer:
    """All values."""
    return reducers.to_list(tuple_size, num_optional)


@function("Reducer.toCollection")
def to_collection(property_names: list[str], num_optional: int) -> Reducer:
    """A feature of every tuple of inputs."""
    return compositions.to_collection(property_names, num_optional)
