"""Spectra: how far two are apart, what a window holds of them, and what they are mixed of.

https://developers.google.com/earth-engine/guides/image_transforms and
https://developers.google.com/earth-engine/apidocs/ee-image-spectraldistance. Plaza et al. (2002),
https://doi.org/10.1109/TGRS.2002.802494.
"""

from collections.abc import Callable
from itertools import combinations

import numpy as np

from earthline_sandbox.earthengine.functions.image.lattice import numbers
from earthline_sandbox.earthengine.functions.image.math.bandwise import computed
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, Band, combined
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.values.values import Image, Kernel
from earthline_sandbox.errors import invalid

_MOST_ENDMEMBERS = 10


def _angle(one: Array, two: Array) -> Array:
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(two, axis=-1)
    cosine = np.divide((one * two).sum(axis=-1), lengths, out=np.ones_like(lengths), where=lengths > 0)
    return np.asarray(np.arccos(np.clip(cosine, -1, 1)))


def _shares(spectra: Array) -> Array:
    total = spectra.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(spectra, total, out=np.zeros_like(spectra), where=total != 0))


def _divergence(one: Array, two: Array) -> Array:
    first, second = _shares(one), _shares(two)
    with np.errstate(all="ignore"):
        terms = (first - second) * np.log(first / second)
    return np.asarray(np.where(np.isfinite(terms), terms, 0).sum(axis=-1))


_METRICS: dict[str, Callable[[Array, Array], Array]] = {
    "sam": _angle,
    "sid": _divergence,
    "sed": lambda one, two: ((one - two) ** 2).sum(axis=-1),
    "emd": lambda one, two: np.abs(np.cumsum(one - two, axis=-1)).sum(axis=-1),
}


def _metric(name: str, metric: str) -> Callable[[Array, Array], Array]:
    if metric not in _METRICS:
        raise invalid(f"{name}: Unknown metric '{metric}': must be one of {', '.join(_METRICS)}.")
    measure = _METRICS[metric]

    def measured(one: Array, two: Array) -> Array:
        with np.errstate(all="ignore"):
            return measure(one, two)

    return measured


def _spectra(name: str, image: Image, grid: Grid) -> tuple[Array, Array]:
    """(spectra, mask): shape `(height, width, bands)`, or the arrays of the first band."""
    if not image.bands:
        raise invalid(f"{name}: The image has no bands.")
    if image.bands[0].pixel_type.dimensions:
        pixels = image.bands[0].fetch(grid)
        if pixels.values.ndim != 3:
            raise invalid(f"{name}: array pixels must have one dimension.")
        return pixels.values.astype("float64"), pixels.mask
    read = [numbers(name, band, grid) for band in image.bands]
    values = np.stack([pixels.values.astype("float64") for pixels in read], axis=-1)
    return values, combined(*(pixels.mask for pixels in read))


@function("Image.spectralDistance")
def spectral_distance(image1: Image, image2: Image, metric: str) -> Image:
    """The distance between the spectra of two images, as band `distance`."""
    name = "Image.spectralDistance"
    measure = _metric(name, metric)

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        (one, first), (two, second) = _spectra(name, image1, grid), _spectra(name, image2, grid)
        if one.shape[-1] != two.shape[-1]:
            raise invalid(f"{name}: the spectra have {one.shape[-1]} and {two.shape[-1]} values; they must agree.")
        return [(measure(one, two), combined(first, second))]

    if not image1.bands or not image2.bands:
        raise invalid(f"{name}: The images must have bands.")
    base = image2.bands[0] if image1.bands[0].constant else image1.bands[0]
    return computed(image1, [_distance_band(base, Shared(whole))], image2)


def _distance_band(base: Band, shared: Shared) -> Band:
    return base.derived(output_source(shared, 0, DOUBLE), DOUBLE, "distance")


def _extreme(name: str, image: Image, metric: str, kernel: Kernel | None, use_centroid: bool) -> tuple[Band, Shared]:
    """(first band, computation of the least and the greatest distance under the kernel)."""
    measure = _metric(name, metric)
    if not image.bands:
        raise invalid(f"{name}: The image has no bands.")

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        weights, (row, column) = (np.ones((3, 3)), (1, 1)) if kernel is None else kernel.resolved(grid)
        height, width = grid.shape
        around = grid.padded(row, column, weights.shape[0] - 1 - row, weights.shape[1] - 1 - column)
        spectra, mask = _spectra(name, image, around)
        windows = [
            (spectra[y : y + height, x : x + width], mask[y : y + height, x : x + width] > 0)
            for y, x in np.argwhere(weights != 0).tolist()
        ]
        own = spectra[row : row + height, column : column + width]
        if use_centroid:
            count = sum(valid.astype("float64") for _, valid in windows)
            with np.errstate(over="ignore"):
                total = sum(np.where(valid[..., None], values, 0) for values, valid in windows)
            own = np.divide(total, np.maximum(count, 1)[..., None])
        least, greatest = np.full(grid.shape, np.inf), np.full(grid.shape, -np.inf)
        for values, valid in windows:
            found = measure(values, own)
            least = np.where(valid, np.minimum(least, found), least)
            greatest = np.where(valid, np.maximum(greatest, found), greatest)
        known = combined(mask[row : row + height, column : column + width], np.isfinite(least))
        return [(np.where(known > 0, least, 0), known), (np.where(known > 0, greatest, 0), known)]

    return image.bands[0], Shared(whole)


