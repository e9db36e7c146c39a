"""Derivatives of images and the edges that they show.

https://developers.google.com/earth-engine/guides/image_gradients and
https://developers.google.com/earth-engine/guides/image_edges. Canny, J. (1986), A computational approach to edge
detection, https://doi.org/10.1109/TPAMI.1986.4767851.
"""

import math

import numpy as np

from earthline_sandbox.earthengine.functions.image.lattice import blockwise, numbers, one_band
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import WGS84, Grid, crs_of, linear_unit
from earthline_sandbox.earthengine.pixels.pixels import BOOLEAN, DOUBLE, FLOAT, Array, Band, Pixels, combined
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

_LARGEST_SIGMA = 100.0
_ANGLES = 180


def ground(grid: Grid) -> tuple[Array, Array]:
    """Metres per unit of the CRS along x and along y at every pixel, each of a shape that broadcasts to the grid's.

    Degrees are measured on a sphere, and Mercator's scale grows with latitude; other projections count as true.
    """
    unit = linear_unit(grid.crs)
    system = crs_of(grid.crs)
    if system.is_geographic:
        return unit * np.cos(np.radians(grid.centres()[1])), np.full((1, 1), unit)
    operation = system.coordinate_operation
    method = operation.method_name.lower() if operation is not None else ""
    if "mercator" in method and "transverse" not in method and "oblique" not in method:
        scale = unit * np.cos(np.radians(grid.coordinates(WGS84)[1]))
        return scale, scale
    return np.full((1, 1), unit), np.full((1, 1), unit)


def differences(name: str, band: Band, grid: Grid) -> tuple[Array, Array, Array]:
    """(right, down, mask): half the difference of the neighbours at both sides, along columns and along rows."""
    pixels = numbers(name, band, grid.padded(1, 1, 1, 1))
    values, mask = pixels.values.astype("float64"), pixels.mask
    right = (values[1:-1, 2:] - values[1:-1, :-2]) / 2
    down = (values[2:, 1:-1] - values[:-2, 1:-1]) / 2
    around = (mask[1:-1, 2:], mask[1:-1, :-2], mask[2:, 1:-1], mask[:-2, 1:-1])
    return right, down, combined(mask[1:-1, 1:-1], *around)


def gradients(name: str, band: Band, grid: Grid) -> tuple[Array, Array, Array]:
    """(east, north, mask): change per metre along the CRS's x and y axes."""
    right, down, mask = differences(name, band, grid)
    a, b, _, d, e, _ = grid.transform
    determinant = a * e - b * d
    metres_x, metres_y = ground(grid)
    east = (e * right - d * down) / determinant / metres_x
    return east, (a * down - b * right) / determinant / metres_y, mask


@function("Image.gradient")
def gradient(input: Image) -> Image:
    """Change of the first band per metre, as bands `x` and `y`."""
    name = "Image.gradient"
    band = one_band(name, input)

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        east, north, mask = gradients(name, band, grid)
        return [(east, mask), (north, mask)]

    shared = Shared(whole)
    return input.with_bands(
        band.derived(output_source(shared, place, FLOAT), FLOAT, axis) for place, axis in enumerate("xy")
    )


@function("Image.derivative")
def derivative(image: Image) -> Image:
    """Change of every band per pixel, as bands `…_x` and `…_y`."""
    made = []
    for band in image.bands:

        def whole(grid: Grid, band: Band = band) -> list[tuple[Array, Array]]:
            right, down, mask = differences("Image.derivative", band, grid)
            return [(right, mask), (down, mask)]

        shared = Shared(whole)
        for place, axis in enumerate("xy"):
            made.append(band.derived(output_source(shared, place, FLOAT), FLOAT, f"{band.name}_{axis}"))
    return image.with_bands(made)


@function("Image.zeroCrossing")
def zero_crossing(image: Image) -> Image:
    """1 where a pixel is 0, or nearer to 0 than one of its four neighbours of the opposite sign; else 0."""

    def crossing(band: Band) -> Band:
        def source(grid: Grid) -> Pixels:
            pixels = numbers("Image.zeroCrossing", band, grid.padded(1, 1, 1, 1))
            values = pixels.values.astype("float64")
            own = values[1:-1, 1:-1]
            found = own == 0
            for rows, columns, first in (
                (slice(None, -2), slice(1, -1), False),
                (slice(2, None), slice(1, -1), True),
                (slice(1, -1), slice(None, -2), False),
                (slice(1, -1), slice(2, None), True),
            ):
                other, valid = values[rows, columns], pixels.mask[rows, columns] > 0
                # Of two that are equally near, the upper or left one.
                nearer = abs(own) <= abs(other) if first else abs(own) < abs(other)
                found = found | (valid & (np.sign(own) * np.sign(other) < 0) & nearer)
            return Pixels(found.astype("uint8"), pixels.mask[1:-1, 1:-1])

        return band.derived(source, BOOLEAN)

    return image.with_bands(crossing(band) for band in image.bands)


