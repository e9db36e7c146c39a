"""Texture: how the values around a pixel vary, and which of them are neighbours.

https://developers.google.com/earth-engine/guides/image_texture. Haralick, Shanmugam and Dinstein (1973),
https://doi.org/10.1109/TSMC.1973.4309314; Conners, Trivedi and Harlow (1984),
https://doi.org/10.1016/0734-189X(84)90197-X.
"""

from collections.abc import Callable, Sequence

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.functions.spatial.neighborhood import Surroundings, surroundings
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, Band
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.values.values import Image, Kernel
from earthline_sandbox.errors import invalid

# Values of windows that are stacked at a time.
_STACK = 8_000_000
_LARGEST_SIZE = 64
# No 32-bit integer has this value.
_ABSENT = -(2**63)
_METRICS = (
    "asm", "contrast", "corr", "var", "idm", "savg", "svar", "sent", "ent",
    "dvar", "dent", "imcorr1", "imcorr2", "maxcorr", "diss", "inertia", "shade", "prom",
)  # fmt: skip
#: The half of a pixel's eight neighbours that Earth Engine takes by default, as (x, y).
_DIRECTIONS = ((-1, -1), (0, -1), (1, -1), (-1, 0))


def _check_integer(name: str, band: Band) -> None:
    own = band.pixel_type
    if own.precision != "int" or own.dtype.itemsize > 4:
        raise invalid(
            f"{name}: Only 32-bit or smaller integer types are currently supported; band '{band.name}' has another, "
            "toInt makes it one."
        )


