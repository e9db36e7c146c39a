"""Kernels, and what is computed from the surroundings of a pixel."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sandbox.earthengine import reducers
from sandbox.earthengine.functions.composite import Shared, output_source
from sandbox.earthengine.grid import Grid
from sandbox.earthengine.pixels import Array, Band, Pixels, PixelType, combined
from sandbox.earthengine.reducers import Reducer
from sandbox.earthengine.registry import function
from sandbox.earthengine.values import Image, Kernel
from sandbox.errors import invalid

_WIDEST = 512
# Neighbours of this many values are stacked at a time.
_STACK = 64_000_000

# Kernels whose weights are lengths: in metres where the radius is.
_DISTANCES = ("euclidean", "manhattan", "chebyshev")

Weigh = Callable[[Array, Array, float], Array]


def _shaped(
    name: str, radius: tuple[float, float], units: str, normalize: bool, magnitude: float, weigh: Weigh
) -> Kernel:
    """A kernel of weights by distance; measured in metres, its size waits for the pixels' size."""
    if units not in ("pixels", "meters"):
        raise invalid(f"Kernel.{name}: Unknown units '{units}': must be 'pixels' or 'meters'.")
    if not all(math.isfinite(part) and part >= 0 for part in radius):
        raise invalid(f"Kernel.{name}: the radius must not be negative.")

    def of_pixels(x_radius: float, y_radius: float, unit: float = 1.0) -> Kernel:
        right, down = math.floor(x_radius + 1e-9), math.floor(y_radius + 1e-9)
        if max(right, down) > _WIDEST:
            raise invalid(
                f"Kernel.{name}: Kernel is too large: a radius of {max(right, down)} pixels; the most is {_WIDEST}."
            )
        y, x = np.mgrid[-down : down + 1, -right : right + 1].astype("float64")
        weights = weigh(x, y, max(x_radius, y_radius))
        if name in _DISTANCES:
            weights = weights * unit
        return Kernel(_scaled(weights, normalize, magnitude), (down, right))

    if units == "pixels":
        return of_pixels(*radius)
    return Kernel(at_scale=lambda scale: of_pixels(radius[0] / scale, radius[1] / scale, scale))


def _scaled(weights: Array, normalize: bool, magnitude: float) -> Array:
    total = weights.sum()
    return weights * (magnitude / total if normalize and total else magnitude)


_WEIGHTS: dict[str, Weigh] = {
    "square": lambda x, y, r: np.ones(x.shape),
    "circle": lambda x, y, r: (np.hypot(x, y) <= r).astype("float64"),
    "diamond": lambda x, y, r: (abs(x) + abs(y) <= r).astype("float64"),
    "octagon": lambda x, y, r: (abs(x) + abs(y) <= r + math.floor(r / 2)).astype("float64"),
    "plus": lambda x, y, r: ((x == 0) | (y == 0)).astype("float64"),
    "cross": lambda x, y, r: (abs(x) == abs(y)).astype("float64"),
    "euclidean": lambda x, y, r: np.where(np.hypot(x, y) <= r, np.hypot(x, y), 0),
    "manhattan": lambda x, y, r: np.where(abs(x) + abs(y) <= r, abs(x) + abs(y), 0),
    "chebyshev": lambda x, y, r: np.maximum(abs(x), abs(y)),
}


