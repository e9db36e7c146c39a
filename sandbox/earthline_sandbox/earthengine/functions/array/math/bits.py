"""The bits of arrays of integers."""

from earthline_sandbox.earthengine.functions.array.math.elementwise import binary, unary
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import ArrayValue


@function("Array.bitwiseAnd", "Array.bitwise_and")
def bitwise_and(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The bits that both have."""
    return binary("bitwiseAnd", left, right)


@function("Array.bitwiseOr", "Array.bitwise_or")
def bitwise_or(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The bits that one of them has."""
    return binary("bitwiseOr", left, right)


@function("Array.bitwiseXor", "Array.bitwise_xor")
def bitwise_xor(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The bits that only one of them has."""
    return binary("bitwiseXor", left, right)


@function("Array.bitwiseNot", "Array.bitwise_not")
def bitwise_not(input: ArrayValue) -> ArrayValue:
    """The bits that the value does not have, of 64."""
    return unary("bitwiseNot", input)


@function("Array.leftShift", "Array.left_shift")
def left_shift(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The first's bits moved to the left by the second."""
    return binary("leftShift", left, right)


@function("Array.rightShift", "Array.right_shift")
def right_shift(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The first's bits moved to the right by the second; the sign stays."""
    return binary("rightShift", left, right)


@function("Array.bitCount")
def bit_count(input: ArrayValue) -> ArrayValue:
    """How many bits are 1, of 64."""
    return unary("bitCount", input)
