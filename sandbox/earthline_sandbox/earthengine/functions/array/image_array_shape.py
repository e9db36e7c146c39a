"""Array pixels in another form: sliced, joined, padded, repeated, reshaped, sorted and masked."""

import numpy as np

from earthline_sandbox.earthengine.arrays import arrays
from earthline_sandbox.earthengine.functions.array.image_array import (
    array_type,
    changed,
    matched,
    paired,
    scalar,
    with_axes,
)
from earthline_sandbox.earthengine.language.coerce import constant_type
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.cells import Piece, by_key, per_pixel
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

# No position of an array: what a masked start or end of a slice counts as.
_NOWHERE = 2**62


@function("Image.arraySlice")
def array_slice(input: Image, axis: int, start: Image | None, end: Image | None, step: int) -> Image:
    """Positions along an axis, from `start` until before `end`, which may differ from pixel to pixel."""
    name = "Image.arraySlice"
    if step < 1:
        raise invalid(f"{name}: 'step' must be positive, got {step}.")
    count = len(input.bands)
    starts = [None] * count if start is None else matched(name, "start", input, start)
    ends = [None] * count if end is None else matched(name, "end", input, end)

    def cut(batch: Array, first: Array, last: Array) -> list[Piece]:
        return [
            Piece(places, arrays.sliced(batch[places], axis, low, None if high == _NOWHERE else high, step))
            for places, (low, high) in by_key(first, last)
        ]

    def of(band: Band, first: Band | None, last: Band | None) -> Band:
        kind = array_type(name, band)
        arrays.checked_axis(axis, kind.dimensions)

        def source(grid: Grid) -> Pixels:
            pixels = band.fetch(grid, ragged=True)
            bounds = [_bound(first, grid, 0), _bound(last, grid, _NOWHERE)]
            return per_pixel(name, kind, cut, [pixels, *bounds], pixels.mask)

        return band.derived(source, kind)

    for argument, bands in (("start", starts), ("end", ends)):
        for band in bands:
            if band is not None:
                scalar(name, argument, band)
    return input.with_bands(of(*group) for group in zip(input.bands, starts, ends, strict=True))


def _bound(band: Band | None, grid: Grid, default: int) -> Pixels:
    """Positions given per pixel, and the default where none are."""
    everywhere = np.broadcast_to(np.True_, grid.shape)
    if band is None:
        return Pixels(np.broadcast_to(np.int64(default), grid.shape), everywhere)
    pixels = band.fetch(grid)
    return Pixels(np.where(pixels.mask > 0, pixels.values.astype("int64"), default), everywhere)


@function("Image.arrayCat")
def array_cat(image1: Image, image2: Image, axis: int) -> Image:
    """The arrays of two images one after the other along an axis, which may be a new one."""

    def rule(one: PixelType, two: PixelType) -> PixelType:
        if one.dimensions != two.dimensions:
            raise invalid(
                f"Image.arrayCat: Both arrays must have the same number of dimensions, got {one.dimensions} and "
                f"{two.dimensions}."
            )
        union = one.union(two)
        arrays.checked_axis(axis, union.dimensions, new=True)
        return with_axes(union, max(union.dimensions, axis + 1))

    def joined(left: Array, right: Array) -> Array:
        kind = np.result_type(left, right)
        return arrays.concatenated([left.astype(kind), right.astype(kind)], axis)

    return paired("Image.arrayCat", image1, image2, rule, joined)


@function("Image.arrayPad")
def array_pad(image: Image, lengths: list[int], pad: float) -> Image:
    """Arrays at least so long along every axis, filled up with a number."""

    def of(band: Band) -> Band:
        kind = array_type("Image.arrayPad", band).union(constant_type(pad))
        return changed(
            "Image.arrayPad", band, kind, lambda batch: arrays.padded(batch.astype(kind.dtype), lengths, pad)
        )

    return image.with_bands(of(band) for band in image.bands)


