"""Angles in radians and hyperbolic functions, of arrays."""

from earthline_sandbox.earthengine.functions.array.math.elementwise import binary, unary
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import ArrayValue


@function("Array.sin")
def sine(input: ArrayValue) -> ArrayValue:
    """The sine."""
    return unary("sin", input)


@function("Array.cos")
def cosine(input: ArrayValue) -> ArrayValue:
    """The cosine."""
    return unary("cos", input)


@function("Array.tan")
def tangent(input: ArrayValue) -> ArrayValue:
    """The tangent."""
    return unary("tan", input)


@function("Array.asin")
def arcsine(input: ArrayValue) -> ArrayValue:
    """The angle of a sine."""
    return unary("asin", input)


@function("Array.acos")
def arccosine(input: ArrayValue) -> ArrayValue:
    """The angle of a cosine."""
    return unary("acos", input)


@function("Array.atan")
def arctangent(input: ArrayValue) -> ArrayValue:
    """The angle of a tangent."""
    return unary("atan", input)


@function("Array.atan2")
def angle(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The angle of the point whose x is the first and whose y is the second."""
    return binary("atan2", left, right)


@function("Array.hypot")
def hypotenuse(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The length of the hypotenuse of a right triangle with these sides."""
    return binary("hypot", left, right)


@function("Array.sinh")
def hyperbolic_sine(input: ArrayValue) -> ArrayValue:
    """The hyperbolic sine."""
    return unary("sinh", input)


@function("Array.cosh")
def hyperbolic_cosine(input: ArrayValue) -> ArrayValue:
    """The hyperbolic cosine."""
    return unary("cosh", input)


@function("Array.tanh")
def hyperbolic_tangent(input: ArrayValue) -> ArrayValue:
    """The hyperbolic tangent."""
    return unary("tanh", input)
