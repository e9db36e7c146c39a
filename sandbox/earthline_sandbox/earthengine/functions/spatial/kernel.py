"""Kernels: weights around a pixel.

The weights are those of the examples under https://developers.google.com/earth-engine/apidocs/ee-kernel-square and its
neighbours.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.earthengine.values.values import Kernel
from earthline_sandbox.errors import invalid

_WIDEST = 512

# Kernels whose weights are lengths: in metres where the radius is.
_DISTANCES = ("euclidean", "manhattan", "chebyshev")

Weigh = Callable[[Array, Array, float], Array]


def _check(name: str, radius: tuple[float, ...], units: str) -> None:
    if units not in ("pixels", "meters"):
        raise invalid(f"Kernel.{name}: Unknown units '{units}': must be 'pixels' or 'meters'.")
    if not all(math.isfinite(part) and part >= 0 for part in radius):
        raise invalid(f"Kernel.{name}: the radius must not be negative.")


def shaped(
    name: str, radius: tuple[float, float], units: str, normalize: bool, magnitude: float, weigh: Weigh
) -> Kernel:
    """A kernel of weights by distance; measured in metres, its size waits for the pixels' size."""
    _check(name, radius, units)

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


#: Weights by name of the kernel; distances fill the square, beyond the radius as well.
SHAPES: dict[str, Weigh] = {
    "square": lambda x, y, r: np.ones(x.shape),
    "circle": lambda x, y, r: (np.hypot(x, y) <= r).astype("float64"),
    "diamond": lambda x, y, r: (abs(x) + abs(y) <= r).astype("float64"),
    "octagon": lambda x, y, r: (abs(x) + abs(y) <= r + math.floor(r / 2)).astype("float64"),
    "plus": lambda x, y, r: ((x == 0) | (y == 0)).astype("float64"),
    "cross": lambda x, y, r: (abs(x) == abs(y)).astype("float64"),
    "euclidean": lambda x, y, r: np.hypot(x, y),
    "manhattan": lambda x, y, r: abs(x) + abs(y),
    "chebyshev": lambda x, y, r: np.maximum(abs(x), abs(y)),
}


def symmetric(name: str, radius: float, units: str, normalize: bool = True, magnitude: float = 1.0) -> Kernel:
    """A kernel of `SHAPES` with the same radius along both axes."""
    return shaped(name, (radius, radius), units, normalize, magnitude, SHAPES[name])


