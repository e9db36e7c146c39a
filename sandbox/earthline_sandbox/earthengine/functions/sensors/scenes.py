"""Scenes of Landsat and Sentinel-2, and the types of a collection's bands.

https://developers.google.com/earth-engine/guides/landsat; Frantz et al. (2018),
https://doi.org/10.1016/j.rse.2018.04.046.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.functions.image.lattice import numbers
from earthline_sandbox.earthengine.functions.image.math.bandwise import computed, mapped
from earthline_sandbox.earthengine.functions.image.math.casts import cast
from earthline_sandbox.earthengine.functions.image.resolution import reduce_resolution
from earthline_sandbox.earthengine.functions.spatial.neighborhood import surroundings
from earthline_sandbox.earthengine.language.coerce import pixel_type as to_pixel_type
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import FLOAT, Array, Band, Pixels, PixelType, blank, combined, pull
from earthline_sandbox.earthengine.reducers import reducers
from earthline_sandbox.earthengine.values.values import Collection, Image
from earthline_sandbox.errors import invalid

_SPECTRAL = re.compile(r"B\d")
# Pixels of 20 m to each side of the window that CDI takes the variance of.
_CDI_REACH = 3


@function("Landsat.calibratedRadiance")
def calibrated_radiance(image: Image) -> Image:
    """At-sensor radiance of every spectral band, by the coefficients that the scene carries."""
    name = "Landsat.calibratedRadiance"
    made = []
    for band in image.bands:
        if not _SPECTRAL.match(band.name):
            made.append(band)
            continue
        number = band.name.removeprefix("B")
        factors = [image.get(f"RADIANCE_{kind}_BAND_{number}") for kind in ("MULT", "ADD")]
        if not all(isinstance(factor, int | float) and not isinstance(factor, bool) for factor in factors):
            raise invalid(
                f"{name}: The image has no numbers RADIANCE_MULT_BAND_{number} and RADIANCE_ADD_BAND_{number}."
            )
        made.append(mapped(band, FLOAT, partial(_linear, gain=float(factors[0]), offset=float(factors[1]))))
    return image.with_bands(made)


def _linear(values: Array, *, gain: float, offset: float) -> Array:
    return values.astype("float64") * gain + offset


@function("Landsat.translateMetadata")
def translate_metadata(input: Image) -> Image:
    """The image itself."""
    return input


@function("Landsat.pathRowLimit")
def path_row_limit(collection: Collection, max_scenes_per_path_row: int, max_scenes_total: int) -> Collection:
    """The least cloudy scenes of every path and row, and of those the least cloudy of all."""
    name = "Landsat.pathRowLimit"
    if max_scenes_per_path_row < 1 or max_scenes_total < 1:
        raise invalid(f"{name}: maxScenesPerPathRow and maxScenesTotal must be at least 1.")
    cells: dict[tuple[Any, Any], list[Image]] = defaultdict(list)
    for image in collection.images(name):
        cells[image.get("WRS_PATH"), image.get("WRS_ROW")].append(image)
    kept = [image for scenes in cells.values() for image in sorted(scenes, key=_clouds)[:max_scenes_per_path_row]]
    return collection.with_elements(sorted(kept, key=_clouds)[:max_scenes_total])


def _clouds(image: Image) -> float:
    cover = image.get("CLOUD_COVER")
    return float(cover) if isinstance(cover, int | float) else 100.0


@function("Sentinel2.CDI")
def cdi(source: Image) -> Image:
    """How the ratios of B7 and of B8 to B8A vary around a pixel: below 0 where the second varies more, as on clouds."""
    name = "Sentinel2.CDI"
    for wanted in ("B7", "B8", "B8A"):
        if wanted not in source.names:
            raise invalid(f"{name}: The image lacks the band '{wanted}'; it has {source.shown_names()}.")
    narrow, edge = source.band("B8A"), source.band("B7")
    # The broad band has pixels of 10 m: it is averaged to those of the others.
    broad = reduce_resolution(source.with_bands([source.band("B8")]), reducers.simple("mean"), True, 64).bands[0]
    kind = PixelType("float", -1, 1)
    own = narrow.projection

    def ratio(top: Band) -> Band:
        def divided(grid: Grid) -> Pixels:
            one, two = numbers(name, top, grid), numbers(name, narrow, grid)
            bottom = two.values.astype("float64")
            known = combined(one.mask > 0, two.mask > 0, bottom != 0)
            values = np.divide(one.values.astype("float64"), bottom, out=np.zeros(grid.shape), where=known)
            return Pixels(values, known)

        return narrow.derived(divided, PixelType("double"))

    near, far = ratio(edge), ratio(broad)

    def computed_here(grid: Grid) -> Pixels:
        one, known = _variance(near, grid)
        two, seen = _variance(far, grid)
        total = one + two
        values = np.divide(one - two, total, out=np.zeros(grid.shape), where=total > 0)
        return Pixels(values.astype("float32"), combined(known, seen))

    def fixed(grid: Grid) -> Pixels:
        return pull(grid, own, computed_here, kind)

    return computed(source, [narrow.derived(fixed, kind, "cdi")])


def _variance(band: Band, grid: Grid) -> tuple[Array, Array]:
    side = 2 * _CDI_REACH + 1
    around = surroundings(band, grid, np.ones((side, side)), (_CDI_REACH, _CDI_REACH))
    valid = around.mask > 0
    held = np.where(valid, around.values, 0).reshape((*grid.shape, -1))
    count = np.maximum(valid.sum(axis=(2, 3)), 1)
    mean = held.sum(axis=-1) / count
    off = np.where(valid.reshape(held.shape), held - mean[..., None], 0)
    return (off * off).sum(axis=-1) / count, around.own > 0


@function("ImageCollection.cast")
def cast_collection(collection: Collection, band_types: Mapping[str, Any], band_order: list[str]) -> Collection:
    """Every image with the same bands of the same types, in that order; what an image lacks is transparent."""
    name = "ImageCollection.cast"
    types = {band: to_pixel_type(value) for band, value in band_types.items()}
    if sorted(types) != sorted(band_order):
        raise invalid(f"{name}: 'bandOrder' must hold the keys of 'bandTypes', {sorted(types)}; got {band_order}.")

    def whole(image: Image) -> Image:
        unknown = [band for band in image.names if band not in types]
        if unknown:
            raise invalid(f"{name}: 'bandTypes' must name every band of the collection; it lacks '{unknown[0]}'.")
        return image.with_bands(
            cast(image.band(band), types[band]) if band in image.names else _transparent(band, types[band])
            for band in band_order
        )

    return collection.with_elements(whole(image) for image in collection.images(name))


def _transparent(name: str, kind: PixelType) -> Band:
    return Band(name, kind, Projection(), lambda grid: blank(grid.shape, kind))
