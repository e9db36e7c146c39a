"""Pixel types: made by precision and range, by name, and what they hold."""

from typing import Any

from earthline_sandbox.earthengine.language.coerce import NAMED_TYPES
from earthline_sandbox.earthengine.language.coerce import pixel_type as to_pixel_type
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.pixels import PixelType


@function("PixelType")
def pixel_type(precision: Any, min_value: float | None, max_value: float | None, dimensions: int) -> PixelType:
    """A pixel type by precision, with a range."""
    base = to_pixel_type(precision)
    low = base.minimum if min_value is None else min_value
    high = base.maximum if max_value is None else max_value
    return PixelType(base.precision, low, high, dimensions)


@function("PixelType.int8")
def int8_type() -> PixelType:
    """8-bit integers, -128 to 127."""
    return NAMED_TYPES["int8"]


@function("PixelType.uint8")
def uint8_type() -> PixelType:
    """8-bit integers without a sign, 0 to 255."""
    return NAMED_TYPES["uint8"]


@function("PixelType.int16")
def int16_type() -> PixelType:
    """16-bit integers, -32,768 to 32,767."""
    return NAMED_TYPES["int16"]


@function("PixelType.uint16")
def uint16_type() -> PixelType:
    """16-bit integers without a sign, 0 to 65,535."""
    return NAMED_TYPES["uint16"]


@function("PixelType.int32")
def int32_type() -> PixelType:
    """32-bit integers."""
    return NAMED_TYPES["int32"]


@function("PixelType.uint32")
def uint32_type() -> PixelType:
    """32-bit integers without a sign."""
    return NAMED_TYPES["uint32"]


@function("PixelType.int64")
def int64_type() -> PixelType:
    """64-bit integers."""
    return NAMED_TYPES["int64"]


@function("PixelType.float")
def float_type() -> PixelType:
    """32-bit floats."""
    return NAMED_TYPES["float"]


@function("PixelType.double")
def double_type() -> PixelType:
    """64-bit floats."""
    return NAMED_TYPES["double"]


@function("PixelType.dimensions")
def dimensions(pixel_type: PixelType) -> int:
    """Axes of an array pixel; 0 for numbers."""
    return pixel_type.dimensions


@function("PixelType.precision")
def precision(pixel_type: PixelType) -> str:
    """`int`, `float` or `double`."""
    return pixel_type.precision


@function("PixelType.minValue")
def min_value(pixel_type: PixelType) -> float:
    """The least value."""
    return float("-inf") if pixel_type.minimum is None else pixel_type.minimum


@function("PixelType.maxValue")
def max_value(pixel_type: PixelType) -> float:
    """The greatest value."""
    return float("inf") if pixel_type.maximum is None else pixel_type.maximum