@function("Image.spectralErosion")
def spectral_erosion(image: Image, metric: str, kernel: Kernel | None, use_centroid: bool) -> Image:
    """The least distance under the kernel, as band `distance`."""
    band, shared = _extreme("Image.spectralErosion", image, metric, kernel, use_centroid)
    return image.with_bands([_distance_band(band, shared)])


@function("Image.spectralDilation")
def spectral_dilation(image: Image, metric: str, kernel: Kernel | None, use_centroid: bool) -> Image:
    """The greatest distance under the kernel, as band `distance`."""
    band, shared = _extreme("Image.spectralDilation", image, metric, kernel, use_centroid)
    return image.with_bands([band.derived(output_source(shared, 1, DOUBLE), DOUBLE, "distance")])


@function("Image.spectralGradient")
def spectral_gradient(image: Image, metric: str, kernel: Kernel | None, use_centroid: bool) -> Image:
    """What dilation has more than erosion, as band `distance`."""
    band, both = _extreme("Image.spectralGradient", image, metric, kernel, use_centroid)

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        (least, mask), (greatest, _) = both(grid)
        return [(greatest - least, mask)]

    return image.with_bands([_distance_band(band, Shared(whole))])


@function("Image.unmix")
def unmix(image: Image, endmembers: list[list[float]], sum_to_one: bool, non_negative: bool) -> Image:
    """The shares of spectra in every pixel by least squares, as bands `band_0`, `band_1` and on."""
    name = "Image.unmix"
    count = len(endmembers)
    if not count or any(len(spectrum) != len(image.bands) for spectrum in endmembers):
        raise invalid(f"{name}: every endmember must have a value per band, {len(image.bands)} of them.")
    if non_negative and count > _MOST_ENDMEMBERS:
        raise invalid(f"{name}: with nonNegative the sandbox takes at most {_MOST_ENDMEMBERS} endmembers, got {count}.")
    matrix = np.array(endmembers, dtype="float64").T

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        spectra, mask = _spectra(name, image, grid)
        with np.errstate(all="ignore"):
            found = _mixture(matrix, spectra.reshape(-1, spectra.shape[-1]), sum_to_one, non_negative)
        return [(found[:, place].reshape(grid.shape), mask) for place in range(count)]

    shared = Shared(whole)
    return image.with_bands(
        image.bands[0].derived(output_source(shared, place, DOUBLE), DOUBLE, f"band_{place}") for place in range(count)
    )


def _mixture(matrix: Array, spectra: Array, sum_to_one: bool, non_negative: bool) -> Array:
    """Shares, of shape `(pixels, endmembers)`, that come nearest to spectra of shape `(pixels, bands)`.

    A non-negative solution is the best of those over some of the endmembers: all of them are tried.
    """
    count = matrix.shape[1]
    best = np.zeros((len(spectra), count))
    error = np.full(len(spectra), np.inf) if sum_to_one or not non_negative else (spectra**2).sum(axis=1)
    sizes = range(1, count + 1) if non_negative else (count,)
    for members in (chosen for size in sizes for chosen in combinations(range(count), size)):
        part = matrix[:, members]
        solved = _applied(np.linalg.pinv(part), spectra)
        if sum_to_one:
            # The multiplier of the constraint moves the free solution along what leaves the error least.
            direction = np.linalg.pinv(part.T @ part) @ np.ones(len(members))
            solved = solved + (1 - solved.sum(axis=1, keepdims=True)) * direction / direction.sum()
        left = ((spectra - _applied(part, solved)) ** 2).sum(axis=1)
        better = left < error
        if non_negative:
            better &= (solved >= -1e-12).all(axis=1)
        error = np.where(better, left, error)
        rows = np.flatnonzero(better)
        best[rows] = 0
        best[rows[:, None], list(members)] = np.maximum(solved[rows], 0) if non_negative else solved[rows]
    return best


def _applied(matrix: Array, rows: Array) -> Array:
    """The matrix times every row; added up in one order, however many rows there are."""
    total = np.zeros((len(rows), len(matrix)))
    for column in range(matrix.shape[1]):
        total += rows[:, column, None] * matrix[:, column]
    return total
