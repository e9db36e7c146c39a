"""The bits of whole numbers."""

from earthline_sandbox.earthengine.functions.scalar.number.operations import Number, binary_bits, unary_whole
from earthline_sandbox.earthengine.language.registry import function


@function("Number.bitwiseAnd", "Number.bitwise_and")
def bitwise_and(left: Number, right: Number) -> Number:
    """The bits that both have."""
    return binary_bits("bitwiseAnd", left, right)


@function("Number.bitwiseOr", "Number.bitwise_or")
def bitwise_or(left: Number, right: Number) -> Number:
    """The bits that one of them has."""
    return binary_bits("bitwiseOr", left, right)


@function("Number.bitwiseXor", "Number.bitwise_xor")
def bitwise_xor(left: Number, right: Number) -> Number:
    """The bits that only one of them has."""
    return binary_bits("bitwiseXor", left, right)


@function("Number.bitwiseNot", "Number.bitwise_not")
def bitwise_not(input: Number) -> Number:
    """The bits that the value does not have, of 64."""
    return unary_whole("bitwiseNot", input)


@function("Number.leftShift", "Number.left_shift")
def left_shift(left: Number, right: Number) -> Number:
    """The first's bits moved to the left by the second."""
    return binary_bits("leftShift", left, right)


@function("Number.rightShift", "Number.right_shift")
def right_shift(left: Number, right: Number) -> Number:
    """The first's bits moved to the right by the second; the sign stays."""
    return binary_bits("rightShift", left, right)


@function("Number.bitCount")
def bit_count(input: Number) -> Number:
    """How many bits are 1, of 64."""
    return unary_whole("bitCount", input)
