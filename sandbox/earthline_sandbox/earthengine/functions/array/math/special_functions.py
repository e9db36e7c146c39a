"""The error function, the gamma function and their relatives, of arrays."""

from earthline_sandbox.earthengine.functions.array.math.elementwise import binary, unary
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import ArrayValue


@function("Array.erf")
def error_function(input: ArrayValue) -> ArrayValue:
    """The error function."""
    return unary("erf", input)


@function("Array.erfc")
def complementary_error_function(input: ArrayValue) -> ArrayValue:
    """1 less the error function."""
    return unary("erfc", input)


@function("Array.erfInv")
def inverse_error_function(input: ArrayValue) -> ArrayValue:
    """The value of which this is the error function."""
    return unary("erfInv", input)


@function("Array.erfcInv")
def inverse_complementary_error_function(input: ArrayValue) -> ArrayValue:
    """The value of which this is 1 less the error function."""
    return unary("erfcInv", input)


@function("Array.gamma")
def gamma(input: ArrayValue) -> ArrayValue:
    """The gamma function."""
    return unary("gamma", input)


@function("Array.gammainc")
def incomplete_gamma(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The regularized lower incomplete gamma function of the first, with the second as its shape."""
    return binary("gammainc", left, right)


@function("Array.digamma")
def digamma(input: ArrayValue) -> ArrayValue:
    """The first derivative of the gamma function's logarithm."""
    return unary("digamma", input)


@function("Array.trigamma")
def trigamma(input: ArrayValue) -> ArrayValue:
    """The second derivative of the gamma function's logarithm."""
    return unary("trigamma", input)


@function("Array.lanczos")
def lanczos(input: ArrayValue) -> ArrayValue:
    """Lanczos' sum, from which the gamma function is computed."""
    return unary("lanczos", input)
