"""How pixels of a source come onto another grid."""

from typing import Any

import ee

_MOST_PIXELS = 65_536
"""Most pixels of a source that one pixel of the grid is made of: Earth Engine's limit, 256 a side."""


def resampled(image: Any, how: str) -> Any:
    """An `ee.Image` that is read on other grids in a certain way; its pixels on its own grid stay.

    Args:
        image: With the projection of its own pixels.
        how: `data.imagery.resample`. By developers.google.com/earth-engine/guides/resample, `nearest` is what Earth
            Engine does by itself, and `mean` and `mode` need `reduceResolution`.
    """
    if how in ("bilinear", "bicubic"):
        return image.resample(how)
    if how in ("mean", "mode"):
        return image.reduceResolution(getattr(ee.Reducer, how)(), False, _MOST_PIXELS)
    return image


def each_resampled(images: Any, how: str) -> Any:
    """As `resampled`, of each image of an `ee.ImageCollection`: a composite has no pixels of its own."""
    return images if how == "nearest" else images.map(lambda image: resampled(image, how))
