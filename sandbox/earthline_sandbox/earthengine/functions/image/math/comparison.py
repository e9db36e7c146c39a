"""Comparison and logic of images, and the first of two."""

import numpy as np

from earthline_sandbox.earthengine.functions.image.math.bandwise import binary, computed, joined, pairs, unary
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import Image


@function("Image.eq")
def equal(image1: Image, image2: Image) -> Image:
    """1 where the first is equal to the second, else 0."""
    return binary("eq", image1, image2)


@function("Image.neq")
def not_equal(image1: Image, image2: Image) -> Image:
    """1 where they differ, else 0."""
    return binary("neq", image1, image2)


@function("Image.lt")
def less(image1: Image, image2: Image) -> Image:
    """1 where the first is less than the second, else 0."""
    return binary("lt", image1, image2)


@function("Image.lte")
def less_or_equal(image1: Image, image2: Image) -> Image:
    """1 where the first is less than the second or equal to it, else 0."""
    return binary("lte", image1, image2)


@function("Image.gt")
def greater(image1: Image, image2: Image) -> Image:
    """1 where the first is greater than the second, else 0."""
    return binary("gt", image1, image2)


@function("Image.gte")
def greater_or_equal(image1: Image, image2: Image) -> Image:
    """1 where the first is greater than the second or equal to it, else 0."""
    return binary("gte", image1, image2)


@function("Image.and")
def logical_and(image1: Image, image2: Image) -> Image:
    """1 where neither is 0, else 0."""
    return binary("and", image1, image2)


@function("Image.or")
def logical_or(image1: Image, image2: Image) -> Image:
    """1 where one of them is not 0, else 0."""
    return binary("or", image1, image2)


@function("Image.not")
def logical_not(value: Image) -> Image:
    """1 where the value is 0, else 0."""
    return unary("not", value)


@function("Image.first")
def first(image1: Image, image2: Image) -> Image:
    """The first image's value wherever both are valid."""
    matched = pairs("Image.first", image1, image2)
    return computed(image1, [joined(n, a, b, a.pixel_type, lambda x, y: x) for n, a, b in matched], image2)


@function("Image.firstNonZero", "Image.first_nonzero")
def first_non_zero(image1: Image, image2: Image) -> Image:
    """The first image's value, or the second's where that is zero."""
    matched = pairs("Image.firstNonZero", image1, image2)
    return computed(
        image1,
        [joined(n, a, b, a.pixel_type.union(b.pixel_type), lambda x, y: np.where(x != 0, x, y)) for n, a, b in matched],
        image2,
    )
