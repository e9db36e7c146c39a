"""The error function, the gamma function and their relatives, of numbers."""

from earthline_sandbox.earthengine.functions.scalar.number.operations import Number, binary, unary
from earthline_sandbox.earthengine.language.registry import function


@function("Number.erf")
def error_function(input: Number) -> Number:
    """The error function."""
    return unary("erf", input)


@function("Number.erfc")
def complementary_error_function(input: Number) -> Number:
    """1 less the error function."""
    return unary("erfc", input)


@function("Number.erfInv")
def inverse_error_function(input: Number) -> Number:
    """The value of which this is the error function."""
    return unary("erfInv", input)


@function("Number.erfcInv")
def inverse_complementary_error_function(input: Number) -> Number:
    """The value of which this is 1 less the error function."""
    return unary("erfcInv", input)


@function("Number.gamma")
def gamma(input: Number) -> Number:
    """The gamma function."""
    return unary("gamma", input)


@function("Number.gammainc")
def incomplete_gamma(left: Number, right: Number) -> Number:
    """The regularized lower incomplete gamma function of the first, with the second as its shape."""
    return binary("gammainc", left, right)


@function("Number.digamma")
def digamma(input: Number) -> Number:
    """The first derivative of the gamma function's logarithm."""
    return unary("digamma", input)


@function("Number.trigamma")
def trigamma(input: Number) -> Number:
    """The second derivative of the gamma function's logarithm."""
    return unary("trigamma", input)


@function("Number.lanczos")
def lanczos(input: Number) -> Number:
    """Lanczos' sum, from which the gamma function is computed."""
    return unary("lanczos", input)