@function("Kernel.square")
def square(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """A square of equal weights."""
    return symmetric("square", radius, units, normalize, magnitude)


@function("Kernel.circle")
def circle(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """A disc of equal weights."""
    return symmetric("circle", radius, units, normalize, magnitude)


@function("Kernel.diamond")
def diamond(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """A square on its corner, of equal weights."""
    return symmetric("diamond", radius, units, normalize, magnitude)


@function("Kernel.octagon")
def octagon(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """An octagon of equal weights."""
    return symmetric("octagon", radius, units, normalize, magnitude)


@function("Kernel.plus")
def plus(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """A row and a column of equal weights."""
    return symmetric("plus", radius, units, normalize, magnitude)


@function("Kernel.cross")
def cross(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """Two diagonals of equal weights."""
    return symmetric("cross", radius, units, normalize, magnitude)


@function("Kernel.euclidean")
def euclidean(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """Weights by the distance along a straight line."""
    return symmetric("euclidean", radius, units, normalize, magnitude)


@function("Kernel.manhattan")
def manhattan(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """Weights by the distance along rows and columns."""
    return symmetric("manhattan", radius, units, normalize, magnitude)


@function("Kernel.chebyshev")
def chebyshev(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """Weights by the greater of the distances along rows and along columns."""
    return symmetric("chebyshev", radius, units, normalize, magnitude)


@function("Kernel.rectangle")
def rectangle(x_radius: float, y_radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """A rectangle of equal weights."""
    return shaped("rectangle", (x_radius, y_radius), units, normalize, magnitude, SHAPES["square"])


@function("Kernel.gaussian")
def gaussian(radius: float, sigma: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """Weights by a bell curve, at the pixels nearer than the radius along both axes: a radius of 3 gives 5 by 5."""
    if not sigma > 0:
        raise invalid(f"Kernel.gaussian: 'sigma' must be positive, got {sigma}.")
    _check("gaussian", (radius,), units)
    if units == "meters":
        return Kernel(at_scale=lambda scale: gaussian(radius / scale, sigma / scale, "pixels", normalize, magnitude))
    side = max(math.ceil(radius - 1e-9) - 1, 0)
    return shaped("gaussian", (side, side), units, normalize, magnitude, _bell(sigma))


def _bell(sigma: float) -> Weigh:
    return lambda x, y, r: np.exp(-(x**2 + y**2) / (2 * sigma**2))


def _constant(rows: Sequence[Sequence[float]], magnitude: float, normalize: bool) -> Kernel:
    weights = np.array(rows, dtype="float64")
    centre = (weights.shape[0] // 2, weights.shape[1] // 2)
    return Kernel(_scaled(weights, normalize, magnitude), centre)


@function("Kernel.laplacian4")
def laplacian4(magnitude: float, normalize: bool) -> Kernel:
    """The Laplacian: edges in the directions of rows and columns."""
    return _constant([[0, 1, 0], [1, -4, 1], [0, 1, 0]], magnitude, normalize)


@function("Kernel.laplacian8")
def laplacian8(magnitude: float, normalize: bool) -> Kernel:
    """The Laplacian: edges in all directions."""
    return _constant([[1, 1, 1], [1, -8, 1], [1, 1, 1]], magnitude, normalize)


@function("Kernel.sobel")
def sobel(magnitude: float, normalize: bool) -> Kernel:
    """Sobel's kernel: the change along rows, smoothed along columns."""
    return _constant([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], magnitude, normalize)


@function("Kernel.prewitt")
def prewitt(magnitude: float, normalize: bool) -> Kernel:
    """Prewitt's kernel: the change along rows, with equal weights."""
    return _constant([[1, 0, -1], [1, 0, -1], [1, 0, -1]], magnitude, normalize)


@function("Kernel.roberts")
def roberts(magnitude: float, normalize: bool) -> Kernel:
    """Roberts' kernel: the change along a diagonal."""
    return _constant([[1, 0], [0, -1]], magnitude, normalize)


@function("Kernel.compass")
def compass(magnitude: float, normalize: bool) -> Kernel:
    """Prewitt's compass kernel: edges of one direction."""
    return _constant([[1, 1, -1], [1, -2, -1], [1, 1, -1]], magnitude, normalize)


@function("Kernel.kirsch")
def kirsch(magnitude: float, normalize: bool) -> Kernel:
    """Kirsch's compass kernel: edges of one direction."""
    return _constant([[5, -3, -3], [5, 0, -3], [5, -3, -3]], magnitude, normalize)


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
    weights, (row, column) = weights_of(kernel)
    for _ in range(rotations % 4):
        height = weights.shape[0]
        weights, (row, column) = np.rot90(weights, -1), (column, height - 1 - row)
    return Kernel(weights, (row, column))


@function("Kernel.inverse")
def inverse(kernel: Kernel) -> Kernel:
    """One over every weight that is not 0."""
    weights, centre = weights_of(kernel)
    return Kernel(np.divide(1, weights, out=np.zeros_like(weights), where=weights != 0), centre)


@function("Kernel.add")
def add(kernel1: Kernel, kernel2: Kernel, normalize: bool) -> Kernel:
    """Weights added, centre upon centre."""
    (one, first), (two, second) = weights_of(kernel1), weights_of(kernel2)
    top, left = max(first[0], second[0]), max(first[1], second[1])
    bottom = max(one.shape[0] - first[0], two.shape[0] - second[0])
    right = max(one.shape[1] - first[1], two.shape[1] - second[1])
    total = np.zeros((top + bottom, left + right))
    for weights, (row, column) in ((one, first), (two, second)):
        rows = slice(top - row, top - row + weights.shape[0])
        total[rows, left - column : left - column + weights.shape[1]] += weights
    return Kernel(_scaled(total, normalize, 1.0), (top, left))


def weights_of(kernel: Kernel) -> tuple[Array, tuple[int, int]]:
    """(weights, centre) of a kernel that is measured in pixels; raises INVALID_ARGUMENT for others."""
    if kernel.weights is None:
        raise invalid("Kernel: kernels measured in metres cannot be combined.")
    return kernel.weights, kernel.centre
