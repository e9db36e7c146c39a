"""What a training patch is cut from: the bands of the imagery, the label, and where the imagery is valid."""

from typing import Any

from earthline.config import Data
from earthline.earth_engine.imagery.labels import labels
from earthline.earth_engine.imagery.region import clipped
from earthline.earth_engine.imagery.stack import image, valid
from earthline.grid import Grid
from earthline.task import task_of


def training_bands(data: Data) -> Any:
    """The `ee.Image` of a patch's bands and validity, masked nowhere: Earth Engine's NPY format has no mask.

    Args:
        data: The section.
    """
    return image(data).unmask(0, False).addBands(valid(data))


def training_image(data: Data, grid: Grid) -> Any:
    """The `ee.Image` of a patch's bands, label and validity, masked nowhere.

    Outside of the region's outline there is imagery, as a model sees it around its edge, and no label.

    Args:
        data: The section.
        grid: Of the whole region.
    """
    label = task_of(data).unmasked(clipped(labels(data), data, grid, offset=data.labels.offset))
    return image(data).unmask(0, False).addBands(label).addBands(valid(data))
