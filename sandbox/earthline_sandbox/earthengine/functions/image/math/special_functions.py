"""The error function, the gamma function and their relatives, of images."""

from earthline_sandbox.earthengine.functions.image.math.bandwise import binary, unary
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import Image


@function("Image.erf")
def error_function(value: Image) -> Image:
    """The error function."""
    return unary("erf", value)


@function("Image.erfc")
def complementary_error_function(value: Image) -> Image:
    """1 less the error function."""
    return unary("erfc", value)


@function("Image.erfInv")
def inverse_error_function(value: Image) -> Image:
    """The value of which this is the error function."""
    return unary("erfInv", value)


@function("Image.erfcInv")
def inverse_complementary_error_function(value: Image) -> Image:
    """The value of which this is 1 less the error function."""
    return unary("erfcInv", value)


@function("Image.gamma")
def gamma(value: Image) -> Image:
    """The gamma function."""
    return unary("gamma", value)


@function("Image.gammainc")
def incomplete_gamma(image1: Image, image2: Image) -> Image:
    """The regularized lower incomplete gamma function of the first, with the second as its shape."""
    return binary("gammainc", image1, image2)


@function("Image.digamma")
def digamma(value: Image) -> Image:
    """The first derivative of the gamma function's logarithm."""
    return unary("digamma", value)


@function("Image.trigamma")
def trigamma(value: Image) -> Image:
    """The second derivative of the gamma function's logarithm."""
    return unary("trigamma", value)


@function("Image.lanczos")
def lanczos(value: Image) -> Image:
    """Lanczos' sum, from which the gamma function is computed."""
    return unary("lanczos", value)
