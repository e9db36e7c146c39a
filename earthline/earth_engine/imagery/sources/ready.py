"""What is done to the images of sources that are ready by name; their bands and options are in the config's section.

Ids, factors and bits are from the pages that each names, below developers.google.com/earth-engine/datasets/catalog.
"""

from collections.abc import Sequence
from typing import Any

import ee

from earthline.config import Source
from earthline.config.sections.imagery.ready import CopernicusDem, Landsat, Sentinel1

# LANDSAT_LC08_C02_T1_L2, LANDSAT_LE07_C02_T1_L2: "Scale" and "Offset" of SR_B* and ST_B*, bits of QA_PIXEL.
_REFLECTANCE = (0.0000275, -0.2)
_KELVIN = (0.00341802, 149.0)
_THERMAL_MAPPER = {
    "blue": "SR_B1",
    "green": "SR_B2",
    "red": "SR_B3",
    "nir": "SR_B4",
    "swir1": "SR_B5",
    "swir2": "SR_B7",
    "thermal": "ST_B6",
}
"""Landsat 4, 5 and 7."""
_LAND_IMAGER = {
    "blue": "SR_B2",
    "green": "SR_B3",
    "red": "SR_B4",
    "nir": "SR_B5",
    "swir1": "SR_B6",
    "swir2": "SR_B7",
    "thermal": "ST_B10",
}
"""Landsat 8 and 9."""
_FILL_BIT = 0b1


def chosen(images: Any, source: Source) -> Any:
    """An `ee.ImageCollection` of those images alone that a ready source takes.

    Args:
        images: Over the region and in time.
        source: Any source; one that is not ready takes all.
    """
    if not isinstance(source.ready, Sentinel1):
        return images
    # COPERNICUS_S1_GRD, "Image Properties".
    images = images.filter(ee.Filter.eq("instrumentMode", "IW"))
    for band in source.taken:
        if band != "angle":
            images = images.filter(ee.Filter.listContains("transmitterReceiverPolarisation", band))
    if source.ready.orbit != "both":
        images = images.filter(ee.Filter.eq("orbitProperties_pass", source.ready.orbit.upper()))
    return images


def kind(source: Source) -> str:
    """Which images a ready source takes, in a few words, for messages.

    Args:
        source: The source.
    """
    if isinstance(source.ready, Sentinel1):
        return f"has {', '.join(source.taken)} in the mode IW, orbit: {source.ready.orbit}"
    return f"{source.ready.name if source.ready is not None else 'the config'} takes"


def harmonised(images: Any, source: Source, asset: str, bands: Sequence[str]) -> Any:
    """An `ee.ImageCollection` whose images have the ready source's bands, in its units.

    Args:
        images: Of one of its collections, clouds masked.
        source: Any source; images of one that is not ready stay as they are.
        asset: The collection.
        bands: Those that are needed.
    """
    if not isinstance(source.ready, Landsat):
        return images
    names = _LAND_IMAGER if asset.startswith("LANDSAT/LC") else _THERMAL_MAPPER

    def scaled(scene: Any) -> Any:
        whole = None
        for band in bands:
            factor, summand = _KELVIN if band == "thermal" else _REFLECTANCE
            one = scene.select([names[band]], [band]).multiply(factor).add(summand)
            whole = one if whole is None else whole.addBands(one)
        there = scene.select("QA_PIXEL").bitwiseAnd(_FILL_BIT).eq(0)
        unsaturated = scene.select("QA_RADSAT").eq(0)
        return whole.updateMask(there).updateMask(unsaturated)  # type: ignore[union-attr]

    return images.map(scaled)


def finished(whole: Any, source: Source) -> Any:
    """The composite of a ready source, in its units.

    Args:
        whole: `ee.Image` with the bands `source.taken`.
        source: Any source.
    """
    if not isinstance(source.ready, Sentinel1) or not source.ready.decibels:
        return whole
    power = [band for band in source.taken if band != "angle"]
    decibels = whole.select(power).log10().multiply(10)  # COPERNICUS_S1_GRD: "10*log10(x)"
    return whole.addBands(decibels, None, True)


def whole(images: Any, source: Source) -> Any | None:
    """The `ee.Image` of a ready source that is no composite, with all its bands; None for others.

    Args:
        images: Its images over the region.
        source: Any source.
    """
    if not isinstance(source.ready, CopernicusDem):
        return None
    # Slopes are differences between neighbours, so they are taken on the tiles' own grid, which a mosaic forgets.
    # COPERNICUS_DEM_GLO30, "Code example".
    elevation = images.select(["DEM"], ["elevation"]).mosaic().setDefaultProjection(images.first().projection())
    return elevation.addBands(ee.Terrain.slope(elevation)).addBands(ee.Terrain.aspect(elevation))
