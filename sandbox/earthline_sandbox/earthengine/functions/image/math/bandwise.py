"""Bands of one or two images through an operation: which bands meet, the result's type, mask and projection."""

import numpy as np

from earthline_sandbox.earthengine.arrays import arrays
from earthline_sandbox.earthengine.arrays.operations import BINARY, UNARY, Operation, PairOperation
from earthline_sandbox.earthengine.pixels.cells import per_pixel
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, combined
from earthline_sandbox.earthengine.values.values import INDEX, Image
from earthline_sandbox.errors import invalid


def unary(operation: str, value: Image) -> Image:
    """An operation on every pixel of an image, by its name in `UNARY`."""
    apply, rule = UNARY[operation]
    return computed(value, [mapped(band, rule(band.pixel_type), apply) for band in value.bands])


def binary(operation: str, image1: Image, image2: Image) -> Image:
    """An operation on the pixels of two images, by its name in `BINARY`."""
    apply, rule = BINARY[operation]
    bands = [
        joined(name, left, right, rule(left.pixel_type, right.pixel_type), apply)
        for name, left, right in pairs(None, image1, image2)
    ]
    return computed(image1, bands, image2)


def computed(first: Image, bands: list[Band], second: Image | None = None) -> Image:
    """The result of arithmetic: it keeps the index and the footprint of its inputs, and no other property."""
    footprint = first.footprint
    if footprint is None and second is not None and (not first.bands or first.bands[0].size is None):
        footprint = second.footprint
    kept = {INDEX: first.properties[INDEX]} if INDEX in first.properties else {}
    return Image(bands=tuple(bands), properties=kept, footprint=footprint)


def pairs(name: str | None, first: Image, second: Image) -> list[tuple[str, Band, Band]]:
    """Bands matched as Earth Engine matches them: one against all, by name where names agree, else by position.

    Args:
        name: What an error begins with; None for the name under which Earth Engine's function was called.
        first: The image whose bands give names where both have as many.
        second: The other image.

    Returns:
        The name of each resulting band, and the two bands that it is made of.

    Raises:
        ApiError: INVALID_ARGUMENT where the bands do not match.
    """
    place = f"{name}: " if name else ""
    one, two = first.bands, second.bands
    if (not one) != (not two):
        raise invalid(
            f"{place}If one image has no bands, the other must also have no bands. Got {len(one)} and {len(two)}."
        )
    if len(two) == 1 and len(one) != 1:
        return [(band.name, band, two[0]) for band in one]
    if len(one) == 1 and len(two) != 1:
        return [(band.name, one[0], band) for band in two]
    if len(one) == len(two):
        if set(first.names) == set(second.names):
            return [(band.name, band, second.band(band.name)) for band in one]
        return [(left.name, left, right) for left, right in zip(one, two, strict=True)]
    shared = [band for band in one if band.name in second.names]
    if not shared:
        raise invalid(
            f"{place}The images must have the same number of bands, or one of them a single one, or bands of the "
            f"same name. Got {first.shown_names()} and {second.shown_names()}."
        )
    return [(band.name, band, second.band(band.name)) for band in shared]


def joined(name: str, left: Band, right: Band, pixel_type: PixelType, operation: PairOperation) -> Band:
    """One band of two: its mask is the lesser of theirs, its projection the left one's unless that is a constant."""

    def source(grid: Grid) -> Pixels:
        one, two = left.fetch(grid, ragged=True), right.fetch(grid, ragged=True)
        if pixel_type.dimensions:
            return per_pixel("Image", pixel_type, on_arrays, [one, two])
        first, second = one.values, two.values
        with np.errstate(all="ignore"):
            values = pixel_type.converted(np.asarray(operation(first, second)))
        return Pixels(values, combined(one.mask, two.mask))

    def on_arrays(first: Array, second: Array) -> Array:
        return np.asarray(operation(*arrays.aligned(first, second)))

    base = right if left.constant and not right.constant else left
    return Band(name, pixel_type, base.projection, source, base.size, base.origin, left.constant and right.constant)


def aligned(first: Array, second: Array) -> tuple[Array, Array]:
    """Makes numbers broadcast against array pixels."""
    while first.ndim < second.ndim:
        first = first[..., None]
    while second.ndim < first.ndim:
        second = second[..., None]
    return first, second


def mapped(band: Band, pixel_type: PixelType, operation: Operation) -> Band:
    """One band of one, value by value."""

    def source(grid: Grid) -> Pixels:
        pixels = band.fetch(grid, ragged=True)
        if pixels.values.dtype == object:
            return per_pixel("Image", pixel_type, lambda batch: np.asarray(operation(batch)), [pixels])
        with np.errstate(all="ignore"):
            return Pixels(pixel_type.converted(np.asarray(operation(pixels.values))), pixels.mask)

    return band.derived(source, pixel_type)
