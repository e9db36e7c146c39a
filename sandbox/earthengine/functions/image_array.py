"""Array pixels: made from bands, indexed, and taken apart again."""

from typing import Any

import numpy as np

from sandbox.earthengine.grid import Grid
from sandbox.earthengine.pixels import Band, Pixels, PixelType, combined
from sandbox.earthengine.registry import function
from sandbox.earthengine.values import Image
from sandbox.errors import invalid


@function("Image.toArray")
def to_array(image: Image, axis: int) -> Image:
    """All bands of a pixel in one array; masked where one of them is."""
    if not image.bands:
        raise invalid("Image.toArray: The image has no bands.")
    kind = image.bands[0].pixel_type
    for band in image.bands[1:]:
        kind = kind.union(band.pixel_type)
    rank = kind.dimensions
    if not 0 <= axis <= rank:
        raise invalid(f"Image.toArray: Axis {axis} is out of range for pixels of {rank} dimensions.")
    bands = image.bands
    joined_type = PixelType(kind.precision, kind.minimum, kind.maximum, max(rank, 1) if axis < rank else rank + 1)

    def source(grid: Grid) -> Pixels:
        parts = [band.fetch(grid) for band in bands]
        values = [joined_type.converted(part.values) for part in parts]
        joined = np.concatenate(values, 2 + axis) if axis < rank else np.stack(values, 2 + axis)
        return Pixels(joined, combined(*(part.mask for part in parts)))

    return image.with_bands([bands[0].derived(source, joined_type, "array")])


@function("Image.arrayGet")
def array_get(image: Image, position: Image) -> Image:
    """The element of an array pixel at a position given per axis."""
    places = list(position.bands)

    def picked(band: Band) -> Band:
        rank = band.pixel_type.dimensions
        if len(places) != rank:
            raise invalid(f"Image.arrayGet: the position has {len(places)} bands, but the arrays {rank} dimensions.")
        kind = PixelType(band.pixel_type.precision, band.pixel_type.minimum, band.pixel_type.maximum)

        def source(grid: Grid) -> Pixels:
            pixels = band.fetch(grid)
            values, mask = pixels.values, pixels.mask
            for place in places:
                index = place.fetch(grid)
                chosen = index.values.astype(np.intp)
                if bool(((chosen < 0) | (chosen >= values.shape[2]))[(mask > 0) & (index.mask > 0)].any()):
                    raise invalid(f"Image.arrayGet: Position is beyond an axis of length {values.shape[2]}.")
                chosen = np.clip(chosen, 0, values.shape[2] - 1)
                chosen = chosen.reshape(chosen.shape + (1,) * (values.ndim - 2))
                values = np.take_along_axis(values, chosen, axis=2)[:, :, 0]
                mask = combined(mask, index.mask)
            return Pixels(values, mask)

        return band.derived(source, kind)

    return image.with_bands(picked(band) for band in image.bands)


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
    kind = PixelType(band.pixel_type.precision, band.pixel_type.minimum, band.pixel_type.maximum)

    def element(index: tuple[int, ...]) -> Band:
        def source(grid: Grid) -> Pixels:
            pixels = band.fetch(grid)
            if pixels.values.shape[2:] != shape:
                if not bool((pixels.mask > 0).any()):
                    return Pixels(np.zeros(grid.shape, kind.dtype), pixels.mask)
                raise invalid(
                    f"Image.arrayFlatten: the labels describe arrays of shape {list(shape)}, "
                    f"the pixels have {list(pixels.values.shape[2:])}."
                )
            everywhere: tuple[Any, ...] = (slice(None), slice(None), *index)
            return Pixels(pixels.values[everywhere], pixels.mask)

        names = [labels[place] for labels, place in zip(coordinate_labels, index, strict=True)]
        return band.derived(source, kind, separator.join(names))

    return image.with_bands(element(index) for index in np.ndindex(*shape))


@function("Image.arrayProject")
def array_project(input: Image, axes: list[int]) -> Image:
    """Drops axes of length 1 and orders the others."""
    if any(axis < 0 for axis in axes):
        raise invalid("Image.arrayProject: axes must not be negative.")

    def projected(band: Band) -> Band:
        own = band.pixel_type
        if any(axis >= own.dimensions for axis in axes):
            raise invalid(f"Image.arrayProject: arrays of {own.dimensions} dimensions have no axis {max(axes)}.")
        rest = [axis for axis in range(own.dimensions) if axis not in axes]

        def source(grid: Grid) -> Pixels:
            pixels = band.fetch(grid)
            if any(pixels.values.shape[2 + axis] != 1 for axis in rest):
                raise invalid("Image.arrayProject: the axes that are dropped must have length 1.")
            moved = np.moveaxis(pixels.values, [2 + axis for axis in axes], range(2, 2 + len(axes)))
            return Pixels(moved.reshape(moved.shape[: 2 + len(axes)]), pixels.mask)

        return band.derived(source, PixelType(own.precision, own.minimum, own.maximum, len(axes)))

    return input.with_bands(projected(band) for band in input.bands)


@function("Image.arrayArgmax")
def array_argmax(image: Image) -> Image:
    """The position of the greatest element, one value per axis."""

    def found(band: Band) -> Band:
        rank = band.pixel_type.dimensions
        if not rank:
            raise invalid("Image.arrayArgmax: The pixels must be arrays; toArray makes them.")

        def source(grid: Grid) -> Pixels:
            pixels = band.fetch(grid)
            shape = pixels.values.shape[2:]
            flat = pixels.values.reshape((*grid.shape, -1)).argmax(axis=-1)
            position = np.stack(np.unravel_index(flat, shape), axis=-1).astype("int32")
            return Pixels(position, pixels.mask)

        return band.derived(source, PixelType("int", -(2**31), 2**31 - 1, min(rank, 1)))

    return image.with_bands(found(band) for band in image.bands)