def _register_shape(name: str, weigh: Weigh) -> None:
    def call(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
        return _shaped(name, (radius, radius), units, normalize, magnitude, weigh)

    function(f"Kernel.{name}")(call)


for _name, _weigh in _WEIGHTS.items():
    _register_shape(_name, _weigh)


@function("Kernel.rectangle")
def rectangle(x_radius: float, y_radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """A rectangle of equal weights."""
    return _shaped("rectangle", (x_radius, y_radius), units, normalize, magnitude, _WEIGHTS["square"])


@function("Kernel.gaussian")
def gaussian(radius: float, sigma: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """Weights by a bell curve."""
    if not sigma > 0:
        raise invalid(f"Kernel.gaussian: 'sigma' must be positive, got {sigma}.")
    if units == "pixels":
        return _shaped("gaussian", (radius, radius), units, normalize, magnitude, _bell(sigma))
    return Kernel(
        at_scale=lambda scale: _shaped(
            "gaussian", (radius / scale,) * 2, "pixels", normalize, magnitude, _bell(sigma / scale)
        )
    )


def _bell(sigma: float) -> Weigh:
    return lambda x, y, r: np.exp(-(x**2 + y**2) / (2 * sigma**2))


_EDGES = {
    "laplacian4": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "laplacian8": [[1, 1, 1], [1, -8, 1], [1, 1, 1]],
    "sobel": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "prewitt": [[1, 0, -1], [1, 0, -1], [1, 0, -1]],
    "roberts": [[1, 0], [0, -1]],
    "compass": [[1, 1, -1], [1, -2, -1], [1, 1, -1]],
    "kirsch": [[5, -3, -3], [5, 0, -3], [5, -3, -3]],
}


def _register_edges(name: str, weights: Sequence[Sequence[float]]) -> None:
    def call(magnitude: float, normalize: bool) -> Kernel:
        array = np.array(weights, dtype="float64")
        centre = ((array.shape[0] - 1) // 2, (array.shape[1] - 1) // 2)
        return Kernel(_scaled(array, normalize, magnitude), centre)

    function(f"Kernel.{name}")(call)


for _name, _rows in _EDGES.items():
    _register_edges(_name, _rows)


@function("Kernel.fixed")
def fixed(width: int, height: int, weights: list[list[Any]], x: int, y: int, normalize: bool) -> Kernel:
    """Weights as given; the pixel itself is at (x, y), by default in the middle."""
    try:
        array = np.array(weights, dtype="float64")
    except (TypeError, ValueError) as error:
        raise invalid("Kernel.fixed: 'weights' must be rows of numbers, all of the same length.") from error
    if array.ndim != 2 or not array.size:
        raise invalid("Kernel.fixed: 'weights' must be rows of numbers, all of the same length.")
    if (height >= 0 and height != array.shape[0]) or (width >= 0 and width != array.shape[1]):
        raise invalid(
            f"Kernel.fixed: the weights are {array.shape[1]} wide and {array.shape[0]} high, not {width} and {height}."
        )
    if max(array.shape) > 2 * _WIDEST + 1:
        raise invalid(f"Kernel.fixed: Kernel is too large: {array.shape[1]} by {array.shape[0]}.")
    centre = (y if y >= 0 else array.shape[0] // 2, x if x >= 0 else array.shape[1] // 2)
    if centre[0] >= array.shape[0] or centre[1] >= array.shape[1]:
        raise invalid("Kernel.fixed: (x, y) must lie within the weights.")
    return Kernel(_scaled(array, normalize, 1.0), centre)


@function("Kernel.rotate")
def rotate(kernel: Kernel, rotations: int) -> Kernel:
    """Turned by quarters, clockwise."""
    weights, (row, column) = _pixels(kernel)
    for _ in range(rotations % 4):
        height = weights.shape[0]
        weights, (row, column) = np.rot90(weights, -1), (column, height - 1 - row)
    return Kernel(weights, (row, column))


@function("Kernel.inverse")
def inverse(kernel: Kernel) -> Kernel:
    """One over every weight that is not 0."""
    weights, centre = _pixels(kernel)
    return Kernel(np.divide(1, weights, out=np.zeros_like(weights), where=weights != 0), centre)


@function("Kernel.add")
def add(kernel1: Kernel, kernel2: Kernel, normalize: bool) -> Kernel:
    """Weights added, centre upon centre."""
    (one, first), (two, second) = _pixels(kernel1), _pixels(kernel2)
    top, left = max(first[0], second[0]), max(first[1], second[1])
    bottom = max(one.shape[0] - first[0], two.shape[0] - second[0])
    right = max(one.shape[1] - first[1], two.shape[1] - second[1])
    total = np.zeros((top + bottom, left + right))
    for weights, (row, column) in ((one, first), (two, second)):
        rows = slice(top - row, top - row + weights.shape[0])
        total[rows, left - column : left - column + weights.shape[1]] += weights
    return Kernel(_scaled(total, normalize, 1.0), (top, left))


def _pixels(kernel: Kernel) -> tuple[Array, tuple[int, int]]:
    if kernel.weights is None:
        raise invalid("Kernel: kernels measured in metres cannot be combined.")
    return kernel.weights, kernel.centre


def surroundings(band: Band, grid: Grid, weights: Array, centre: tuple[int, int]) -> tuple[Array, Array]:
    """(values, mask) of every pixel's window, each of shape `(height, width, rows, columns)`; views, not copies."""
    rows, columns = weights.shape
    padded = grid.padded(centre[0], centre[1], rows - 1 - centre[0], columns - 1 - centre[1])
    pixels = band.fetch(padded)
    if pixels.values.ndim > 2:
        raise invalid("array pixels have no neighbourhoods; use arrayGet or arrayFlatten first.")
    view = np.lib.stride_tricks.sliding_window_view
    return view(pixels.values, weights.shape), view(pixels.mask, weights.shape)


@function("Image.neighborhoodToArray")
def neighborhood_to_array(image: Image, kernel: Kernel, default_value: float) -> Image:
    """Every pixel's window as a two-dimensional array; masked neighbours become the default."""

    def windowed(band: Band) -> Band:
        own = band.pixel_type
        low = None if own.minimum is None else min(own.minimum, default_value)
        high = None if own.maximum is None else max(own.maximum, default_value)
        if own.precision == "int" and float(default_value).is_integer() and low is not None and high is not None:
            low, high = int(low), int(high)
        kind = PixelType(own.precision, low, high, 2)

        def source(grid: Grid) -> Pixels:
            weights, centre = kernel.resolved(grid)
            values, mask = surroundings(band, grid, weights, centre)
            filled = np.where(mask > 0, values, np.asarray(default_value, kind.dtype)).astype(kind.dtype, copy=False)
            return Pixels(filled, band.fetch(grid).mask)

        return band.derived(source, kind)

    return image.with_bands(windowed(band) for band in image.bands)


@function("Image.neighborhoodToBands")
def neighborhood_to_bands(image: Image, kernel: Kernel) -> Image:
    """One band per neighbour, named `band_x_y` by its offset."""
    weights, centre = _pixels(kernel)
    made = []
    for band in image.bands:
        for row, column in np.argwhere(weights != 0).tolist():
            y, x = row - centre[0], column - centre[1]
            made.append(band.derived(_moved(band, y, x), name=f"{band.name}_{x}_{y}"))
    return image.with_bands(made)


def _moved(band: Band, y: int, x: int) -> Callable[[Grid], Pixels]:
    return lambda grid: band.fetch(grid.window(y, x, grid.shape))


@function("Image.reduceNeighborhood", ignores=("optimization",))
def reduce_neighborhood(image: Image, reducer: Reducer, kernel: Kernel, input_weight: str, skip_masked: bool) -> Image:
    """A reducer over every pixel's surroundings; bands are named `band_output`."""
    if input_weight not in ("kernel", "mask", "min"):
        raise invalid(
            f"Image.reduceNeighborhood: Unknown inputWeight '{input_weight}': must be 'kernel', 'mask' or 'min'."
        )
    if reducer.inputs == 1:
        made: list[Band] = []
        for band in image.bands:
            names = [f"{band.name}_{output}" for output in reducer.outputs]
            made.extend(_reduced([band], reducer, kernel, names, input_weight, skip_masked))
        return image.with_bands(made)
    if reducer.inputs != len(image.bands):
        raise invalid(f"Image.reduceNeighborhood: Need {reducer.inputs} bands for the reducer, got {len(image.bands)}.")
    return image.with_bands(_reduced(image.bands, reducer, kernel, reducer.outputs, input_weight, skip_masked))


def _reduced(
    bands: Sequence[Band],
    reducer: Reducer,
    kernel: Kernel,
    names: Sequence[str],
    input_weight: str,
    skip_masked: bool,
) -> list[Band]:
    types = reducer.types([band.pixel_type for band in bands])

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        weights, centre = kernel.resolved(grid)
        used = np.argwhere(weights != 0)
        if not len(used):
            return [(np.zeros(grid.shape), np.zeros(grid.shape, dtype=bool)) for _ in names]
        rows = max(1, _STACK // (len(used) * grid.shape[1]))
        parts = [
            strip(grid.window(row, 0, (min(rows, grid.shape[0] - row), grid.shape[1])), weights, centre, used)
            for row in range(0, grid.shape[0], rows)
        ]
        return [
            (np.concatenate([part[i][0] for part in parts]), np.concatenate([part[i][1] for part in parts]))
            for i in range(len(names))
        ]

    def strip(grid: Grid, weights: Array, centre: tuple[int, int], used: Array) -> list[tuple[Array, Array]]:
        stacks, masks = [], []
        for band in bands:
            values, mask = surroundings(band, grid, weights, centre)
            stacks.append(np.stack([values[:, :, r, c] for r, c in used]))
            masks.append(np.stack([mask[:, :, r, c] for r, c in used]))
        share = combined(*masks)
        factors = np.array([weights[r, c] for r, c in used])[:, None, None]
        if input_weight == "kernel":
            held = np.where(share > 0, factors, 0)
        else:
            held = share if input_weight == "mask" else np.minimum(share, factors)
        with np.errstate(all="ignore"):
            results = reducer.reduce_stack(stacks, held)
        if not skip_masked:
            return results
        own = combined(*(band.fetch(grid).mask for band in bands)) > 0
        return [
            (value, np.logical_and(mask, own.reshape(own.shape + (1,) * (np.ndim(mask) - 2))))
            for value, mask in results
        ]

    shared = Shared(whole)
    return [
        bands[0].derived(output_source(shared, index, types[index]), types[index], name)
        for index, name in enumerate(names)
    ]


@function("Image.convolve")
def convolve(image: Image, kernel: Kernel) -> Image:
    """The weighted sum of every pixel's surroundings; masked neighbours count as 0."""

    def summed(band: Band) -> Band:
        kind = PixelType("double" if band.pixel_type.precision == "double" else "float")

        def source(grid: Grid) -> Pixels:
            weights, centre = kernel.resolved(grid)
            values, mask = surroundings(band, grid, weights, centre)
            total = np.zeros(grid.shape)
            for row, column in np.argwhere(weights != 0).tolist():
                valid = mask[:, :, row, column] > 0
                total += np.where(valid, values[:, :, row, column], 0) * weights[row, column]
            return Pixels(kind.converted(total), band.fetch(grid).mask)

        return band.derived(source, kind)

    return image.with_bands(summed(band) for band in image.bands)


_FOCAL: dict[str, Callable[[], Reducer]] = {
    "min": lambda: reducers.least(1),
    "max": lambda: reducers.greatest(1),
    "mean": lambda: reducers.simple("mean"),
    "median": lambda: reducers.simple("median"),
    "mode": lambda: reducers.simple("mode"),
}


def _register_focal(name: str, make: Callable[[], Reducer]) -> None:
    def call(
        image: Image, radius: float, kernel_type: str, units: str, iterations: int, kernel: Kernel | None
    ) -> Image:
        if kernel is None:
            if kernel_type not in _WEIGHTS:
                raise invalid(f"Unknown kernel type '{kernel_type}': must be one of {', '.join(_WEIGHTS)}.")
            kernel = _shaped(kernel_type, (radius, radius), units, True, 1.0, _WEIGHTS[kernel_type])
        if not 1 <= iterations <= 100:
            raise invalid(f"'iterations' must be between 1 and 100, got {iterations}.")
        bands = list(image.bands)
        for _ in range(iterations):
            bands = [_reduced([band], make(), kernel, [band.name], "kernel", False)[0] for band in bands]
        return image.with_bands(bands)

    capital = name.capitalize()
    function(f"Window.{name}", f"Image.focal_{name}", f"Image.focal{capital}")(call)


for _name, _make in _FOCAL.items():
    _register_focal(_name, _make)
