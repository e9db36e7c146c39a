"""Images from assets, numbers and metadata, and their bands: choose, name, add, cast."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.catalogue.rasters import band_of
from earthline_sandbox.earthengine.functions.image.math.casts import cast as cast_band
from earthline_sandbox.earthengine.language.coerce import geometry_of_json, number
from earthline_sandbox.earthengine.language.coerce import image as to_image
from earthline_sandbox.earthengine.language.coerce import pixel_type as to_pixel_type
from earthline_sandbox.earthengine.language.patterns import Pattern
from earthline_sandbox.earthengine.language.registry import Context, function
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import BOOLEAN, DOUBLE, Band, Pixels, PixelType, constant_band
from earthline_sandbox.earthengine.records import AssetRecord
from earthline_sandbox.earthengine.values.values import INDEX, TIME_START, Collection, Date, Image
from earthline_sandbox.errors import ApiError, invalid


def image_of_record(record: AssetRecord) -> Image:
    """The lazy image of a catalogue record."""
    area = None if record.footprint is None else geometry_of_json({**record.footprint, "geodesic": False})
    properties = {**record.properties, INDEX: record.id.rsplit("/", 1)[-1]}
    bands = tuple(band_of(band) for band in record.bands)
    return Image(bands=bands, properties=properties, id=record.id, version=record.version, footprint=area)


@function("Image.load", ignores=("version",))
def load(context: Context, id: str) -> Image:
    """An image asset."""
    try:
        record = context.catalogue.get(id)
    except ApiError as error:
        if error.status != "NOT_FOUND":
            raise
        raise invalid(
            f"Image.load: Image asset '{id}' not found (does not exist or caller does not have access)."
        ) from error
    if record.type != "IMAGE":
        raise invalid(f"Image.load: Asset '{id}' is not an Image.")
    return image_of_record(record)


@function("Image.constant")
def constant(value: Any) -> Image:
    """The same numbers everywhere."""
    return to_image(value)


@function("Image.bandNames")
def band_names(image: Image) -> list[str]:
    """Band ids, in order."""
    return image.names


@function("Image.bandTypes")
def band_types(image: Image) -> dict[str, PixelType]:
    """Band id to pixel type."""
    return {band.name: band.pixel_type for band in image.bands}


@function("Image.select")
def select(input: Image, band_selectors: list[Any], new_names: list[str] | None) -> Image:
    """Bands by name, regular expression or position, in the order asked for."""
    chosen = [band for selector in band_selectors for band in _selected(input, selector)]
    if new_names is None:
        return input.with_bands(distinct(chosen))
    return input.with_bands(_renamed(chosen, new_names, "Image.select"))


def _selected(image: Image, selector: Any) -> list[Band]:
    if isinstance(selector, int | float) and not isinstance(selector, bool):
        position = int(selector) if math.isfinite(selector) else len(image.bands)
        if not -len(image.bands) <= position < len(image.bands):
            raise invalid(f"Image.select: Band index {position} is out of bounds. Image has {len(image.bands)} bands.")
        return [image.bands[position]]
    if not isinstance(selector, str):
        raise invalid("Image.select: a band selector must be a string or a number.")
    exact = [band for band in image.bands if band.name == selector]
    if exact:
        return exact
    pattern = Pattern(selector, "", "Image.select")
    matches = [band for band in image.bands if pattern.fullmatch(band.name)]
    if not matches:
        raise invalid(
            f"Image.select: Band pattern '{selector}' did not match any bands. Available bands: {image.shown_names()}"
        )
    return matches


def distinct(bands: Sequence[Band]) -> list[Band]:
    """Gives names that came up before the suffixes `_1`, `_2` and so on."""
    taken: set[str] = set()
    result = []
    for band in bands:
        name, number = band.name, 1
        while name in taken:
            name, number = f"{band.name}_{number}", number + 1
        taken.add(name)
        result.append(band if name == band.name else band.renamed(name))
    return result


def _renamed(bands: Sequence[Band], names: Sequence[str], place: str) -> list[Band]:
    if len(bands) != len(names):
        raise invalid(f"{place}: Can't rename {len(bands)} bands to {len(names)} names.")
    if len(set(names)) != len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise invalid(f"{place}: Duplicate band name '{repeated}'.")
    return [band.renamed(name) for band, name in zip(bands, names, strict=True)]


@function("Image.rename")
def rename(input: Image, names: list[str]) -> Image:
    """Other names for all bands."""
    if len(names) != len(input.bands):
        raise invalid(
            f"Image.rename: The number of names ({len(names)}) must match the number of bands ({len(input.bands)})."
        )
    return input.with_bands(_renamed(input.bands, names, "Image.rename"))


@function("Image.regexpRename")
def regexp_rename(input: Image, regex: str, replacement: str, all: bool) -> Image:
    """Other names by replacing a pattern."""
    pattern = Pattern(regex, "", "Image.regexpRename")
    names = [pattern.replaced(name, replacement, every=all) for name in input.names]
    return input.with_bands(_renamed(input.bands, names, "Image.regexpRename"))


@function("Image.slice")
def slice_bands(image: Image, start: int, end: int | None) -> Image:
    """Neighbouring bands by position."""
    return image.with_bands(image.bands[start:end])


@function("Image.addBands")
def add_bands(dst_img: Image, src_img: Image, names: list[str] | None, overwrite: bool) -> Image:
    """The first image's bands and then the second's, which replace those of the same name where told to."""
    added = list(src_img.bands) if names is None else [b for name in names for b in _selected(src_img, name)]
    if overwrite:
        new = {band.name: band for band in added}
        kept = [new.pop(band.name, band) for band in dst_img.bands]
        return dst_img.with_bands([*kept, *new.values()])
    return dst_img.with_bands(distinct([*dst_img.bands, *added]))


@function("Image.cat")
def cat(images: list[Any]) -> Image:
    """All bands of all images."""
    parts = [to_image(item) for item in images]
    if not parts:
        return Image()
    return parts[0].with_bands(distinct([band for part in parts for band in part.bands]))


@function("Image.blend")
def blend(bottom: Image, top: Image) -> Image:
    """The top image where it is valid, else the bottom one."""
    tops = list(top.bands) * len(bottom.bands) if len(top.bands) == 1 else list(top.bands)
    if len(tops) != len(bottom.bands):
        raise invalid(f"Image.blend: the images have {len(bottom.bands)} and {len(tops)} bands.")
    return bottom.with_bands(_over(low, high) for low, high in zip(bottom.bands, tops, strict=True))


def _over(low: Band, high: Band) -> Band:
    kind = low.pixel_type.union(high.pixel_type)
    if kind.dimensions:
        raise invalid("Image.blend: array pixels cannot be blended.")

    def source(grid: Grid) -> Pixels:
        under, upper = low.fetch(grid), high.fetch(grid)
        valid = upper.mask > 0
        return Pixels(
            np.where(valid, kind.converted(upper.values), kind.converted(under.values)),
            np.where(valid, upper.mask, under.mask),
        )

    return low.derived(source, kind)


@function("Image.cast")
def cast(image: Image, band_types: Mapping[str, Any], band_order: list[str] | None) -> Image:
    """Other pixel types for some bands."""
    types = {name: to_pixel_type(value) for name, value in band_types.items()}
    bands = [cast_band(band, types[band.name]) if band.name in types else band for band in image.bands]
    chosen = image.with_bands(bands)
    return chosen if band_order is None else chosen.with_bands(chosen.band(name) for name in band_order)


@function("Image.metadata")
def metadata(image: Image, property: str, name: str | None) -> Image:
    """A property as a constant image of doubles."""
    value = image.get(property)
    if isinstance(value, Date):
        value = value.milliseconds
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"Image.metadata: Property '{property}' is missing or is not a number.")
    return Image(bands=(constant_band(name or property, float(value), DOUBLE),))


@function("Image.id")
def image_id(element: Image) -> str | None:
    """The asset id, or the index within the collection."""
    return element.id if element.id is not None else element.get(INDEX)


@function("Image.date")
def image_date(image: Image) -> Date:
    """When the image starts."""
    value = image.get(TIME_START)
    if value is None:
        raise invalid("Image.date: The image has no 'system:time_start' property.")
    return Date(float(number(value)))


@function("Dictionary.toImage")
def dictionary_image(dictionary: Mapping[str, Any], names: list[str] | None) -> Image:
    """One constant band per entry."""
    keys = sorted(dictionary) if names is None else names
    missing = [key for key in keys if key not in dictionary]
    if missing:
        raise invalid(f"Dictionary.toImage: Dictionary does not contain key: '{missing[0]}'.")
    parts = [to_image(dictionary[key]).bands[0].renamed(key) for key in keys]
    return Image(bands=tuple(parts))


@function("Image.linkCollection")
def link_collection(
    input: Image, image_collection: Collection, linked_bands: Any, linked_properties: Any, match_property_name: str
) -> Image:
    """Bands and properties of the image of another collection that has the same value of a property."""
    wanted = input.get(match_property_name)
    found, template = None, None
    for candidate in image_collection.images("Image.linkCollection"):
        template = template or candidate
        if wanted is not None and candidate.get(match_property_name) == wanted:
            found = candidate
            break
    result = input
    if linked_bands is not None:
        selectors = linked_bands if isinstance(linked_bands, list) else [linked_bands]
        result = add_bands(result, _linked(found, template, selectors), None, overwrite=True)
    if linked_properties is not None:
        names = linked_properties if isinstance(linked_properties, list) else [linked_properties]
        if not all(isinstance(name, str) for name in names):
            raise invalid("Image.linkCollection: 'linkedProperties' must be a property name or a list of them.")
        result = result.with_properties({name: found.get(name) if found else None for name in names})
    return result


def _linked(found: Image | None, template: Image | None, selectors: list[Any]) -> Image:
    if found is not None:
        return select(found, selectors, None)
    if template is not None:
        return select(template, selectors, None).with_bands(
            _all_masked(band) for band in select(template, selectors, None).bands
        )
    return Image(bands=tuple(_all_masked(constant_band(str(name), 0, BOOLEAN)) for name in selectors))


def _all_masked(band: Band) -> Band:
    def source(grid: Grid) -> Pixels:
        shape = grid.shape + (1,) * band.pixel_type.dimensions
        return Pixels(np.zeros(shape, band.pixel_type.dtype), np.zeros(grid.shape, dtype=bool))

    return band.derived(source)
