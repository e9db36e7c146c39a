"""Array pixels folded along their axes."""

import numpy as np

from earthline_sandbox.earthengine.arrays import arrays
from earthline_sandbox.earthengine.functions.array.image_array import array_type, changed, paired
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.cells import Piece
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, PixelType
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid


def _piece(values: Array, present: Array) -> list[Piece]:
    """All arrays; those with an element that has no value are masked."""
    return [Piece(np.arange(len(values)), values, np.asarray(present.reshape((len(present), -1)).all(axis=1)))]


@function("Image.arrayReduce")
def array_reduce(input: Image, reducer: Reducer, axes: list[int], field_axis: int | None) -> Image:
    """A reducer along some axes, which then have length 1."""

    def of(band: Band) -> Band:
        own = array_type("Image.arrayReduce", band)
        for axis in axes if field_axis is None else [*axes, field_axis]:
            arrays.checked_axis(axis, own.dimensions)
        kind = arrays.reduced_type(reducer, own, "Image.arrayReduce")
        return changed(
            "Image.arrayReduce", band, kind, lambda batch: _piece(*arrays.reduced(batch, reducer, axes, field_axis))
        )

    return input.with_bands(of(band) for band in input.bands)


@function("Image.arrayAccum")
def array_accum(input: Image, axis: int, reducer: Reducer | None) -> Image:
    """Each element is the reduction of those up to it along an axis; the sum by default."""

    def of(band: Band) -> Band:
        own = array_type("Image.arrayAccum", band)
        arrays.checked_axis(axis, own.dimensions)
        kind = (
            PixelType(own.precision, None, None, own.dimensions)
            if reducer is None
            else arrays.reduced_type(reducer, own, "Image.arrayAccum")
        )
        return changed("Image.arrayAccum", band, kind, lambda batch: _piece(*arrays.accumulated(batch, axis, reducer)))

    return input.with_bands(of(band) for band in input.bands)


@function("Image.arrayDotProduct")
def array_dot_product(image1: Image, image2: Image) -> Image:
    """The sum of products of two vectors per pixel."""

    def rule(one: PixelType, two: PixelType) -> PixelType:
        if one.dimensions != 1 or two.dimensions != 1:
            raise invalid(
                f"Image.arrayDotProduct: Both arrays must have 1 dimension, got {one.dimensions} and {two.dimensions}."
            )
        return PixelType(one.union(two).precision)

    return paired("Image.arrayDotProduct", image1, image2, rule, arrays.dot_product)