def _smoothed(values: Array, sigma: float, reach: int) -> Array:
    """By a bell curve in both directions; `reach` pixels smaller at each side."""
    if not reach:
        return values
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    weights /= weights.sum()
    height, width = values.shape[0] - 2 * reach, values.shape[1] - 2 * reach
    across = np.zeros((height, values.shape[1]))
    for offset, weight in enumerate(weights):
        across += weight * values[offset : offset + height]
    total = np.zeros((height, width))
    for offset, weight in enumerate(weights):
        total += weight * across[:, offset : offset + width]
    return total


def _thinned(values: Array, threshold: float) -> Array:
    """The gradient's magnitude along ridges that rise above the threshold, else 0; two pixels smaller at each side."""
    right = (values[1:-1, 2:] - values[1:-1, :-2]) / 2
    down = (values[2:, 1:-1] - values[:-2, 1:-1]) / 2
    strength = np.hypot(right, down)
    own, height, width = strength[1:-1, 1:-1], strength.shape[0] - 2, strength.shape[1] - 2
    sector = np.rint(np.arctan2(down, right)[1:-1, 1:-1] / (math.pi / 4)).astype(int) % 4
    ridge = np.zeros(own.shape, dtype=bool)
    for number, (row, column) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = strength[1 + row : 1 + row + height, 1 + column : 1 + column + width]
        behind = strength[1 - row : 1 - row + height, 1 - column : 1 - column + width]
        ridge |= (sector == number) & (own >= ahead) & (own > behind)
    return np.where(ridge & (own > threshold), own, 0)


@function("CannyEdgeDetector")
def canny_edge_detector(image: Image, threshold: float, sigma: float) -> Image:
    """The magnitude of the gradient, per pixel, along edges; 0 elsewhere."""
    name = "CannyEdgeDetector"
    if not 0 <= sigma <= _LARGEST_SIGMA:
        raise invalid(f"{name}: sigma must be between 0 and {_LARGEST_SIGMA:g} pixels, not {sigma}.")
    reach = math.ceil(3 * sigma)

    def detected(band: Band) -> Band:
        def source(grid: Grid) -> Pixels:
            side = reach + 2
            pixels = numbers(name, band, grid.padded(side, side, side, side))
            values = np.where(pixels.mask > 0, pixels.values.astype("float64"), 0)
            height, width = grid.shape
            found = _thinned(_smoothed(values, sigma, reach), threshold)
            return Pixels(found.astype("float32"), pixels.mask[side : side + height, side : side + width])

        return band.derived(source, FLOAT)

    return image.with_bands(detected(band) for band in image.bands)


@function("HoughTransform")
def hough_transform(image: Image, grid_size: int, input_threshold: float, line_threshold: float, smooth: bool) -> Image:
    """How many active pixels lie on the strongest line through a pixel, per cell of the grid; 0 below the threshold."""
    name = "HoughTransform"
    if not 8 <= grid_size <= 1_024:
        raise invalid(f"{name}: gridSize must be between 8 and 1024 pixels, not {grid_size}.")

    def transformed(band: Band) -> Band:
        def compute(grid: Grid) -> list[tuple[Array, Array]]:
            pixels = numbers(name, band, grid)
            active = (pixels.mask > 0) & (pixels.values >= input_threshold)
            return [(_lines(active, line_threshold, smooth), pixels.mask)]

        shared = Shared(blockwise(name, grid_size, 0, compute))
        return band.derived(output_source(shared, 0, DOUBLE), DOUBLE, f"{band.name}_lines")

    return image.with_bands(transformed(band) for band in image.bands)


def _lines(active: Array, threshold: float, smooth: bool) -> Array:
    rows, columns = np.nonzero(active)
    y, x = np.mgrid[: active.shape[0], : active.shape[1]]
    strongest = np.zeros(active.shape)
    votes = []
    reach = math.ceil(math.hypot(*active.shape))
    for angle in range(_ANGLES):
        cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        votes.append(np.bincount(np.rint(columns * cosine + rows * sine).astype(int) + reach, minlength=2 * reach + 1))
    counted = np.array(votes, dtype="float64")
    if smooth:
        padded = np.pad(counted, ((0, 0), (1, 1)))
        counted = (padded[:, :-2] + 2 * counted + padded[:, 2:]) / 2
    for angle in np.flatnonzero((counted >= threshold).any(axis=1)).tolist():
        cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        found = counted[angle][np.rint(x * cosine + y * sine).astype(int) + reach]
        np.maximum(strongest, np.where(found >= threshold, found, 0), out=strongest)
    return strongest
