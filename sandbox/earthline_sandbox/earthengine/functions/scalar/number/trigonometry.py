"""Angles in radians and hyperbolic functions, of numbers."""

from earthline_sandbox.earthengine.functions.scalar.number.operations import Number, binary, unary
from earthline_sandbox.earthengine.language.registry import function


@function("Number.sin")
def sine(input: Number) -> Number:
    """The sine."""
    return unary("sin", input)


@function("Number.cos")
def cosine(input: Number) -> Number:
    """The cosine."""
    return unary("cos", input)


@function("Number.tan")
def tangent(input: Number) -> Number:
    """The tangent."""
    return unary("tan", input)


@function("Number.asin")
def arcsine(input: Number) -> Number:
    """The angle of a sine."""
    return unary("asin", input)


@function("Number.acos")
def arccosine(input: Number) -> Number:
    """The angle of a cosine."""
    return unary("acos", input)


@function("Number.atan")
def arctangent(input: Number) -> Number:
    """The angle of a tangent."""
    return unary("atan", input)


@function("Number.atan2")
def angle(left: Number, right: Number) -> Number:
    """The angle of the point whose x is the first and whose y is the second."""
    return binary("atan2", left, right)


@function("Number.hypot")
def hypotenuse(left: Number, right: Number) -> Number:
    """The length of the hypotenuse of a right triangle with these sides."""
    return binary("hypot", left, right)


@function("Number.sinh")
def hyperbolic_sine(input: Number) -> Number:
    """The hyperbolic sine."""
    return unary("sinh", input)


@function("Number.cosh")
def hyperbolic_cosine(input: Number) -> Number:
    """The hyperbolic cosine."""
    return unary("cosh", input)


@function("Number.tanh")
def hyperbolic_tangent(input: Number) -> Number:
    """The hyperbolic tangent."""
    return unary("tanh", input)
