"""The labels as one band of class ids."""

from typing import Any

import ee

from earthline.config import Data, RasterLabels, VectorLabels
from earthline.earth_engine.imagery import features
from earthline.earth_engine.imagery.burning import burned
from earthline.task import task_of

LABEL_BAND = "earthline_label"
"""Band of class ids; the config refuses imagery bands that begin with `earthline_`."""


def labels(data: Data) -> Any:
    """One uint8 band `earthline_label` of class ids; masked where there is no value, or one that is ignored.

    Where a raster is finer than the grid that is asked for, a pixel gets the class that covers most of it. Without
    that, Earth Engine would read a pyramid level whose values are means of class ids where the asset was uploaded
    with the default policy (developers.google.com/earth-engine/guides/scale and guides/resample). Points and polygons
    become pixels of whatever grid is asked for.
    """
    described = data.labels
    if isinstance(described, VectorLabels):
        drawn = burned(features.collection(described), radius=described.radius, all_touched=described.all_touched)
        return drawn.rename(LABEL_BAND).toUint8()
    assert isinstance(described, RasterLabels)
    values = label_values(data)
    return task_of(data).encoded(_by_ranges(values, described) if described.by_ranges else values, LABEL_BAND)


def label_values(data: Data) -> Any:
    """The label raster as it is, before its values become class ids."""
    described = data.labels
    assert isinstance(described, RasterLabels)
    if described.image:
        return ee.Image(described.image).select([described.band])
    tiles = ee.ImageCollection(described.collection).select([described.band])
    # A mosaic's own projection is EPSG:4326 at one degree, in which no pixel would be finer than the grid.
    return tiles.mosaic().setDefaultProjection(tiles.first().projection())


def _by_ranges(values: Any, described: RasterLabels) -> Any:
    """The class id of the range that each value lies in; masked outside of all. NaN lies in none."""
    ids, known = values.multiply(0).toInt16(), values.multiply(0).toInt16()
    for low, high, class_id, closed in described.ranges:
        inside = values.gte(low).And(values.lte(high) if closed else values.lt(high))
        ids, known = ids.add(inside.multiply(class_id)), known.add(inside)
    return ids.updateMask(known)