@function("Image.arrayRepeat")
def array_repeat(input: Image, axis: int, copies: Image) -> Image:
    """So many copies of each array along an axis, which may be a new one."""
    name = "Image.arrayRepeat"

    def repeated(batch: Array, times: Array) -> list[Piece]:
        return [Piece(places, arrays.repeated(batch[places], axis, count)) for places, (count,) in by_key(times)]

    def of(band: Band, times: Band) -> Band:
        rank = band.pixel_type.dimensions
        arrays.checked_axis(axis, rank, new=True)
        kind = with_axes(band.pixel_type, max(rank, axis + 1))
        return band.derived(
            lambda grid: per_pixel(
                name,
                kind,
                repeated,
                [band.fetch(grid, ragged=True), scalar(name, "copies", times).fetch(grid, ragged=True)],
            ),
            kind,
        )

    return input.with_bands(of(*pair) for pair in zip(input.bands, matched(name, "copies", input, copies), strict=True))


@function("Image.arrayReshape")
def array_reshape(image: Image, lengths: Image, dimensions: int) -> Image:
    """The same elements in axes of other lengths, given as a one-dimensional array per pixel."""
    name = "Image.arrayReshape"
    if len(lengths.bands) != 1 or lengths.bands[0].pixel_type.dimensions != 1:
        raise invalid(f"{name}: 'lengths' must have a single band of 1-dimensional arrays.")
    if not 1 <= dimensions <= 10:
        raise invalid(f"{name}: 'dimensions' must be between 1 and 10, got {dimensions}.")

    def reshaped(batch: Array, shapes: Array) -> list[Piece]:
        if shapes.shape[1] != dimensions:
            raise invalid(f"{shapes.shape[1]} lengths were given for {dimensions} dimensions.")
        return [Piece(places, arrays.reshaped(batch[places], shape)) for places, shape in by_key(shapes)]

    def of(band: Band) -> Band:
        kind = with_axes(band.pixel_type, dimensions)
        return band.derived(
            lambda grid: per_pixel(
                name, kind, reshaped, [band.fetch(grid, ragged=True), lengths.bands[0].fetch(grid, ragged=True)]
            ),
            kind,
        )

    return image.with_bands(of(band) for band in image.bands)


@function("Image.arrayTranspose", "Image.matrixTranspose")
def array_transpose(input: Image, axis1: int, axis2: int) -> Image:
    """Two axes swapped."""

    def of(band: Band) -> Band:
        kind = array_type("Image.arrayTranspose", band)
        for axis in (axis1, axis2):
            arrays.checked_axis(axis, kind.dimensions)
        return changed("Image.arrayTranspose", band, kind, lambda batch: arrays.transposed(batch, axis1, axis2))

    return input.with_bands(of(band) for band in input.bands)


@function("Image.arraySort")
def array_sort(image: Image, keys: Image | None) -> Image:
    """Positions along one axis in the order of their keys, which are the values where none are given."""
    name = "Image.arraySort"
    chosen = list(image.bands) if keys is None else matched(name, "keys", image, keys)

    def of(band: Band, key: Band) -> Band:
        kind = array_type(name, band)
        array_type(name, key)
        return band.derived(
            lambda grid: per_pixel(
                name, kind, arrays.ordered, [band.fetch(grid, ragged=True), key.fetch(grid, ragged=True)]
            ),
            kind,
        )

    return image.with_bands(of(*pair) for pair in zip(image.bands, chosen, strict=True))


@function("Image.arrayMask")
def array_mask(input: Image, mask: Image) -> Image:
    """The positions along one axis where the mask is not 0."""
    name = "Image.arrayMask"

    def masked(batch: Array, parallel: Array) -> list[Piece]:
        axis = arrays.masking_axis(batch, parallel)
        kept = parallel.reshape((len(parallel), -1)) != 0
        # What is kept comes first, in its order; then pixels that keep as many positions are alike.
        order = np.argsort(~kept, axis=1, kind="stable")
        order = order.reshape([len(order), *(order.shape[1] if i == axis else 1 for i in range(batch.ndim - 1))])
        packed = np.take_along_axis(batch, order, axis + 1)
        return [
            Piece(places, arrays.sliced(packed[places], axis, 0, count, 1))
            for places, (count,) in by_key(kept.sum(axis=1))
        ]

    def of(band: Band, parallel: Band) -> Band:
        kind = array_type(name, band)
        array_type(name, parallel)
        return band.derived(
            lambda grid: per_pixel(
                name, kind, masked, [band.fetch(grid, ragged=True), parallel.fetch(grid, ragged=True)]
            ),
            kind,
        )

    return input.with_bands(of(*pair) for pair in zip(input.bands, matched(name, "mask", input, mask), strict=True))
