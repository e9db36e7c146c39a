"""How well two images lie upon each other.

https://developers.google.com/earth-engine/apidocs/ee-algorithms-crosscorrelation
"""

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.functions.image.lattice import numbers
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, PixelType
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

_LARGEST_GAP = 64
_LARGEST_WINDOW = 255
_NAMES = ("deltaX", "deltaY", "distance", "correlation")


@function("CrossCorrelation")
def cross_correlation(image_a: Image, image_b: Image, max_gap: int, window_size: int, max_masked_frac: float) -> Image:
    """The shift, in pixels, at which the window of the second image is most like the first's, and how like it is."""
    name = "CrossCorrelation"
    if not image_a.bands or len(image_a.bands) != len(image_b.bands):
        raise invalid(f"{name}: The images must have the same number of bands, at least one.")
    if not 0 <= max_gap <= _LARGEST_GAP or not 1 <= window_size <= _LARGEST_WINDOW:
        raise invalid(f"{name}: maxGap must be at most {_LARGEST_GAP}, and windowSize between 1 and {_LARGEST_WINDOW}.")

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        x, y, score, known = shifts(name, image_a, image_b, grid, max_gap, window_size, max_masked_frac)
        return [(np.where(known, part, 0), known) for part in (x, y, np.hypot(x, y), score)]

    shared = Shared(whole)
    kinds = (DOUBLE, DOUBLE, DOUBLE, PixelType("double", -1, 1))
    return image_a.with_bands(
        image_a.bands[0].derived(output_source(shared, place, kind), kind, output)
        for place, (output, kind) in enumerate(zip(_NAMES, kinds, strict=True))
    )


def shifts(
    name: str, image_a: Image, image_b: Image, grid: Grid, max_gap: int, window_size: int, allowed: float
) -> tuple[Array, Array, Array, Array]:
    """Where the window around a pixel of one image has its like in another.

    Args:
        name: Function, for messages.
        image_a: Whose pixels are looked for.
        image_b: Where they are looked for; as many bands.
        grid: Pixels wanted.
        max_gap: Farthest shift along each axis, in pixels.
        window_size: Side of the windows compared, in pixels.
        allowed: Share of a window that may be masked.

    Returns:
        (columns to the right, rows down, correlation, whether there is one), each of the grid's shape.
    """
    before = window_size // 2
    after = window_size - 1 - before

    def read(image: Image, around: Grid) -> tuple[Array, Array]:
        pixels = [numbers(name, band, around) for band in image.bands]
        valid = np.logical_and.reduce([part.mask > 0 for part in pixels])
        return np.stack([np.where(valid, part.values.astype("float64"), 0) for part in pixels]), valid

    first, known = read(image_a, grid.padded(before, before, after, after))
    wide = (before + max_gap, before + max_gap, after + max_gap, after + max_gap)
    second, seen = read(image_b, grid.padded(*wide))
    height, width = known.shape
    right, down = np.zeros(grid.shape), np.zeros(grid.shape)
    best = np.full(grid.shape, -np.inf)
    # From the middle outwards, so that of equals the least shift is kept.
    offsets = [(y, x) for y in range(-max_gap, max_gap + 1) for x in range(-max_gap, max_gap + 1)]
    for y, x in sorted(offsets, key=lambda offset: (offset[0] ** 2 + offset[1] ** 2, offset)):
        computation.check()
        block = np.s_[max_gap + y : max_gap + y + height, max_gap + x : max_gap + x + width]
        with np.errstate(all="ignore"):
            score = _correlation(first, second[:, *block], known & seen[block], window_size, allowed)
        better = score > best
        right[better], down[better], best[better] = x, y, score[better]
    return right, down, best, np.isfinite(best) & known[before : height - after, before : width - after]


def _correlation(first: Array, second: Array, valid: Array, size: int, allowed: float) -> Array:
    """The correlation over every window, all bands together; minus infinity where too much is masked or all is flat."""
    one, two = np.where(valid, first, 0), np.where(valid, second, 0)
    counts = _windows(valid[None].astype("float64"), size)
    number = counts * len(first)
    sums = [_windows(part, size) for part in (one, two, one * one, two * two, one * two)]
    safe = np.maximum(number, 1)
    joint = sums[4] - sums[0] * sums[1] / safe
    spreads = (sums[2] - sums[0] ** 2 / safe) * (sums[3] - sums[1] ** 2 / safe)
    enough = (counts >= size * size * (1 - allowed) - 1e-9) & (counts > 0) & (spreads > 1e-12 * safe)
    score = np.divide(joint, np.sqrt(np.maximum(spreads, 0)), out=np.full_like(joint, -np.inf), where=enough)
    return np.asarray(np.minimum(score, 1))


def _windows(values: Array, size: int) -> Array:
    """Sums over all bands and every window of that side; added up one by one, as running sums depend on the tile."""
    total = values.sum(axis=0)
    height, width = total.shape[0] - size + 1, total.shape[1] - size + 1
    rows = np.zeros((height, total.shape[1]))
    for offset in range(size):
        rows += total[offset : offset + height]
    result = np.zeros((height, width))
    for offset in range(size):
        result += rows[:, offset : offset + width]
    return result