def _strips(
    around: Surroundings, held: int, compute: Callable[[Surroundings], Sequence[tuple[Array, Array]]]
) -> list[tuple[Array, Array]]:
    """Computes pixels from their windows by strips of rows, where every pixel holds so many values meanwhile."""
    height, width = around.mask.shape[:2]
    rows = max(1, _STACK // (held * width))
    parts = []
    for row in range(0, height, rows):
        computation.check()
        parts.append(compute(around.rows(row, row + rows)))
    return [
        (np.concatenate([value for value, _ in outputs]), np.concatenate([mask for _, mask in outputs]))
        for outputs in zip(*parts, strict=True)
    ]


def _runs(codes: Array, absent: int | None = None) -> tuple[Array, Array]:
    """(sum of squares, sum of count times its logarithm) of how often each value occurs along the last axis.

    Args:
        codes: Shape `(…, K)`.
        absent: A value that does not count.
    """
    shape, count = codes.shape[:-1], codes.shape[-1]
    ordered = np.sort(codes, axis=-1)
    starts = np.ones(ordered.shape, dtype=bool)
    starts[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    places = np.flatnonzero(starts)
    lengths = np.diff(np.append(places, codes.size))
    if absent is not None:
        lengths[ordered.ravel()[places] == absent] = 0
    numbers = np.arange(count + 1)
    logarithms = numbers * np.log(np.maximum(numbers, 1))
    pixels, total = places // count, codes.size // count
    return (
        np.bincount(pixels, (numbers**2)[lengths], total).reshape(shape),
        np.bincount(pixels, logarithms[lengths], total).reshape(shape),
    )


@function("Image.entropy")
def entropy(image: Image, kernel: Kernel) -> Image:
    """Bits of information in the values of every pixel's surroundings, those of weight 0 and masked ones left out."""
    name = "Image.entropy"

    def measured(band: Band) -> Band:
        _check_integer(name, band)

        def whole(grid: Grid) -> list[tuple[Array, Array]]:
            weights, centre = kernel.resolved(grid)
            used = np.argwhere(weights != 0).tolist()
            if not used:
                raise invalid(f"{name}: the kernel holds no pixel.")

            def strip(part: Surroundings) -> list[tuple[Array, Array]]:
                rows, columns = np.array(used).T
                valid = part.mask[:, :, rows, columns] > 0
                count = valid.sum(axis=-1)
                values = part.values[:, :, rows, columns].astype("int64")
                _, logarithms = _runs(np.where(valid, values, _ABSENT), _ABSENT)
                safe = np.maximum(count, 1)
                return [((np.log(safe) - logarithms / safe) / np.log(2), part.own)]

            return _strips(surroundings(band, grid, weights, centre), 4 * len(used), strip)

        return band.derived(output_source(Shared(whole), 0, DOUBLE), DOUBLE)

    return image.with_bands(measured(band) for band in image.bands)


@function("Image.glcmTexture")
def glcm_texture(image: Image, size: int, kernel: Kernel | None, average: bool) -> Image:
    """18 measures of the grey levels that lie next to each other in every pixel's window, per band."""
    name = "Image.glcmTexture"
    if not 1 <= size <= _LARGEST_SIZE:
        raise invalid(f"{name}: size must be between 1 and {_LARGEST_SIZE} pixels, not {size}.")
    directions = _DIRECTIONS if kernel is None else _directions(name, kernel)
    if any(max(abs(x), abs(y)) > 2 * size for x, y in directions):
        raise invalid(f"{name}: the kernel reaches beyond the window of {2 * size + 1} by {2 * size + 1} pixels.")
    made: list[Band] = []
    for band in image.bands:
        _check_integer(name, band)

        def whole(grid: Grid, band: Band = band) -> list[tuple[Array, Array]]:
            side = 2 * size + 1

            def strip(part: Surroundings) -> list[tuple[Array, Array]]:
                complete = np.asarray((part.mask > 0).all(axis=(2, 3)))
                found = [_measures(part.values, x, y) for x, y in directions]
                if average:
                    found = [[sum(parts) / len(directions) for parts in zip(*found, strict=True)]]
                return [(value, complete) for measures in found for value in measures]

            around = surroundings(band, grid, np.ones((side, side)), (size, size))
            return _strips(around, 8 * side * side, strip)

        shared = Shared(whole)
        suffixes = [""] if average else [f"_{x}_{y}" for x, y in directions]
        names = [f"{band.name}_{metric}{suffix}" for suffix in suffixes for metric in _METRICS]
        made.extend(
            band.derived(output_source(shared, place, DOUBLE), DOUBLE, output) for place, output in enumerate(names)
        )
    return image.with_bands(made)


def _directions(name: str, kernel: Kernel) -> tuple[tuple[int, int], ...]:
    """(x, y) of the kernel's pixels, left to right and top to bottom, each direction once."""
    if kernel.weights is None:
        raise invalid(f"{name}: a kernel measured in metres gives no offsets; use pixels.")
    row, column = kernel.centre
    found: list[tuple[int, int]] = []
    for down, right in np.argwhere(kernel.weights != 0).tolist():
        x, y = right - column, down - row
        if (x, y) != (0, 0) and (-x, -y) not in found:
            found.append((x, y))
    if not found:
        raise invalid(f"{name}: the kernel holds no pixel beside its centre.")
    return tuple(found)


def _measures(windows: Array, x: int, y: int) -> list[Array]:
    """The metrics of one direction, from windows of shape `(height, width, side, side)`."""
    side = windows.shape[2]
    one = (slice(max(-y, 0), side - max(y, 0)), slice(max(-x, 0), side - max(x, 0)))
    two = (slice(max(y, 0), side - max(-y, 0)), slice(max(x, 0), side - max(-x, 0)))
    i, j = (
        windows[:, :, rows, columns].reshape((*windows.shape[:2], -1)).astype("int64") for rows, columns in (one, two)
    )
    # Every pair counts in both orders, which makes the matrix symmetric.
    half = i.shape[-1]
    count = 2 * half
    low, high = int(min(i.min(), j.min())), int(max(i.max(), j.max()))
    if high - low >= 2**31:
        levels, inverse = np.unique(np.stack([i, j]), return_inverse=True)
        ranks = inverse.reshape((2, *i.shape))
        codes_i, codes_j, span = ranks[0], ranks[1], len(levels)
    else:
        codes_i, codes_j, span = i - low, j - low, high - low + 1
    squares, joint = _runs(np.concatenate([codes_i * span + codes_j, codes_j * span + codes_i], axis=-1))
    _, single = _runs(np.concatenate([codes_i, codes_j], axis=-1))
    # Sums and differences are the same in both orders.
    _, of_sums = _runs(i + j)
    _, of_differences = _runs(np.abs(i - j))
    logarithm = np.log(count)
    entropies = logarithm - joint / count, logarithm - single / count
    sums, apart = (i + j).astype("float64"), np.abs(i - j).astype("float64")
    mean = sums.mean(axis=-1) / 2
    variance = ((i - mean[..., None]) ** 2 + (j - mean[..., None]) ** 2).mean(axis=-1) / 2
    product = ((i - mean[..., None]) * (j - mean[..., None])).mean(axis=-1)
    contrast = (apart**2).mean(axis=-1)
    dissimilarity = apart.mean(axis=-1)
    off = sums - 2 * mean[..., None]
    # Powers by multiplication, many times as fast as by exponent.
    off_squared = off * off
    known = entropies[1] > 0
    first = np.divide(entropies[0] - 2 * entropies[1], entropies[1], out=np.zeros_like(variance), where=known)
    second = np.sqrt(np.maximum(1 - np.exp(-2 * (2 * entropies[1] - entropies[0])), 0))
    return [
        squares / count**2,
        contrast,
        np.divide(product, variance, out=np.zeros_like(variance), where=variance > 0),
        variance,
        (1 / (1 + apart**2)).mean(axis=-1),
        2 * mean,
        off_squared.mean(axis=-1),
        np.log(half) - of_sums / half,
        entropies[0],
        ((apart - dissimilarity[..., None]) ** 2).mean(axis=-1),
        np.log(half) - of_differences / half,
        first,
        second,
        np.zeros_like(variance),
        dissimilarity,
        contrast,
        (off_squared * off).mean(axis=-1),
        (off_squared * off_squared).mean(axis=-1),
    ]
