"""How the images of a collection become one."""

from typing import Any

import ee

from earthline.config import Source

_NEARNESS = "earthline_nearness"


def composed(images: Any, source: Source) -> Any:
    """One `ee.Image` with the bands `source.taken`.

    Args:
        images: `ee.ImageCollection` of images with these bands, and the source's quality band.
        source: Says how.
    """
    bands = list(source.taken)
    if source.composite == "percentile":
        return images.select(bands).reduce(ee.Reducer.percentile([source.percentile])).rename(bands)
    if source.composite == "quality_mosaic":
        return images.qualityMosaic(source.quality_band).select(bands)
    if source.composite == "medoid":
        return _medoid(images).select(bands)
    return getattr(images, source.composite)().select(bands)


def nothing(source: Source) -> Any:
    """An `ee.Image` with the bands of a source's images, masked everywhere."""
    bands = list(dict.fromkeys([*source.taken, *([source.quality_band] if source.quality_band else [])]))
    return ee.Image.constant([0] * len(bands)).rename(bands).updateMask(0)


def _medoid(images: Any) -> Any:
    """Each pixel of the image whose bands have the least sum of squared differences to the median.

    The distances to all other images, of which the literature takes the least sum (doi.org/10.3390/rs5126481), grow
    with the square of their number; the nearest to the median is what is used on Earth Engine.
    """
    median = images.median()

    def rated(scene: Any) -> Any:
        whole = scene.updateMask(scene.mask().reduce(ee.Reducer.min()))
        distance = whole.subtract(median).pow(2).reduce(ee.Reducer.sum())
        return whole.addBands(distance.multiply(-1).rename([_NEARNESS]))

    return images.map(rated).qualityMosaic(_NEARNESS)
