"""Many images into one: reducers over a stack, mosaics, and bands side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.functions.image.image_bands import distinct as distinct_names
from earthline_sandbox.earthengine.functions.image.math.bandwise import computed
from earthline_sandbox.earthengine.language.coerce import footprint
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.cells import levelled
from earthline_sandbox.earthengine.pixels.geodesics import joined
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, combined
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.reducers import reducers
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import INDEX, Collection, Geometry, Image
from earthline_sandbox.errors import invalid

_MOST_BANDS = 5_000


def stacks(name: str, collection: Collection) -> tuple[list[Image], dict[str, list[Band]]]:
    """The images of a collection, and their bands by name in the order of first appearance."""
    images = list(collection.images(name))
    bands: dict[str, list[Band]] = {}
    for image in images:
        for band in image.bands:
            bands.setdefault(band.name, []).append(band)
    return images, bands


def composite_footprint(images: Sequence[Image]) -> Geometry | None:
    """The union of what the images cover; None where one is not bounded."""
    if not images or any(image.footprint is None and _endless(image) for image in images):
        return None
    return Geometry(joined([footprint(image).lonlat() for image in images]), geodesic=False)


def _endless(image: Image) -> bool:
    return not image.bands or any(band.size is None for band in image.bands)


def _union_type(bands: Sequence[Band]) -> PixelType:
    kind = bands[0].pixel_type
    for band in bands[1:]:
        kind = kind.union(band.pixel_type)
    return kind


def reduce_bands(
    inputs: Sequence[Sequence[Band]], reducer: Reducer, names: Sequence[str], projection: Projection
) -> list[Band]:
    """Output bands of a reducer whose inputs are stacks of bands of equal length."""
    types = reducer.types([_union_type(stack) for stack in inputs])

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        fetched = [[band.fetch(grid) for band in stack] for stack in inputs]
        values = [np.stack(levelled(stack)) for stack in fetched]
        masks = [np.stack([pixels.mask for pixels in stack]) for stack in fetched]
        weights = combined(*masks)
        if values[0].ndim > weights.ndim:
            weights = np.broadcast_to(
                weights.reshape(weights.shape + (1,) * (values[0].ndim - weights.ndim)), values[0].shape
            )
        with np.errstate(all="ignore"):
            return reducer.reduce_stack(values, weights)

    shared = Shared(whole)
    return [
        Band(name, types[index], projection, output_source(shared, index, types[index]))
        for index, name in enumerate(names)
    ]


def reduced(name: str, collection: Collection, reducer: Reducer, suffix: bool) -> Image:
    """A collection folded pixel by pixel, band by band (or across bands for reducers of several inputs)."""
    images, bands = stacks(name, collection)
    if not bands:
        return Image()
    result: list[Band] = []
    if reducer.inputs == 1:
        for band_name, stack in bands.items():
            names = [f"{band_name}_{output}" if suffix else band_name for output in reducer.outputs]
            result.extend(reduce_bands([stack], reducer, names, Projection()))
    else:
        if len(bands) != reducer.inputs:
            raise invalid(f"{name}: Need {reducer.inputs} bands for the reducer, the images have {len(bands)}.")
        columns = list(bands.values())
        if len({len(stack) for stack in columns}) > 1:
            raise invalid(f"{name}: every image must have all of the bands {list(bands)}.")
        result = reduce_bands(columns, reducer, reducer.outputs, Projection())
    return Image(bands=tuple(result), footprint=composite_footprint(images))


@function("ImageCollection.reduce", ignores=("parallelScale",))
def reduce(collection: Collection, reducer: Reducer) -> Image:
    """Any reducer over a collection; bands are named `band_output`."""
    return reduced("ImageCollection.reduce", collection, reducer, suffix=True)


@function("reduce.median")
def reduce_median(collection: Collection) -> Image:
    """The median of every pixel's valid values."""
    return reduced("reduce.median", collection, reducers.simple("median"), suffix=False)


@function("reduce.mean")
def reduce_mean(collection: Collection) -> Image:
    """The mean of every pixel's valid values."""
    return reduced("reduce.mean", collection, reducers.simple("mean"), suffix=False)


@function("reduce.sum")
def reduce_sum(collection: Collection) -> Image:
    """The sum of every pixel's valid values."""
    return reduced("reduce.sum", collection, reducers.simple("sum"), suffix=False)


@function("reduce.product")
def reduce_product(collection: Collection) -> Image:
    """The product of every pixel's valid values."""
    return reduced("reduce.product", collection, reducers.simple("product"), suffix=False)


@function("reduce.count")
def reduce_count(collection: Collection) -> Image:
    """How many values of every pixel are valid."""
    return reduced("reduce.count", collection, reducers.simple("count"), suffix=False)


@function("reduce.mode")
def reduce_mode(collection: Collection) -> Image:
    """The most frequent valid value of every pixel."""
    return reduced("reduce.mode", collection, reducers.simple("mode"), suffix=False)


@function("reduce.and")
def reduce_and(collection: Collection) -> Image:
    """1 where no valid value of a pixel is 0, else 0."""
    return reduced("reduce.and", collection, reducers.simple("allNonZero"), suffix=False)


