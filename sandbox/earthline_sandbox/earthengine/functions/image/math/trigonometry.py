"""Angles in radians and hyperbolic functions, of images."""

from earthline_sandbox.earthengine.functions.image.math.bandwise import binary, unary
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import Image


@function("Image.sin")
def sine(value: Image) -> Image:
    """The sine."""
    return unary("sin", value)


@function("Image.cos")
def cosine(value: Image) -> Image:
    """The cosine."""
    return unary("cos", value)


@function("Image.tan")
def tangent(value: Image) -> Image:
    """The tangent."""
    return unary("tan", value)


@function("Image.asin")
def arcsine(value: Image) -> Image:
    """The angle of a sine."""
    return unary("asin", value)


@function("Image.acos")
def arccosine(value: Image) -> Image:
    """The angle of a cosine."""
    return unary("acos", value)


@function("Image.atan")
def arctangent(value: Image) -> Image:
    """The angle of a tangent."""
    return unary("atan", value)


@function("Image.atan2")
def angle(image1: Image, image2: Image) -> Image:
    """The angle of the point whose x is the first and whose y is the second."""
    return binary("atan2", image1, image2)


@function("Image.hypot")
def hypotenuse(image1: Image, image2: Image) -> Image:
    """The length of the hypotenuse of a right triangle."""
    return binary("hypot", image1, image2)


@function("Image.sinh")
def hyperbolic_sine(value: Image) -> Image:
    """The hyperbolic sine."""
    return unary("sinh", value)


@function("Image.cosh")
def hyperbolic_cosine(value: Image) -> Image:
    """The hyperbolic cosine."""
    return unary("cosh", value)


@function("Image.tanh")
def hyperbolic_tangent(value: Image) -> Image:
    """The hyperbolic tangent."""
    return unary("tanh", value)
