"""Sums, products, powers, roots and rounding of numbers."""

from earthline_sandbox.earthengine.functions.scalar.number.operations import (
    Number,
    binary,
    binary_whole,
    both_whole,
    fitting,
    unary,
    unary_whole,
)
from earthline_sandbox.earthengine.language.registry import function


@function("Number.add")
def add(left: Number, right: Number) -> Number:
    """The sum."""
    return fitting(left + right) if both_whole(left, right) else binary("add", left, right)


@function("Number.subtract")
def subtract(left: Number, right: Number) -> Number:
    """The first less the second."""
    return fitting(left - right) if both_whole(left, right) else binary("subtract", left, right)


@function("Number.multiply")
def multiply(left: Number, right: Number) -> Number:
    """The product."""
    return fitting(left * right) if both_whole(left, right) else binary("multiply", left, right)


@function("Number.divide")
def divide(left: Number, right: Number) -> Number:
    """The first divided by the second, and 0 where that is 0."""
    return binary("divide", left, right)


@function("Number.mod")
def remainder(left: Number, right: Number) -> Number:
    """What is left of the first after division by the second, and 0 where that is 0."""
    return binary_whole("mod", left, right)


@function("Number.pow")
def power(left: Number, right: Number) -> Number:
    """The first to the power of the second."""
    found = binary("pow", left, right)
    exact = both_whole(left, right) and right >= 0 and abs(found) < 2**53
    return int(found) if exact else found


@function("Number.min")
def least(left: Number, right: Number) -> Number:
    """The lesser of the two."""
    return binary_whole("min", left, right)


@function("Number.max")
def greatest(left: Number, right: Number) -> Number:
    """The greater of the two."""
    return binary_whole("max", left, right)


@function("Number.abs")
def absolute(input: Number) -> Number:
    """The value without its sign."""
    return unary_whole("abs", input)


@function("Number.signum")
def sign(input: Number) -> Number:
    """-1, 0 or 1 by the sign."""
    return unary_whole("signum", input)


@function("Number.ceil")
def ceiling(input: Number) -> Number:
    """The least whole number that is not less."""
    return unary_whole("ceil", input)


@function("Number.floor")
def floor(input: Number) -> Number:
    """The greatest whole number that is not greater."""
    return unary_whole("floor", input)


@function("Number.round")
def rounded(input: Number) -> Number:
    """The nearest whole number, halves away from zero."""
    return unary_whole("round", input)


@function("Number.sqrt")
def square_root(input: Number) -> Number:
    """The square root."""
    return unary("sqrt", input)


@function("Number.cbrt")
def cube_root(input: Number) -> Number:
    """The cube root."""
    return unary("cbrt", input)


@function("Number.exp")
def exponential(input: Number) -> Number:
    """Euler's number to the power of the value."""
    return unary("exp", input)


@function("Number.log")
def natural_logarithm(input: Number) -> Number:
    """The natural logarithm."""
    return unary("log", input)


@function("Number.log10")
def common_logarithm(input: Number) -> Number:
    """The logarithm to base 10."""
    return unary("log10", input)