@function("reduce.or")
def reduce_or(collection: Collection) -> Image:
    """1 where a valid value of a pixel is not 0, else 0."""
    return reduced("reduce.or", collection, reducers.simple("anyNonZero"), suffix=False)


@function("reduce.min")
def reduce_min(collection: Collection) -> Image:
    """The least valid value of every pixel."""
    return reduced("reduce.min", collection, reducers.least(1), suffix=False)


@function("reduce.max")
def reduce_max(collection: Collection) -> Image:
    """The greatest valid value of every pixel."""
    return reduced("reduce.max", collection, reducers.greatest(1), suffix=False)


@function("ImageCollection.mosaic")
def mosaic(collection: Collection) -> Image:
    """The last valid pixel on top."""
    images, bands = stacks("ImageCollection.mosaic", collection)
    made = [_topmost(name, stack) for name, stack in bands.items()]
    return Image(bands=tuple(made), footprint=composite_footprint(images))


def _topmost(name: str, stack: Sequence[Band]) -> Band:
    kind = _union_type(stack)

    def source(grid: Grid) -> Pixels:
        values: Array | None = None
        mask: Array = np.zeros(grid.shape, dtype=bool)
        for band in reversed(stack):
            pixels = band.fetch(grid)
            own = kind.converted(pixels.values)
            if values is None:
                values, mask = own, pixels.mask
                continue
            if mask.dtype == bool and bool(mask.all()):
                break
            # Where what lies on top is partly transparent, Earth Engine mixes; here the top counts whole.
            below = ~(mask > 0)
            below_values = below.reshape(below.shape + (1,) * (own.ndim - 2))
            values = np.where(below_values, own, values)
            mask = np.where(below, pixels.mask, mask)
        assert values is not None, "a stack has at least one band"
        return Pixels(values, mask)

    return Band(name, kind, Projection(), source)


@function("ImageCollection.qualityMosaic")
def quality_mosaic(collection: Collection, quality_band: str) -> Image:
    """All bands of the image whose quality band is greatest at a pixel."""
    images, bands = stacks("ImageCollection.qualityMosaic", collection)
    if not images:
        return Image()
    if quality_band not in bands:
        raise invalid(f"ImageCollection.qualityMosaic: Band '{quality_band}' is not in the collection's images.")
    ranks = [image.band(quality_band).number("ImageCollection.qualityMosaic") for image in images]

    def best(grid: Grid) -> Any:
        fetched = [band.fetch(grid) for band in ranks]
        scores = np.stack([np.where(pixels.mask > 0, pixels.values.astype("float64"), -np.inf) for pixels in fetched])
        return np.nan_to_num(scores, nan=-np.inf, neginf=-np.inf, posinf=np.inf).argmax(axis=0)

    shared = Shared(best)

    def chosen(name: str) -> Band:
        stack = [image.band(name) for image in images]
        kind = _union_type(stack)

        def source(grid: Grid) -> Pixels:
            index = shared(grid)[None]
            fetched = [band.fetch(grid) for band in stack]
            ranked = [band.fetch(grid) for band in ranks]
            values = np.stack([kind.converted(part) for part in levelled(fetched)])
            masks = np.stack([combined(pixels.mask, rank.mask) for pixels, rank in zip(fetched, ranked, strict=True)])
            places = index.reshape(index.shape + (1,) * (values.ndim - index.ndim))
            return Pixels(np.take_along_axis(values, places, axis=0)[0], np.take_along_axis(masks, index, axis=0)[0])

        return Band(name, kind, Projection(), source)

    return Image(bands=tuple(chosen(name) for name in bands), footprint=composite_footprint(images))


@function("ImageCollection.toBands")
def to_bands(collection: Collection) -> Image:
    """All bands of all images, named `index_band`."""
    bands: list[Band] = []
    images = list(collection.images("ImageCollection.toBands"))
    for position, image in enumerate(images):
        prefix = image.get(INDEX) if image.get(INDEX) is not None else position
        bands.extend(band.renamed(f"{prefix}_{band.name}") for band in image.bands)
        if len(bands) > _MOST_BANDS:
            raise invalid(f"ImageCollection.toBands: The result has more than {_MOST_BANDS} bands.")
    return Image(bands=tuple(distinct_names(bands)), footprint=composite_footprint(images))


@function("Image.reduce")
def reduce_image(image: Image, reducer: Reducer) -> Image:
    """A reducer across the bands of every pixel."""
    if not image.bands:
        raise invalid("Image.reduce: The image has no bands.")
    if reducer.inputs == 1:
        inputs: list[list[Band]] = [list(image.bands)]
    else:
        if len(image.bands) % reducer.inputs:
            raise invalid(
                f"Image.reduce: The reducer needs {reducer.inputs} inputs, but the image has {len(image.bands)} bands."
            )
        inputs = [list(image.bands[i :: reducer.inputs]) for i in range(reducer.inputs)]
    base = next((band for band in image.bands if not band.constant), image.bands[0])
    bands = reduce_bands(inputs, reducer, reducer.outputs, base.projection)
    return computed(image, [Band(b.name, b.pixel_type, b.projection, b.source, base.size, base.origin) for b in bands])
