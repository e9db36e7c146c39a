"""Statistics of regions: reducers over the pixels that geometries cover."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.functions.image.image_projection import chosen_projection
from earthline_sandbox.earthengine.language.coerce import footprint
from earthline_sandbox.earthengine.language.coerce import geometry as to_geometry
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import Array, combined
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.regions import coverage, inside, region_window
from earthline_sandbox.earthengine.values.values import ArrayValue, Collection, Feature, Geometry, Image
from earthline_sandbox.errors import invalid

_TILE = 512
# Values of this many pixels and bands are held at a time; beyond it a region is too large for the sandbox.
_MOST_VALUES = 400_000_000


def _projection(
    name: str, image: Image, crs: Projection | None, transform: Sequence[float] | None, scale: float | None
) -> Projection:
    if not image.bands:
        raise invalid(f"{name}: The image has no bands.")
    return chosen_projection(name, crs or image.bands[0].projection, transform, scale)


def pixel_count(region: Geometry, window: Grid) -> int:
    """About how many pixels a region covers."""
    share = region.in_crs(window.crs).area / abs(window.affine.determinant)
    return max(1, min(window.size, round(share) if share > 0 else max(window.shape)))


def statistics(name: str, image: Image, reducer: Reducer, region: Geometry, window: Grid | None) -> list[list[Any]]:
    """The reducer's outputs: per band for a reducer of one input, else one list."""
    bands = image.bands
    joint = reducer.inputs > 1
    if joint and reducer.inputs != len(bands):
        raise invalid(
            f"{name}: Need {reducer.inputs} bands for the reducer, but the image has {len(bands)}: "
            f"{image.shown_names()}."
        )
    values: list[list[Array]] = [[] for _ in bands]
    weights: list[list[Array]] = [[] for _ in ((0,) if joint else bands)]
    held = 0
    for _, _, tile in () if window is None else window.tiles(_TILE):
        covered = coverage(tile, region) if reducer.weighted else inside(tile, region)
        if not covered.any():
            continue
        pixels = image.fetch(tile)
        needed = len(pixels) - reducer.optional
        masks = [combined(*(item.mask for item in pixels[:needed]))] if joint else [item.mask for item in pixels]
        for place, mask in enumerate(masks):
            share = _product(covered, mask)
            chosen = covered > 0 if reducer.every else share > 0
            weights[place].append(share[chosen])
            for index in range(len(bands)) if joint else (place,):
                series = pixels[index].values[chosen]
                if joint and index >= needed:
                    series = np.where(pixels[index].mask[chosen] > 0, series.astype(object), np.array(None))
                values[index].append(series)
                held += values[index][-1].size
        if held > _MOST_VALUES:
            raise invalid(f"{name}: the region holds more pixels than the sandbox can reduce; use a larger scale.")
    if joint:
        return [reducer.reduce_series([_series(part) for part in values], _series(weights[0]))]
    return [reducer.reduce_series([_series(part)], _series(held_)) for part, held_ in zip(values, weights, strict=True)]


def _product(covered: Array, mask: Array) -> Array:
    """Weights of pixels: the lesser of the mask and the share that is covered."""
    if covered.dtype == mask.dtype == bool:
        return covered & mask
    return np.asarray(np.minimum(covered.astype("float64"), mask.astype("float64")))


def _series(parts: list[Array]) -> Array:
    if not parts:
        return np.zeros(0)
    joined = np.concatenate(parts)
    return joined.astype("float64") if joined.dtype == bool else joined


def named(image: Image, reducer: Reducer, results: list[list[Any]], *, alone: bool) -> dict[str, Any]:
    """Results by name: `band`, `band_output`, or the output's own name.

    Args:
        image: Whose bands were reduced.
        reducer: What reduced them.
        results: As `statistics` gives them.
        alone: True for features, where a lone band's outputs go by their own names.
    """
    if reducer.inputs > 1 or (alone and len(image.bands) == 1):
        return dict(zip(reducer.outputs, results[0], strict=True)) if results else {}
    found: dict[str, Any] = {}
    for band, outputs in zip(image.bands, results, strict=True):
        for output, value in zip(reducer.outputs, outputs, strict=True):
            found[band.name if len(reducer.outputs) == 1 else f"{band.name}_{output}"] = value
    return found


@function("Image.reduceRegion", ignores=("tileScale",))
def reduce_region(
    image: Image,
    reducer: Reducer,
    geometry: Geometry | None,
    scale: float | None,
    crs: Projection | None,
    crs_transform: list[float] | None,
    best_effort: bool,
    max_pixels: int,
) -> dict[str, Any]:
    """Statistics of one region."""
    name = "Image.reduceRegion"
    target = _projection(name, image, crs, crs_transform, scale)
    if geometry is None and image.footprint is None and any(band.size is None for band in image.bands):
        raise invalid(f"{name}: The image is not bounded, so 'geometry' must be given.")
    region = footprint(image) if geometry is None else geometry
    window = region_window(region, target)
    if window is not None:
        count = pixel_count(region, window)
        if count > max_pixels:
            if not best_effort:
                raise invalid(
                    f"{name}: Too many pixels in the region. Found {count}, but maxPixels allows only {max_pixels}.\n"
                    "Ensure that you are not aggregating at a higher resolution than you intended; that is the "
                    "most frequent cause of this error. If not, then you may set the 'maxPixels' argument to a limit "
                    "suitable for your computation; set 'bestEffort' to true to aggregate at whatever scale results "
                    "in 'maxPixels' total pixels; or both."
                )
            factor = math.sqrt(count / max(max_pixels, 1))
            window = region_window(region, target.scaled(factor, factor))
    return named(image, reducer, statistics(name, image, reducer, region, window), alone=False)


