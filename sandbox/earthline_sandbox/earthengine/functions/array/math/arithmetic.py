"""Sums, products, powers, roots and rounding of arrays."""

from earthline_sandbox.earthengine.functions.array.math.elementwise import binary, unary
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import ArrayValue


@function("Array.add")
def add(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The sum."""
    return binary("add", left, right)


@function("Array.subtract")
def subtract(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The first less the second."""
    return binary("subtract", left, right)


@function("Array.multiply")
def multiply(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The product."""
    return binary("multiply", left, right)


@function("Array.divide")
def divide(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The first divided by the second, and 0 where that is 0."""
    return binary("divide", left, right)


@function("Array.mod")
def remainder(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """What is left of the first after division by the second, and 0 where that is 0."""
    return binary("mod", left, right)


@function("Array.pow")
def power(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The first to the power of the second."""
    return binary("pow", left, right)


@function("Array.min")
def least(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The lesser of the two."""
    return binary("min", left, right)


@function("Array.max")
def greatest(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The greater of the two."""
    return binary("max", left, right)


@function("Array.abs")
def absolute(input: ArrayValue) -> ArrayValue:
    """The value without its sign."""
    return unary("abs", input)


@function("Array.signum")
def sign(input: ArrayValue) -> ArrayValue:
    """-1, 0 or 1 by the sign."""
    return unary("signum", input)


@function("Array.ceil")
def ceiling(input: ArrayValue) -> ArrayValue:
    """The least whole number that is not less."""
    return unary("ceil", input)


@function("Array.floor")
def floor(input: ArrayValue) -> ArrayValue:
    """The greatest whole number that is not greater."""
    return unary("floor", input)


@function("Array.round")
def rounded(input: ArrayValue) -> ArrayValue:
    """The nearest whole number, halves away from zero."""
    return unary("round", input)


@function("Array.sqrt")
def square_root(input: ArrayValue) -> ArrayValue:
    """The square root."""
    return unary("sqrt", input)


@function("Array.cbrt")
def cube_root(input: ArrayValue) -> ArrayValue:
    """The cube root."""
    return unary("cbrt", input)


@function("Array.exp")
def exponential(input: ArrayValue) -> ArrayValue:
    """Euler's number to the power of the value."""
    return unary("exp", input)


@function("Array.log")
def natural_logarithm(input: ArrayValue) -> ArrayValue:
    """The natural logarithm."""
    return unary("log", input)


@function("Array.log10")
def common_logarithm(input: ArrayValue) -> ArrayValue:
    """The logarithm to base 10."""
    return unary("log10", input)
