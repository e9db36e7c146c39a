"""The labels as one band, encoded by the task."""

from typing import Any

import ee

from earthline.config import Data, RasterLabels, VectorLabels
from earthline.earth_engine.imagery import features
from earthline.earth_engine.imagery.burning import burned
from earthline.task import task_of

LABEL_BAND = "earthline_label"
"""Band of labels; the config refuses imagery bands that begin with `earthline_`."""


def labels(data: Data) -> Any:
    """One band `earthline_label` of the task's type; masked where there is no value, or one that is ignored.

    Where a raster is finer than the grid that is asked for, a pixel gets the value that stands for all of it. Without
    that, Earth Engine would read a pyramid level, whose values are means where the asset was uploaded with the default
    policy (developers.google.com/earth-engine/guides/scale and guides/resample). Points and polygons become pixels of
    whatever grid is asked for.
    """
    described, task = data.labels, task_of(data)
    if isinstance(described, VectorLabels):
        drawn = burned(features.collection(described), radius=described.radius, all_touched=described.all_touched)
        return task.cast(drawn.rename(LABEL_BAND))
    return task.encoded(label_values(data), LABEL_BAND)


def label_values(data: Data) -> Any:
    """The label raster as it is, before the task encodes its values."""
    described = data.labels
    assert isinstance(described, RasterLabels)
    if described.image:
        return ee.Image(described.image).select([described.band])
    tiles = ee.ImageCollection(described.collection).select([described.band])
    # A mosaic's own projection is EPSG:4326 at one degree, in which no pixel would be finer than the grid.
    return tiles.mosaic().setDefaultProjection(tiles.first().projection())
