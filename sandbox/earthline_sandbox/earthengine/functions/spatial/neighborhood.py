"""What is computed from the surroundings of a pixel."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.functions.spatial.kernel import weights_of
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, combined
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import Image, Kernel
from earthline_sandbox.errors import invalid

# Neighbours of this many values are stacked at a time.
_STACK = 64_000_000


class Surroundings(NamedTuple):
    """Every pixel's window; views, not copies.

    Attributes:
        values: Shape `(height, width, rows, columns)`.
        mask: The same.
        centre: `(row, column)` of the pixel itself in its window.
    """

    values: Array
    mask: Array
    centre: tuple[int, int]

    @property
    def own(self) -> Array:
        """The mask of the pixels themselves, shape `(height, width)`."""
        return np.ascontiguousarray(self.mask[:, :, *self.centre])

    def rows(self, start: int, stop: int) -> "Surroundings":
        """Those of some rows of pixels."""
        return Surroundings(self.values[start:stop], self.mask[start:stop], self.centre)


def surroundings(band: Band, grid: Grid, weights: Array, centre: tuple[int, int]) -> Surroundings:
    """The window of every pixel of a grid, from one fetch: each more would double what stacked functions compute."""
    rows, columns = weights.shape
    padded = grid.padded(centre[0], centre[1], rows - 1 - centre[0], columns - 1 - centre[1])
    pixels = band.fetch(padded)
    if pixels.values.ndim > 2:
        raise invalid("array pixels have no neighbourhoods; use arrayGet or arrayFlatten first.")
    view = np.lib.stride_tricks.sliding_window_view
    return Surroundings(view(pixels.values, weights.shape), view(pixels.mask, weights.shape), centre)


@function("Image.neighborhoodToArray")
def neighborhood_to_array(image: Image, kernel: Kernel, default_value: float) -> Image:
    """Every pixel's window as a two-dimensional array; masked neighbours become the default, in the band's range."""

    def windowed(band: Band) -> Band:
        own = band.pixel_type
        kind = PixelType(own.precision, own.minimum, own.maximum, 2)
        held = np.clip(default_value, own.minimum, own.maximum)

        def source(grid: Grid) -> Pixels:
            around = surroundings(band, grid, *kernel.resolved(grid))
            fill = kind.converted(np.asarray(held, "float64"))
            filled = np.where(around.mask > 0, around.values, fill).astype(kind.dtype, copy=False)
            return Pixels(filled, around.own)

        return band.derived(source, kind)

    return image.with_bands(windowed(band) for band in image.bands)


@function("Image.neighborhoodToBands")
def neighborhood_to_bands(image: Image, kernel: Kernel) -> Image:
    """One band per neighbour, named `band_x_y` by its offset."""
    weights, centre = weights_of(kernel)
    made = []
    for band in image.bands:
        for row, column in np.argwhere(weights != 0).tolist():
            name = f"{band.name}_{column - centre[1]}_{row - centre[0]}"
            made.append(band.derived(_neighbour(band, weights, centre, row, column), name=name))
    return image.with_bands(made)


def _neighbour(band: Band, weights: Array, centre: tuple[int, int], row: int, column: int) -> Callable[[Grid], Pixels]:
    def source(grid: Grid) -> Pixels:
        # All neighbours ask for the same window, which is then fetched once.
        around = surroundings(band, grid, weights, centre)
        return Pixels(around.values[:, :, row, column], around.mask[:, :, row, column])

    return source


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
            made.extend(reduced([band], reducer, kernel, names, input_weight, skip_masked))
        return image.with_bands(made)
    if reducer.inputs != len(image.bands):
        raise invalid(f"Image.reduceNeighborhood: Need {reducer.inputs} bands for the reducer, got {len(image.bands)}.")
    return image.with_bands(reduced(image.bands, reducer, kernel, reducer.outputs, input_weight, skip_masked))


def reduced(
    bands: Sequence[Band],
    reducer: Reducer,
    kernel: Kernel,
    names: Sequence[str],
    input_weight: str,
    skip_masked: bool,
) -> list[Band]:
    """The outputs of a reducer over the windows of every pixel; its inputs are the bands.

    Args:
        bands: As many as the reducer has inputs.
        reducer: What reduces each window.
        kernel: The window.
        names: Of the resulting bands, as many as the reducer has outputs.
        input_weight: `kernel`, `mask` or `min`: which weights count.
        skip_masked: Whether pixels that are masked themselves stay so.
    """
    types = reducer.types([band.pixel_type for band in bands])

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        weights, centre = kernel.resolved(grid)
        used = np.argwhere(weights != 0)
        if not len(used):
            return [(np.zeros(grid.shape), np.zeros(grid.shape, dtype=bool)) for _ in names]
        around = [surroundings(band, grid, weights, centre) for band in bands]
        factors = weights[tuple(used.T)][:, None, None]
        rows = max(1, _STACK // (len(used) * grid.shape[1]))
        parts = []
        for row in range(0, grid.shape[0], rows):
            computation.check()
            parts.append(strip([part.rows(row, row + rows) for part in around], used, factors))
        return [
            (np.concatenate([part[i][0] for part in parts]), np.concatenate([part[i][1] for part in parts]))
            for i in range(len(names))
        ]

    def strip(around: Sequence[Surroundings], used: Array, factors: Array) -> list[tuple[Array, Array]]:
        stacks = [np.stack([part.values[:, :, r, c] for r, c in used]) for part in around]
        share = combined(*(np.stack([part.mask[:, :, r, c] for r, c in used]) for part in around))
        if input_weight == "kernel":
            held = np.where(share > 0, factors, 0)
        else:
            held = share if input_weight == "mask" else np.minimum(share, factors)
        with np.errstate(all="ignore"):
            results = reducer.reduce_stack(stacks, held)
        if not skip_masked:
            return results
        own = combined(*(part.own for part in around)) > 0
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
            around = surroundings(band, grid, weights, centre)
            total = np.zeros(grid.shape)
            for row, column in np.argwhere(weights != 0).tolist():
                valid = around.mask[:, :, row, column] > 0
                total += np.where(valid, around.values[:, :, row, column], 0) * weights[row, column]
            return Pixels(kind.converted(total), around.own)

        return band.derived(source, kind)

    return image.with_bands(summed(band) for band in image.bands)
