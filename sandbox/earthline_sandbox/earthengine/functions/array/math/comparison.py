"""Comparison and logic of arrays, and the first of two."""

import numpy as np

from earthline_sandbox.earthengine.arrays import arrays
from earthline_sandbox.earthengine.functions.array.array import one
from earthline_sandbox.earthengine.functions.array.math.elementwise import binary, type_of, unary
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import ArrayValue


@function("Array.eq")
def equal(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """1 where the first is equal to the second, else 0."""
    return binary("eq", left, right)


@function("Array.neq")
def not_equal(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """1 where they differ, else 0."""
    return binary("neq", left, right)


@function("Array.lt")
def less(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """1 where the first is less than the second, else 0."""
    return binary("lt", left, right)


@function("Array.lte")
def less_or_equal(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """1 where the first is less than the second or equal to it, else 0."""
    return binary("lte", left, right)


@function("Array.gt")
def greater(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """1 where the first is greater than the second, else 0."""
    return binary("gt", left, right)


@function("Array.gte")
def greater_or_equal(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """1 where the first is greater than the second or equal to it, else 0."""
    return binary("gte", left, right)


@function("Array.and")
def logical_and(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """1 where neither is 0, else 0."""
    return binary("and", left, right)


@function("Array.or")
def logical_or(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """1 where one of them is not 0, else 0."""
    return binary("or", left, right)


@function("Array.not")
def logical_not(input: ArrayValue) -> ArrayValue:
    """1 where the value is 0, else 0."""
    return unary("not", input)


@function("Array.first")
def first(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The first."""
    values, other = arrays.aligned(left.data[None], right.data[None])
    return one(np.broadcast_to(values, np.broadcast_shapes(values.shape, other.shape)))


@function("Array.firstNonZero", "Array.first_nonzero")
def first_non_zero(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The first, or the second where that is 0."""
    values, other = arrays.aligned(left.data[None], right.data[None])
    kind = type_of(left).union(type_of(right))
    return one(np.where(values != 0, values, other).astype(kind.dtype))
