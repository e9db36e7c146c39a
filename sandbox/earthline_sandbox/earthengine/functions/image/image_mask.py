"""Masks: what is valid, and where an image ends."""

from dataclasses import replace
from typing import Any

import numpy as np
import shapely

from earthline_sandbox.earthengine.functions.image.math.bandwise import aligned
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.coerce import image as to_image
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.geodesics import merged
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, combined
from earthline_sandbox.earthengine.values.regions import inside, pixel_bounds
from earthline_sandbox.earthengine.values.values import Collection, Geometry, Image
from earthline_sandbox.errors import invalid


def weights_of(values: Array) -> Array:
    """A mask from the values of an image: whole numbers are all or nothing, fractions count from 0 to 1."""
    if values.ndim > 2:
        raise invalid("A mask must have numbers as pixels, not arrays.")
    if values.dtype.kind in "iub":
        return values > 0
    held = np.clip(np.nan_to_num(values, nan=0.0), 0, 1).astype("float32")
    whole: Array = held == 1
    return whole if bool(((held == 0) | whole).all()) else held


@function("Image.updateMask")
def update_mask(image: Image, mask: Image) -> Image:
    """Masks pixels where the mask is 0 or masked; nothing becomes valid."""
    masks = _matching(image, mask, "Image.updateMask")
    return image.with_bands(_masked(band, other) for band, other in zip(image.bands, masks, strict=True))


def _matching(image: Image, mask: Image, name: str) -> list[Band]:
    if len(mask.bands) == 1:
        return list(mask.bands) * len(image.bands)
    if len(mask.bands) != len(image.bands):
        raise invalid(
            f"{name}: The mask must have one band or as many as the image ({len(image.bands)}), got {len(mask.bands)}."
        )
    return list(mask.bands)


def _masked(band: Band, mask: Band) -> Band:
    def source(grid: Grid) -> Pixels:
        pixels, other = band.fetch(grid, ragged=True), mask.fetch(grid)
        return Pixels(pixels.values, combined(pixels.mask, other.mask, weights_of(other.values)))

    return replace(band, source=source, constant=band.constant and mask.constant)


@function("Image.selfMask")
def self_mask(image: Image) -> Image:
    """Masks pixels whose own value is 0."""
    return image.with_bands(_masked(band, band) for band in image.bands)


@function("Image.mask")
def mask(image: Image, mask: Image | None) -> Image:
    """The mask as an image, or the image with another mask, what was masked before being 0."""
    if mask is None:
        return image.with_bands(_mask_band(band) for band in image.bands)
    masks = _matching(image, mask, "Image.mask")
    return image.with_bands(_replaced(band, other) for band, other in zip(image.bands, masks, strict=True))


def _mask_band(band: Band) -> Band:
    kind = PixelType("float", 0, 1)

    def source(grid: Grid) -> Pixels:
        pixels = band.fetch(grid, ragged=True)
        return Pixels(pixels.mask.astype("float32"), np.broadcast_to(np.True_, grid.shape))

    return band.derived(source, kind)


def _replaced(band: Band, mask: Band) -> Band:
    def source(grid: Grid) -> Pixels:
        pixels, other = band.fetch(grid), mask.fetch(grid)
        valid = pixels.mask > 0
        values = np.where(aligned(valid, pixels.values)[0], pixels.values, 0).astype(pixels.values.dtype)
        return Pixels(values, combined(other.mask, weights_of(other.values)))

    return band.derived(source)


@function("Image.unmask")
def unmask(input: Image, value: Image | None, same_footprint: bool) -> Image:
    """Fills masked pixels with the value (0 by default), within the image's footprint unless told otherwise."""
    filling = to_image(0) if value is None else value
    fillings = _matching(input, filling, "Image.unmask")
    result = input.with_bands(
        _filled(band, other, input.footprint, same_footprint) for band, other in zip(input.bands, fillings, strict=True)
    )
    return result if same_footprint else Image(bands=result.bands, properties=result.properties)


def _filled(band: Band, filling: Band, footprint: Geometry | None, same_footprint: bool) -> Band:
    kind = band.pixel_type.union(filling.pixel_type)

    def source(grid: Grid) -> Pixels:
        pixels, other = band.fetch(grid), filling.fetch(grid)
        valid = pixels.mask > 0
        own, new = aligned(kind.converted(pixels.values), kind.converted(other.values))
        values = np.where(aligned(valid, own)[0], own, new)
        filled = combined(other.mask, covered(grid)) if same_footprint else other.mask
        mask = np.where(valid, pixels.mask, filled)
        return Pixels(values, mask)

    def covered(grid: Grid) -> Array:
        if footprint is not None:
            return inside(grid, footprint)
        if band.size is None:
            return np.broadcast_to(np.True_, grid.shape)
        return inside(grid, band_box(band))

    result = band.derived(source, kind)
    return result if same_footprint else Band(band.name, kind, band.projection, source)


def band_box(band: Band) -> Geometry:
    """The rectangle of a bounded band, in pixels of its projection."""
    height, width = band.size or (0, 0)
    row, column = band.origin
    return Geometry(shapely.box(column, row, column + width, row + height), band.projection, geodesic=False)


@function("Image.clip")
def clip(input: Image, geometry: Any) -> Image:
    """Masks pixels whose centre lies outside of a geometry."""
    if isinstance(geometry, Collection):
        raise invalid("Image.clip: The geometry must be a Geometry or a Feature; use clipToCollection.")
    return clipped(input, to_geometry(geometry))


@function("Image.clipToCollection")
def clip_to_collection(input: Image, collection: Collection) -> Image:
    """Masks pixels whose centre lies outside of every feature."""
    return clipped(input, to_geometry(collection))


def clipped(image: Image, region: Geometry) -> Image:
    """The image within a region; its bands end at the pixels that the region touches."""

    def limited(band: Band) -> Band:
        def source(grid: Grid) -> Pixels:
            covered = inside(grid, region)
            pixels = band.fetch(grid, ragged=True)
            return Pixels(pixels.values, combined(pixels.mask, covered))

        origin, size = pixel_extent(region, band)
        return Band(band.name, band.pixel_type, band.projection, source, size, origin, band.constant)

    footprint = region
    if image.footprint is not None:
        footprint = Geometry(
            shapely.intersection(merged(image.footprint.lonlat()), merged(region.lonlat())), geodesic=False
        )
    return Image(
        bands=tuple(limited(band) for band in image.bands),
        properties=image.properties,
        id=image.id,
        version=image.version,
        footprint=footprint,
    )


def pixel_extent(region: Geometry, band: Band) -> tuple[tuple[int, int], tuple[int, int] | None]:
    """(origin, size) in pixels of a band's projection that a region touches, within the band's own edges."""
    box = pixel_bounds(region, band.projection)
    if box is None:
        return band.origin, band.size
    left, top, right, bottom = box
    if band.size is not None:
        top, left = max(top, band.origin[0]), max(left, band.origin[1])
        bottom = min(bottom, band.origin[0] + band.size[0])
        right = min(right, band.origin[1] + band.size[1])
    if bottom <= top or right <= left:
        return (top, left), (0, 0)
    return (top, left), (bottom - top, right - left)
