"""The images of a source before they become one."""

from typing import Any

import ee

from earthline.config import Data
from earthline.earth_engine.imagery import clouds
from earthline.earth_engine.imagery.region import region


def collection(data: Data) -> Any:
    """The filtered, cloud-masked `ee.ImageCollection` behind a composite."""
    imagery = data.imagery
    return clouds.masked(scenes(data), imagery.cloud_mask).select(list(imagery.bands))


def scenes(data: Data) -> Any:
    """The same `ee.ImageCollection` before anything is done to its images: they keep their versions."""
    imagery = data.imagery
    images = ee.ImageCollection(imagery.collection).filterDate(imagery.start, imagery.end).filterBounds(region(data))
    if imagery.max_cloud_percent is not None:
        # The client makes `not greater than` of lte, which images without the property pass as well.
        known = ee.Filter.notNull([imagery.cloud_share_property])
        images = images.filter(known).filter(ee.Filter.lte(imagery.cloud_share_property, imagery.max_cloud_percent))
    return images
