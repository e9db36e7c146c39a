"""The map's raster: class ids in a GeoTIFF that GIS programs show in the classes' colours."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from earthline.earth_engine.ee_model import CLASS_BAND
from earthline.formats.examples import UNLABELLED
from earthline.grid import Grid
from earthline.reports import pictures
from earthline.reports.maps.areas import Coverage

Array = np.ndarray[Any, Any]

BLOCK = 256
"""Side in pixels of the GeoTIFF's internal tiles."""


class MapError(RuntimeError):
    """There is no map to write; the text says why."""


@dataclass(frozen=True)
class Legend:
    """What the numbers of a map mean.

    Attributes:
        names: By class id.
        colors: #rrggbb by class id.
    """

    names: tuple[str, ...]
    colors: tuple[str, ...]


def write(
    blocks: Iterable[tuple[int, int, Array]], grid: Grid, legend: Legend, path: Path, tags: dict[str, str]
) -> Coverage:
    """Writes a map.

    Args:
        blocks: First row, first column and class ids, uint8 (height, width), of parts that together cover the grid;
            `UNLABELLED` where there is no class.
        grid: Of the map.
        legend: Of the classes.
        path: GeoTIFF to write; it appears when it is whole.
        tags: Further texts for the file.

    Returns:
        What each class covers.

    Raises:
        MapError: Every pixel is masked, or there is a class that the legend lacks.
    """
    temporary = path.with_suffix(".part.tif")
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 1,
        "height": grid.shape[0],
        "width": grid.shape[1],
        "crs": grid.pyproj_crs,
        "transform": grid.affine,
        "nodata": UNLABELLED,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
    }
    coverage = Coverage(grid, len(legend.names))
    try:
        with rasterio.open(temporary, "w", **profile) as file:
            file.write_colormap(1, _colormap(legend))
            file.colorinterp = [ColorInterp.palette]
            file.set_band_description(1, CLASS_BAND)
            file.update_tags(**tags, **{f"class_{class_id}": name for class_id, name in enumerate(legend.names)})
            for row, column, block in blocks:
                coverage.add(row, column, block)
                file.write(block, 1, window=Window(column, row, block.shape[1], block.shape[0]))
        if coverage.unknown:
            raise MapError(f"the model gave class ids of {len(legend.names)} and above, which no class has")
        if not coverage.pixels.any():
            raise MapError("every pixel of the map is masked; choose a predict.region where the imagery is valid")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return coverage


def picture(path: Path, legend: Legend, most: int) -> Array:
    """The map as a picture, in the order of its rows and columns.

    Args:
        path: The GeoTIFF.
        legend: Of the classes.
        most: Most pixels a side; larger maps are thinned out.

    Returns:
        uint8 (height, width, 3).
    """
    with rasterio.open(path) as file:
        step = max(1, -(-max(file.height, file.width) // most))
        shape = tuple(-(-side // step) for side in (file.height, file.width))
        return pictures.class_map(file.read(1, out_shape=shape), legend.colors)


def _colormap(legend: Legend) -> dict[int, tuple[int, int, int, int]]:
    colors = {class_id: (*pictures.rgb(color), 255) for class_id, color in enumerate(legend.colors)}
    return colors | {UNLABELLED: (0, 0, 0, 0)}