@function("Image.reduceRegions", ignores=("tileScale",))
def reduce_regions(
    image: Image,
    collection: Collection,
    reducer: Reducer,
    scale: float | None,
    crs: Projection | None,
    crs_transform: list[float] | None,
    max_pixels_per_region: int | None,
) -> Collection:
    """Statistics of every feature, as properties of it."""
    name = "Image.reduceRegions"
    target = _projection(name, image, crs, crs_transform, scale)
    features = []
    for feature in collection:
        region = to_geometry(feature)
        window = region_window(region, target)
        if window is not None and max_pixels_per_region is not None:
            count = pixel_count(region, window)
            if count > max_pixels_per_region:
                raise invalid(
                    f"{name}: Too many pixels in the region. Found {count}, but maxPixelsPerRegion allows only "
                    f"{max_pixels_per_region}."
                )
        found = named(image, reducer, statistics(name, image, reducer, region, window), alone=True)
        properties = {key: value for key, value in found.items() if value is not None}
        features.append(Feature(geometry=region, properties={**feature.properties, **properties}))
    return Collection(elements=features)


@function("ImageCollection.getRegion")
def get_region(
    collection: Collection,
    geometry: Geometry,
    scale: float | None,
    crs: Projection,
    crs_transform: list[float] | None,
) -> list[list[Any]]:
    """A table of every pixel of every image in a region: id, longitude, latitude, time, and the bands."""
    images = list(collection.images("ImageCollection.getRegion"))
    if not images:
        raise invalid("ImageCollection.getRegion: No bands in collection.")
    if scale is None and crs_transform is None:
        raise invalid("ImageCollection.getRegion: 'scale' or 'crsTransform' must be given.")
    target = chosen_projection("ImageCollection.getRegion", crs, crs_transform, scale)
    names = images[0].names
    rows: list[list[Any]] = [["id", "longitude", "latitude", "time", *names]]
    window = region_window(geometry, target)
    if window is None:
        return rows
    if window.size * len(images) * (len(names) + 4) > 1_048_576:
        raise invalid(
            f"ImageCollection.getRegion: Too many values: {len(images)} images x {window.size} pixels x "
            f"{len(names)} bands > 1048576."
        )
    chosen = inside(window, geometry)
    longitude, latitude = window.coordinates("EPSG:4326")
    for image in images:
        for name in names:
            image.band(name).number("ImageCollection.getRegion")
        pixels = image.fetch(window, names)
        for row, column in np.argwhere(chosen).tolist():
            values = [item.values[row, column].item() if item.mask[row, column] > 0 else None for item in pixels]
            place = [float(longitude[row, column]), float(latitude[row, column])]
            rows.append([image.get("system:index"), *place, image.get("system:time_start"), *values])
    return rows


@function("Image.sampleRectangle", ignores=("defaultArrayValue",))
def sample_rectangle(
    image: Image,
    region: Geometry | None,
    properties: list[str] | None,
    default_value: float | None,
) -> Feature:
    """Every band of a rectangle as a two-dimensional array property."""
    if not image.bands:
        raise invalid("Image.sampleRectangle: The image has no bands.")
    area = footprint(image) if region is None else region
    window = region_window(area, image.bands[0].projection)
    if window is None:
        raise invalid("Image.sampleRectangle: The region is empty.")
    if window.size > 262_144:
        raise invalid(f"Image.sampleRectangle: Too many pixels in sample; must be <= 262144. Got {window.size}.")
    found: dict[str, Any] = {name: image.get(name) for name in (properties or [])}
    if properties is None:
        found = {key: value for key, value in image.properties.items() if not key.startswith("system:")}
    for band, pixels in zip(image.bands, image.fetch(window), strict=True):
        if band.pixel_type.dimensions:
            raise invalid(f"Image.sampleRectangle: the sandbox reads numbers only; band '{band.name}' holds arrays.")
        masked = ~(pixels.mask > 0)
        values = (
            pixels.values.astype("float64") if band.pixel_type.precision != "int" else pixels.values.astype("int64")
        )
        if masked.any():
            if default_value is None:
                raise invalid(
                    f"Image.sampleRectangle: Fully or partially masked pixels found for band '{band.name}'; "
                    "give 'defaultValue' to fill them."
                )
            values = np.where(masked, default_value, values)
        found[band.name] = ArrayValue(values)
    return Feature(geometry=area, properties=found)
