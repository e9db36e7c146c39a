"""Functions of one number, applied to every pixel."""

from functools import partial

import numpy as np

from earthline_sandbox.earthengine.functions.image.lattice import numbers, one_band
from earthline_sandbox.earthengine.functions.image.math.bandwise import computed, mapped
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, Pixels, combined
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

_BEHAVIORS = ("extrapolate", "clamp", "mask", "input")


@function("Image.polynomial")
def polynomial(image: Image, coefficients: list[float]) -> Image:
    """A polynomial of every band, from the constant term upwards."""
    evaluate = partial(_horner, coefficients=coefficients)
    return computed(image, [mapped(band, DOUBLE, evaluate) for band in image.bands])


def _horner(values: Array, coefficients: list[float]) -> Array:
    total = np.zeros(values.shape)
    for coefficient in reversed(coefficients):
        total = total * values + coefficient
    return total


@function("Image.interpolate")
def interpolate(image: Image, x: list[float], y: list[float], behavior: str) -> Image:
    """The first band through a piecewise linear function; `behavior` says what becomes of what lies outside."""
    name = "Image.interpolate"
    if behavior not in _BEHAVIORS:
        raise invalid(f"{name}: Unknown behavior '{behavior}': must be one of {', '.join(_BEHAVIORS)}.")
    if len(x) != len(y) or len(x) < 2:
        raise invalid(f"{name}: 'x' and 'y' must have the same length, at least 2; got {len(x)} and {len(y)}.")
    xs, ys = np.array(x), np.array(y)
    if not (np.diff(xs) > 0).all():
        raise invalid(f"{name}: 'x' must be strictly increasing.")
    band = one_band(name, image)

    def source(grid: Grid) -> Pixels:
        pixels = numbers(name, band, grid)
        values = pixels.values.astype("float64")
        found, outside = np.interp(values, xs, ys), (values < xs[0]) | (values > xs[-1])
        if behavior == "mask":
            return Pixels(np.where(outside, 0, found), combined(pixels.mask, ~outside))
        if behavior == "input":
            found = np.where(outside, values, found)
        elif behavior == "extrapolate":
            first, last = (ys[1] - ys[0]) / (xs[1] - xs[0]), (ys[-1] - ys[-2]) / (xs[-1] - xs[-2])
            found = np.where(values < xs[0], ys[0] + (values - xs[0]) * first, found)
            found = np.where(values > xs[-1], ys[-1] + (values - xs[-1]) * last, found)
        return Pixels(found, pixels.mask)

    return computed(image, [band.derived(source, DOUBLE)])
