"""Images held to a range, scaled to one, or as a normalized difference."""

import numpy as np

from earthline_sandbox.earthengine.arrays.operations import quotient
from earthline_sandbox.earthengine.arrays.type_rules import floating_type
from earthline_sandbox.earthengine.functions.image.math.bandwise import computed, mapped
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, combined
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid


@function("Image.clamp")
def clamp(input: Image, low: float, high: float) -> Image:
    """Holds values to a range."""
    if low > high:
        raise invalid(f"Image.clamp: 'low' ({low}) must not be greater than 'high' ({high}).")

    def limited(band: Band) -> Band:
        kind = band.pixel_type
        minimum = low if kind.minimum is None else min(max(kind.minimum, low), high)
        maximum = high if kind.maximum is None else max(min(kind.maximum, high), low)
        whole = float(low).is_integer() and float(high).is_integer()
        precision = kind.precision if kind.precision != "int" or whole else "double"
        if precision == "int":
            minimum, maximum = int(minimum), int(maximum)
        bounded = PixelType(precision, minimum, maximum, kind.dimensions)
        return mapped(band, bounded, lambda values: np.clip(values.astype("float64"), low, high))

    return input.with_bands(limited(band) for band in input.bands)


@function("Image.unitScale")
def unit_scale(input: Image, low: float, high: float) -> Image:
    """Scales so that `low` becomes 0 and `high` 1, without clamping."""
    if low == high:
        raise invalid("Image.unitScale: 'low' and 'high' must differ.")

    def scaled(values: Array) -> Array:
        return (values.astype("float64") - low) / (high - low)

    return input.with_bands(mapped(band, floating_type(band.pixel_type), scaled) for band in input.bands)


@function("Image.normalizedDifference")
def normalized_difference(input: Image, band_names: list[str] | None) -> Image:
    """(first - second) / (first + second); masked where either is negative, 0 where both are 0."""
    names = band_names or input.names[:2]
    if len(names) != 2:
        raise invalid(f"Image.normalizedDifference: exactly two bands are needed, got {len(names)}.")
    one, two = (input.band(name).number("Image.normalizedDifference") for name in names)
    kind = PixelType("float", -1, 1)

    def source(grid: Grid) -> Pixels:
        left, right = one.fetch(grid), two.fetch(grid)
        a, b = left.values.astype("float64"), right.values.astype("float64")
        with np.errstate(all="ignore"):
            values = quotient(a - b, a + b)
        # A comparison with NaN is false, so NaN stays valid and visible.
        return Pixels(values.astype("float32"), combined(left.mask, right.mask, ~((a < 0) | (b < 0))))

    return computed(input, [one.derived(source, kind, "nd")])
