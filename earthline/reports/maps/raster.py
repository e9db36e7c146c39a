"""The map's raster: a GeoTIFF that GIS programs show in the task's colours."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp

from earthline.grid import Grid
from earthline.reports.maps import gdal_files
from earthline.reports.maps.areas import PixelAreas
from earthline.task import Task
from earthline.task.maps import Coverage

Array = np.ndarray[Any, Any]

BLOCK = 256
"""Side in pixels of the GeoTIFF's internal tiles."""


class MapError(RuntimeError):
    """There is no map to write; the text says why."""


def write(
    blocks: Iterable[tuple[int, int, Array]], grid: Grid, task: Task, path: Path, tags: dict[str, str]
) -> Coverage:
    """Writes a map.

    Args:
        blocks: First row, first column and values (height, width), of parts that together cover the grid; the task's
            `no_data` where there is none.
        grid: Of the map.
        task: What the map tells.
        path: GeoTIFF to write; it appears when it is whole.
        tags: Further texts for the file.

    Returns:
        What the map shows.

    Raises:
        MapError: Every pixel is masked, or a value is none of the task's.
        OSError: The file could not be written whole.
    """
    temporary = path.with_suffix(".part.tif")
    profile = {
        "driver": "GTiff",
        "dtype": task.data_type,
        "count": 1,
        "height": grid.shape[0],
        "width": grid.shape[1],
        "crs": grid.pyproj_crs,
        "transform": grid.affine,
        "nodata": task.no_data,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        # What is packed may outgrow 4 GB, and nobody knows before.
        "BIGTIFF": "IF_SAFER",
        "NUM_THREADS": "ALL_CPUS",
    }
    areas, mapped = PixelAreas(grid), 0
    coverage, written = task.coverage(areas.known), gdal_files.Blocks()
    try:
        with gdal_files.told(path), rasterio.open(temporary, "w", **profile) as file:
            colormap = task.colormap()
            if colormap:
                file.write_colormap(1, colormap)
                file.colorinterp = [ColorInterp.palette]
            file.set_band_description(1, task.map_band)
            if task.map_unit:
                file.set_band_unit(1, task.map_unit)
            file.update_tags(**tags, **task.band_tags())
            for row, column, block in blocks:
                coverage.add(block, areas.window(row, column, (block.shape[0], block.shape[1])))
                mapped += int((block != task.no_data).sum())
                written.write(file, block, 1, row, column)
        if coverage.problem:
            raise MapError(coverage.problem)
        if not mapped:
            raise MapError(
                "every pixel of the map is masked; choose images, or a predict.region, where all bands are valid"
            )
        written.require(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return coverage


def picture(path: Path, task: Task, most: int) -> Array:
    """The map as a picture, in the order of its rows and columns.

    Args:
        path: The GeoTIFF.
        task: What the map tells.
        most: Most pixels a side; larger maps are thinned out.

    Returns:
        uint8 (height, width, 3).
    """
    with rasterio.open(path) as file:
        step = max(1, -(-max(file.height, file.width) // most))
        shape = tuple(-(-side // step) for side in (file.height, file.width))
        return task.colors_of(file.read(1, out_shape=shape))
