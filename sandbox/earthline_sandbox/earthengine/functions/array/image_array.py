"""Array pixels: made from bands, indexed, and taken apart again."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.arrays import arrays
from earthline_sandbox.earthengine.functions.image.math.bandwise import computed, pairs
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.cells import Operation, Piece, by_key, per_pixel
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

LENGTH = PixelType("int", 0, 2**31 - 1)


def with_axes(kind: PixelType, dimensions: int) -> PixelType:
    """The same type of elements in arrays of other dimensions."""
    return PixelType(kind.precision, kind.minimum, kind.maximum, dimensions)


def array_type(name: str, band: Band, *, least: int = 1) -> PixelType:
    """The type of an array band; raises ApiError where its pixels have too few dimensions."""
    kind = band.pixel_type
    if kind.dimensions < least:
        raise invalid(
            f"{name}: The pixels of band '{band.name}' must be arrays of at least {least} dimensions, got "
            f"{kind.dimensions}; toArray makes arrays."
        )
    return kind


def changed(name: str, band: Band, kind: PixelType, operation: Operation, *, precise: bool = False) -> Band:
    """One band of one: an operation on the array of each pixel."""
    return band.derived(
        lambda grid: per_pixel(name, kind, operation, [band.fetch(grid, ragged=True)], precise=precise), kind
    )


def paired(
    name: str,
    image1: Image,
    image2: Image,
    rule: Callable[[PixelType, PixelType], PixelType],
    operation: Operation,
    *,
    precise: bool = False,
) -> Image:
    """The bands of two images matched as arithmetic matches them: an operation on the arrays of each pixel."""

    def combination(out: str, left: Band, right: Band) -> Band:
        kind = rule(left.pixel_type, right.pixel_type)

        def source(grid: Grid) -> Pixels:
            return per_pixel(
                name, kind, operation, [left.fetch(grid, ragged=True), right.fetch(grid, ragged=True)], precise=precise
            )

        base = right if left.constant and not right.constant else left
        return Band(out, kind, base.projection, source, base.size, base.origin, left.constant and right.constant)

    return computed(image1, [combination(*match) for match in pairs(name, image1, image2)], image2)


def matched(name: str, argument: str, image: Image, other: Image) -> list[Band]:
    """The bands of a helping image, one for each band of an image."""
    if len(other.bands) not in (1, len(image.bands)):
        raise invalid(
            f"{name}: '{argument}' must have one band or as many as the image ({len(image.bands)}), "
            f"got {len(other.bands)}."
        )
    return list(other.bands) * len(image.bands) if len(other.bands) == 1 else list(other.bands)


def scalar(name: str, argument: str, band: Band) -> Band:
    """The band, proven to hold numbers."""
    if band.pixel_type.dimensions:
        raise invalid(f"{name}: '{argument}' must hold numbers, but its band '{band.name}' holds arrays.")
    return band


def union_of(bands: Sequence[Band]) -> PixelType:
    """The narrowest type that holds the values of several bands."""
    kind = bands[0].pixel_type
    for band in bands[1:]:
        kind = kind.union(band.pixel_type)
    return kind


@function("Image.toArray")
def to_array(image: Image, axis: int) -> Image:
    """All bands of a pixel in one array; masked where one of them is."""
    if not image.bands:
        raise invalid("Image.toArray: The image has no bands.")
    bands, kind = image.bands, union_of(image.bands)
    rank = kind.dimensions
    if any(band.pixel_type.dimensions != rank for band in bands):
        raise invalid("Image.toArray: Bands must have scalar pixels, or array pixels of equal dimensions.")
    if not 0 <= axis <= rank:
        raise invalid(f"Image.toArray: Axis {axis} is out of range for pixels of {rank} dimensions.")
    kind = with_axes(kind, max(rank, axis + 1))

    def joined(*batches: Array) -> Array:
        return arrays.concatenated([kind.converted(batch) for batch in batches], axis)

    def source(grid: Grid) -> Pixels:
        return per_pixel("Image.toArray", kind, joined, [band.fetch(grid, ragged=True) for band in bands])

    base = next((band for band in bands if not band.constant), bands[0])
    return image.with_bands([base.derived(source, kind, "array")])


@function("Image.arrayGet")
def array_get(image: Image, position: Image) -> Image:
    """The element of an array pixel at a position given per axis."""
    places = [scalar("Image.arrayGet", "position", band) for band in position.bands]

    def picked(batch: Array, *coordinates: Array) -> Array:
        for axis, coordinate in enumerate(coordinates):
            beyond = (coordinate < 0) | (coordinate >= batch.shape[axis + 1])
            if bool(beyond.any()):
                raise invalid(
                    f"Position {int(coordinate[beyond][0])} is out of bounds on axis {axis}, which has length "
                    f"{batch.shape[axis + 1]}."
                )
        return np.asarray(batch[(np.arange(len(batch)), *(c.astype(np.intp) for c in coordinates))])

    def element(band: Band) -> Band:
        rank = band.pixel_type.dimensions
        if len(places) != rank:
            raise invalid(f"Image.arrayGet: the position has {len(places)} bands, but the arrays {rank} dimensions.")
        kind = with_axes(band.pixel_type, 0)

        def source(grid: Grid) -> Pixels:
            return per_pixel(
                "Image.arrayGet", kind, picked, [part.fetch(grid, ragged=True) for part in (band, *places)]
            )

        return band.derived(source, kind)

    return image.with_bands(element(band) for band in image.bands)


@function("Image.arrayFlatten")
def array_flatten(image: Image, coordinate_labels: list[list[str]], separator: str) -> Image:
    """One band for each element of an array pixel, named by its labels along the axes."""
    if len(image.bands) != 1:
        raise invalid(f"Image.arrayFlatten: a single-band image is needed, got {len(image.bands)} bands.")
    band = image.bands[0]
    rank = band.pixel_type.dimensions
    if len(coordinate_labels) != rank:
        raise invalid(
            f"Image.arrayFlatten: {len(coordinate_labels)} lists of labels were given for arrays of {rank} dimensions."
        )
    shape = tuple(len(labels) for labels in coordinate_labels)
    kind = with_axes(band.pixel_type, 0)

    def element(index: tuple[int, ...]) -> Band:
        def source(grid: Grid) -> Pixels:
            pixels = band.fetch(grid, ragged=True)
            if not bool((pixels.mask > 0).any()):
                return Pixels(np.zeros(grid.shape, kind.dtype), pixels.mask)
            if pixels.values.dtype == object:
                raise invalid("Image.arrayFlatten: The arrays of all pixels must have the same lengths.")
            if pixels.values.shape[2:] != shape:
                raise invalid(
                    f"Image.arrayFlatten: the labels describe arrays of shape {list(shape)}, "
                    f"the pixels have {list(pixels.values.shape[2:])}."
                )
            everywhere: tuple[Any, ...] = (slice(None), slice(None), *index)
            return Pixels(kind.converted(pixels.values[everywhere]), pixels.mask)

        names = [labels[place] for labels, place in zip(coordinate_labels, index, strict=True)]
        return band.derived(source, kind, separator.join(names))

    return image.with_bands(element(index) for index in np.ndindex(*shape))


@function("Image.arrayProject")
def array_project(input: Image, axes: list[int]) -> Image:
    """Drops axes of at most length 1 and orders the others."""

    def projected(batch: Array) -> Array | list[Piece]:
        result = arrays.projected(batch, axes)
        if all(length for axis, length in enumerate(arrays.lengths(batch)) if axis not in axes):
            return result
        # There is nothing left of these arrays.
        return [Piece(np.arange(len(batch)), result, np.zeros(len(batch), bool))]

    def of(band: Band) -> Band:
        own = band.pixel_type
        if any(not 0 <= axis < own.dimensions for axis in axes):
            raise invalid(f"Image.arrayProject: arrays of {own.dimensions} dimensions do not have all axes of {axes}.")
        return changed("Image.arrayProject", band, with_axes(own, len(axes)), projected)

    return input.with_bands(of(band) for band in input.bands)


@function("Image.arrayArgmax")
def array_argmax(image: Image) -> Image:
    """The position of the greatest element, one value per axis."""

    def found(batch: Array) -> Array | list[Piece]:
        count, shape = len(batch), batch.shape[1:]
        if not batch.size:
            return [Piece(np.arange(count), np.zeros((count, len(shape))), np.zeros(count, bool))]
        flat = batch.reshape((count, -1)).argmax(axis=-1)
        return np.stack(np.unravel_index(flat, shape), axis=-1)

    return image.with_bands(
        changed("Image.arrayArgmax", band, with_axes(LENGTH, 1), found)
        for band in image.bands
        if array_type("Image.arrayArgmax", band)
    )


@function("Image.arrayDimensions")
def array_dimensions(input: Image) -> Image:
    """The number of axes of the pixels; 0 for numbers."""

    def of(band: Band) -> Band:
        kind = PixelType("int", band.pixel_type.dimensions, band.pixel_type.dimensions)

        def source(grid: Grid) -> Pixels:
            return Pixels(
                np.full(grid.shape, band.pixel_type.dimensions, kind.dtype), band.fetch(grid, ragged=True).mask
            )

        return band.derived(source, kind)

    return input.with_bands(of(band) for band in input.bands)


@function("Image.arrayLength")
def array_length(input: Image, axis: int) -> Image:
    """The length of one axis."""

    def of(band: Band) -> Band:
        arrays.checked_axis(axis, band.pixel_type.dimensions)
        return changed(
            "Image.arrayLength", band, LENGTH, lambda batch: np.full(len(batch), batch.shape[axis + 1], "int32")
        )

    return input.with_bands(of(band) for band in input.bands)


@function("Image.arrayLengths")
def array_lengths(input: Image) -> Image:
    """The lengths of all axes, as a one-dimensional array."""

    def of(batch: Array) -> Array:
        return np.broadcast_to(np.array(batch.shape[1:], "int32"), (len(batch), batch.ndim - 1))

    return input.with_bands(changed("Image.arrayLengths", band, with_axes(LENGTH, 1), of) for band in input.bands)


@function("Image.bitsToArrayImage")
def bits_to_array_image(input: Image) -> Image:
    """The bits of whole numbers, the lowest first, up to the highest that is set."""

    def of(batch: Array) -> list[Piece]:
        return [
            Piece(
                places, np.broadcast_to(np.array(arrays.bits(number), "uint8"), (len(places), len(arrays.bits(number))))
            )
            for places, (number,) in by_key(batch)
        ]

    for band in input.bands:
        scalar("Image.bitsToArrayImage", "input", band)
        if band.pixel_type.precision != "int":
            raise invalid(f"Image.bitsToArrayImage: Band '{band.name}' must hold integers.")
    return input.with_bands(
        changed("Image.bitsToArrayImage", band, PixelType("int", 0, 1, 1), of) for band in input.bands
    )
