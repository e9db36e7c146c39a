"""Image collections as array pixels."""

from collections.abc import Sequence

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.arrays import arrays
from earthline_sandbox.earthengine.functions.array.image_array import union_of, with_axes
from earthline_sandbox.earthengine.functions.image.composite import composite_footprint, stacks
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.cells import Piece, by_key, per_pixel
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, combined
from earthline_sandbox.earthengine.values.values import Collection, Image
from earthline_sandbox.errors import invalid


def _packed(name: str, kind: PixelType, values: Array, valid: Array) -> Pixels:
    """Arrays of the valid entries of every pixel.

    Args:
        name: The server function, for messages.
        kind: Type of the arrays, which have the axes of `values` after the first two.
        values: Shape `(height, width, entries, …)`.
        valid: Shape `(height, width, entries)`.
    """

    def pack(batch: Array, kept: Array) -> list[Piece]:
        # What is kept comes first, in its order; then pixels that keep as many entries are alike.
        order = np.argsort(~kept, axis=1, kind="stable")
        packed = np.take_along_axis(batch, order.reshape(order.shape + (1,) * (batch.ndim - 2)), 1)
        return [Piece(places, packed[places][:, :count]) for places, (count,) in by_key(kept.sum(axis=1))]

    mask = np.asarray(valid.any(axis=2))
    return per_pixel(name, kind, pack, [Pixels(values, mask), Pixels(valid, mask)], mask)


@function("ImageCollection.toArray")
def to_array(collection: Collection) -> Image:
    """A matrix per pixel: its images along axis 0, their bands along axis 1; images with a masked band are left out."""
    name = "ImageCollection.toArray"
    images, bands = stacks(name, collection)
    if not bands:
        raise invalid(f"{name}: The collection has no bands.")
    columns = list(bands.values())
    if len({len(stack) for stack in columns}) > 1:
        raise invalid(f"{name}: every image must have the same bands.")
    kind = union_of([band for stack in columns for band in stack])
    if kind.dimensions:
        raise invalid(f"{name}: Bands must have scalar values, not array values.")
    kind = with_axes(kind, 2)

    def source(grid: Grid) -> Pixels:
        fetched = [[band.fetch(grid) for band in stack] for stack in columns]
        computation.expect(grid.size * len(images) * len(columns) * kind.dtype.itemsize)
        valid = np.stack([combined(*(stack[i].mask for stack in fetched)) > 0 for i in range(len(images))], axis=-1)
        values = np.stack([np.stack([kind.converted(p.values) for p in stack], axis=-1) for stack in fetched], axis=-1)
        return _packed(name, kind, values, valid)

    return Image(bands=(Band("array", kind, Projection(), source),), footprint=composite_footprint(images))


@function("ImageCollection.toArrayPerBand")
def to_array_per_band(collection: Collection, axis: int, drop_masked: bool) -> Image:
    """The images' arrays one after the other along an axis, band by band.

    Without `drop_masked` the result is masked where an image is; with it such images are left out there.
    """
    name = "ImageCollection.toArrayPerBand"
    images, bands = stacks(name, collection)

    def joined(out: str, stack: Sequence[Band]) -> Band:
        union = union_of(stack)
        if any(band.pixel_type.dimensions != union.dimensions for band in stack):
            raise invalid(f"{name}: Band '{out}' must have the same number of dimensions in all images.")
        arrays.checked_axis(axis, union.dimensions, new=True)
        kind = with_axes(union, max(union.dimensions, axis + 1))

        def whole(*batches: Array) -> Array:
            return arrays.concatenated([kind.converted(batch) for batch in batches], axis)

        def source(grid: Grid) -> Pixels:
            fetched = [band.fetch(grid, ragged=True) for band in stack]
            if not drop_masked:
                return per_pixel(name, kind, whole, fetched)
            return _without_masked(name, kind, fetched, axis)

        return Band(out, kind, Projection(), source)

    return Image(bands=tuple(joined(out, stack) for out, stack in bands.items()), footprint=composite_footprint(images))


def _without_masked(name: str, kind: PixelType, fetched: Sequence[Pixels], axis: int) -> Pixels:
    """The arrays of the images that are valid at a pixel, one after the other."""
    valid = np.stack([pixels.mask > 0 for pixels in fetched], axis=-1)
    greatest = fetched[0].mask
    for pixels in fetched[1:]:
        greatest = np.maximum(greatest, pixels.mask)
    everywhere = np.broadcast_to(np.True_, greatest.shape)
    filled = [Pixels(_with_empty(pixels, kind.dimensions), everywhere) for pixels in fetched]

    def joined(kept: Array, *batches: Array) -> list[Piece]:
        return [
            Piece(
                places,
                arrays.concatenated(
                    [kind.converted(batch[places]) for batch, keep in zip(batches, pattern, strict=True) if keep], axis
                ),
            )
            for places, pattern in by_key(kept)
        ]

    return per_pixel(name, kind, joined, [Pixels(valid, everywhere), *filled], greatest)


def _with_empty(pixels: Pixels, dimensions: int) -> Array:
    """The values, with an array in every pixel: an empty one where it is masked."""
    values = pixels.values
    if values.dtype != object:
        return values
    values = values.copy()
    empty = np.zeros((0,) * dimensions)
    for row, column in np.argwhere(~(pixels.mask > 0)).tolist():
        values[row, column] = empty
    return values
