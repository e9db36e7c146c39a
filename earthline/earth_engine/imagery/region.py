"""The region to work in, and the grid of pixels on which all work is done."""

import math
from typing import Any

import ee

from earthline.config import BoundingBox, Data
from earthline.earth_engine.imagery.errors import ATTEMPTS, ImageryError
from earthline.earth_engine.retry import ask
from earthline.grid import Grid, GridError


def region(data: Data) -> Any:
    """The `ee.Geometry` to work in."""
    if data.region is not None:
        return rectangle(data.region)
    source = data.imagery.grid_source
    assert source is not None  # without it the config demands a region
    return ee.Image(source.image).geometry()


def rectangle(box: BoundingBox) -> Any:
    """A planar `ee.Geometry` of a rectangle in degrees."""
    return ee.Geometry.Rectangle([box.west, box.south, box.east, box.north], "EPSG:4326", False)


def grid(data: Data, box: BoundingBox | None = None, key: str = "data.region") -> Grid:
    """The pixel grid of the region: the image's own, or the config's `crs` and `scale`; asks Earth Engine.

    Args:
        data: The section.
        box: Region instead of the section's own, in degrees.
        key: The config's key that holds `box`, for errors.

    Raises:
        ImageryError: The region lies outside the imagery, or the imagery's grid is of no use.
        PixelsError: Earth Engine does not answer.
    """
    box = box or data.region
    try:
        if data.crs is not None and data.scale is not None and box is not None:
            return _aligned(data.crs, data.scale, box)
        whole = _own_grid(data)
        return whole if box is None else whole.crop((box.west, box.south, box.east, box.north))
    except GridError as error:
        raise ImageryError(f"{key}: {error}") from error


def map_grid(data: Data, box: BoundingBox | None) -> Grid:
    """The pixel grid of the map; asks Earth Engine.

    Args:
        data: The section.
        box: `predict.region`; None for the section's own region.

    Raises:
        ImageryError: The region lies outside the imagery, or the imagery's grid is of no use.
        PixelsError: Earth Engine does not answer.
    """
    return grid(data, box, "data.region" if box is None else "predict.region")


def _own_grid(data: Data) -> Grid:
    """The grid of the first band of the first source, which is an image."""
    source = data.imagery.grid_source
    assert source is not None  # without it the config demands a CRS
    band = ask(ee.Image(source.image).select([source.taken[0]]).getInfo, ATTEMPTS, f"grid of {source.image}")["bands"][
        0
    ]
    a, b, c, d, e, f = (float(number) for number in band["crs_transform"])
    column, row = (int(number) for number in band.get("origin", (0, 0)))
    if "dimensions" not in band:
        raise ImageryError(
            f"data.imagery.image: {source.image} has no edge, so it has no grid to work on; give `data.region`, "
            "`data.crs` and `data.scale`"
        )
    width, height = band["dimensions"]
    return Grid(band["crs"], (a, b, c, d, e, f), (height, width)).window(row, column, (height, width))


def _aligned(crs: str, scale: float, box: BoundingBox) -> Grid:
    """The grid of whole multiples of `scale` that covers a rectangle in degrees."""
    left, bottom, right, top = Grid(crs, (scale, 0.0, 0.0, 0.0, -scale, 0.0), (1, 1)).project(
        (box.west, box.south, box.east, box.north)
    )
    column, row = math.floor(left / scale), math.floor(-top / scale)
    shape = (math.ceil(-bottom / scale) - row, math.ceil(right / scale) - column)
    return Grid(crs, (scale, 0.0, column * scale, 0.0, -scale, -row * scale), shape)
