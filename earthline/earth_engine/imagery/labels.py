"""The labels as one band of class ids."""

from typing import Any

import ee

from earthline.config import Data
from earthline.task import task_of

LABEL_BAND = "earthline_label"
"""Band of class ids; the config refuses imagery bands that begin with `earthline_`."""


def labels(data: Data) -> Any:
    """One uint8 band `earthline_label` of class ids; masked where the raster has no value or one that is ignored.

    Where the raster is finer than the grid that is asked for, a pixel gets the class that covers most of it. Without
    that, Earth Engine would read a pyramid level whose values are means of class ids where the asset was uploaded
    with the default policy (developers.google.com/earth-engine/guides/scale and guides/resample).
    """
    return task_of(data).encoded(label_values(data), LABEL_BAND)


def label_values(data: Data) -> Any:
    """The label raster as it is, before its values become class ids."""
    described = data.labels
    if described.image:
        return ee.Image(described.image).select([described.band])
    tiles = ee.ImageCollection(described.collection).select([described.band])
    # A mosaic's own projection is EPSG:4326 at one degree, in which no pixel would be finer than the grid.
    return tiles.mosaic().setDefaultProjection(tiles.first().projection())
