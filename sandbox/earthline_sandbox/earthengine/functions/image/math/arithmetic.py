"""Sums, products, powers, roots and rounding of images."""

from earthline_sandbox.earthengine.functions.image.math.bandwise import binary, unary
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import Image


@function("Image.add")
def add(image1: Image, image2: Image) -> Image:
    """The sum."""
    return binary("add", image1, image2)


@function("Image.subtract")
def subtract(image1: Image, image2: Image) -> Image:
    """The first less the second."""
    return binary("subtract", image1, image2)


@function("Image.multiply")
def multiply(image1: Image, image2: Image) -> Image:
    """The product."""
    return binary("multiply", image1, image2)


@function("Image.divide")
def divide(image1: Image, image2: Image) -> Image:
    """The first divided by the second, and 0 where that is 0."""
    return binary("divide", image1, image2)


@function("Image.mod")
def remainder(image1: Image, image2: Image) -> Image:
    """What is left of the first after division by the second, and 0 where that is 0."""
    return binary("mod", image1, image2)


@function("Image.pow")
def power(image1: Image, image2: Image) -> Image:
    """The first to the power of the second."""
    return binary("pow", image1, image2)


@function("Image.min")
def least(image1: Image, image2: Image) -> Image:
    """The lesser."""
    return binary("min", image1, image2)


@function("Image.max")
def greatest(image1: Image, image2: Image) -> Image:
    """The greater."""
    return binary("max", image1, image2)


@function("Image.abs")
def absolute(value: Image) -> Image:
    """The value without its sign."""
    return unary("abs", value)


@function("Image.signum")
def sign(value: Image) -> Image:
    """-1, 0 or 1 by the sign."""
    return unary("signum", value)


@function("Image.ceil")
def ceiling(value: Image) -> Image:
    """The least whole number that is not less."""
    return unary("ceil", value)


@function("Image.floor")
def floor(value: Image) -> Image:
    """The greatest whole number that is not greater."""
    return unary("floor", value)


@function("Image.round")
def rounded(value: Image) -> Image:
    """The nearest whole number, halves away from zero."""
    return unary("round", value)


@function("Image.sqrt")
def square_root(value: Image) -> Image:
    """The square root."""
    return unary("sqrt", value)


@function("Image.cbrt")
def cube_root(value: Image) -> Image:
    """The cube root."""
    return unary("cbrt", value)


@function("Image.exp")
def exponential(value: Image) -> Image:
    """E to the power of the value."""
    return unary("exp", value)


@function("Image.log")
def natural_logarithm(value: Image) -> Image:
    """The natural logarithm."""
    return unary("log", value)


@function("Image.log10")
def common_logarithm(value: Image) -> Image:
    """The logarithm to base 10."""
    return unary("log10", value)
