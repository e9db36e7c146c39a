"""Comparison and logic of numbers, and the first of two."""

from earthline_sandbox.earthengine.functions.scalar.number.operations import Number, binary, unary_whole
from earthline_sandbox.earthengine.language.registry import function


@function("Number.eq")
def equal(left: Number, right: Number) -> Number:
    """1 where the first is equal to the second, else 0."""
    return binary("eq", left, right)


@function("Number.neq")
def not_equal(left: Number, right: Number) -> Number:
    """1 where they differ, else 0."""
    return binary("neq", left, right)


@function("Number.lt")
def less(left: Number, right: Number) -> Number:
    """1 where the first is less than the second, else 0."""
    return binary("lt", left, right)


@function("Number.lte")
def less_or_equal(left: Number, right: Number) -> Number:
    """1 where the first is less than the second or equal to it, else 0."""
    return binary("lte", left, right)


@function("Number.gt")
def greater(left: Number, right: Number) -> Number:
    """1 where the first is greater than the second, else 0."""
    return binary("gt", left, right)


@function("Number.gte")
def greater_or_equal(left: Number, right: Number) -> Number:
    """1 where the first is greater than the second or equal to it, else 0."""
    return binary("gte", left, right)


@function("Number.and")
def logical_and(left: Number, right: Number) -> Number:
    """1 where neither is 0, else 0."""
    return binary("and", left, right)


@function("Number.or")
def logical_or(left: Number, right: Number) -> Number:
    """1 where one of them is not 0, else 0."""
    return binary("or", left, right)


@function("Number.not")
def logical_not(input: Number) -> Number:
    """1 where the value is 0, else 0."""
    return unary_whole("not", input)


@function("Number.first")
def first(left: Number, right: Number) -> Number:
    """The first."""
    return left


@function("Number.firstNonZero", "Number.first_nonzero")
def first_non_zero(left: Number, right: Number) -> Number:
    """The first, or the second where that is 0."""
    return left if left != 0 else right
