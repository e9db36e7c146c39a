"""Pictures of what the map is made from: the imagery and the labels, thinned out to the report's size."""

from typing import Any

import numpy as np

from components.predict_map.mapping import ATTEMPTS, Legend, thinning
from earthline import imagery, pictures
from earthline.config import Data
from earthline.examples import UNLABELLED
from earthline.grid import Grid
from earthline.pixels import fetch

SEEN_BAND = "seen"


def coarse(grid: Grid, step: int) -> Grid:
    """A grid over the same ground with pixels `step` times as large, the last ones perhaps reaching outside."""
    a, b, c, d, e, f = grid.transform
    height, width = (-(-side // step) for side in grid.shape)
    return Grid(grid.crs, (a * step, b * step, c, d * step, e * step, f), (height, width))


def imagery_picture(data: Data, grid: Grid, most: int) -> np.ndarray[Any, Any]:
    """The imagery in (nearly) true colour, light grey where masked.

    Args:
        data: The section.
        grid: Of the map.
        most: Most pixels a side.

    Returns:
        uint8 (height, width, 3).
    """
    bands = data.imagery.bands
    shown = [bands[index] for index in pictures.visible_bands(bands)]
    image = imagery.image(data).select(list(dict.fromkeys(shown)))
    seen = image.select([0]).mask().gt(0).unmask(0, False).toUint8().rename([SEEN_BAND])
    window = coarse(grid, thinning(grid.shape, most))
    pixels = fetch(image.unmask(0, False).addBands(seen), window, ATTEMPTS, "picture of the imagery")
    stacked = np.stack([pixels[band] for band in shown], axis=-1)
    valid = pixels[SEEN_BAND] > 0
    # The bands are in order of display already, so the picture takes them as red, green and blue.
    low, high = pictures.stretch(stacked, valid)
    picture = pictures.brightness(stacked, low, high)
    picture[~valid] = pictures.MISSING_COLOR
    return picture


def label_picture(data: Data, grid: Grid, legend: Legend, most: int) -> np.ndarray[Any, Any]:
    """The labels in the map's colours, light grey where there are none.

    Args:
        data: The section.
        grid: Of the map.
        legend: Of the classes.
        most: Most pixels a side.

    Returns:
        uint8 (height, width, 3).
    """
    rows, columns = data.labels.offset
    window = coarse(grid.window(rows, columns, grid.shape), thinning(grid.shape, most))
    labels = imagery.labels(data).unmask(UNLABELLED, False).toUint8()
    pixels = fetch(labels, window, ATTEMPTS, "picture of the labels")
    return pictures.class_map(pixels[imagery.LABEL_BAND], legend.colors)
