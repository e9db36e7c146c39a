"""The bits of images of integers."""

from earthline_sandbox.earthengine.functions.image.math.bandwise import binary, unary
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import Image


@function("Image.bitwiseAnd", "Image.bitwise_and")
def bitwise_and(image1: Image, image2: Image) -> Image:
    """The bits that both have."""
    return binary("bitwiseAnd", image1, image2)


@function("Image.bitwiseOr", "Image.bitwise_or")
def bitwise_or(image1: Image, image2: Image) -> Image:
    """The bits that one of them has."""
    return binary("bitwiseOr", image1, image2)


@function("Image.bitwiseXor", "Image.bitwise_xor")
def bitwise_xor(image1: Image, image2: Image) -> Image:
    """The bits that only one of them has."""
    return binary("bitwiseXor", image1, image2)


@function("Image.bitwiseNot", "Image.bitwise_not")
def bitwise_not(value: Image) -> Image:
    """The bits that the value does not have, of 64."""
    return unary("bitwiseNot", value)


@function("Image.leftShift", "Image.left_shift")
def left_shift(image1: Image, image2: Image) -> Image:
    """The first's bits moved to the left by the second."""
    return binary("leftShift", image1, image2)


@function("Image.rightShift", "Image.right_shift")
def right_shift(image1: Image, image2: Image) -> Image:
    """The first's bits moved to the right by the second; the sign stays."""
    return binary("rightShift", image1, image2)


@function("Image.bitCount")
def bit_count(value: Image) -> Image:
    """How many bits are 1, of 64."""
    return unary("bitCount", value)
