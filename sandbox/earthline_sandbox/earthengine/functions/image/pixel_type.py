"""What a pixel type holds."""

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.pixels import PixelType


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
