"""The finished files: Cloud Optimized GeoTIFFs, written in one order whatever the order in which tiles came."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil

from earthline.grid import Grid
from earthline.local_map.layers import Layers
from earthline.local_map.work import Work
from earthline.reports.maps import figure, gdal_files, raster
from earthline.reports.maps.confidence import ConfidenceRaster
from earthline.task import Task
from earthline.task.maps import Coverage

Array = np.ndarray[Any, Any]

SHAPE = (raster.BLOCK, 16 * raster.BLOCK)
"""Pixels that are written at a time: what is in memory does not grow with the map."""
CACHE_BYTES = 64 << 20
"""Of blocks that GDAL keeps; by itself it takes a twentieth of the memory."""
PICTURE_PIXELS = 1400
"""Most pixels a side of a picture's map."""
_RESAMPLING = {"MEAN": "AVERAGE", "SAMPLE": "NEAREST"}
"""GDAL's words for Earth Engine's policies of pyramids, where they differ."""


def write(
    work: Work,
    output: Path,
    grid: Grid,
    task: Task,
    layers: Layers,
    tags: Mapping[str, str],
    titles: Mapping[str, str],
    picture: tuple[str, str] | None,
) -> tuple[list[Path], Coverage]:
    """Writes the files beside the work, and then moves them to where they belong, the map last.

    Args:
        work: All of whose groups are done.
        output: GeoTIFF of the map.
        grid: Of it.
        task: What it tells.
        layers: Of the work.
        tags: Texts for the files.
        titles: What each further band tells, by name.
        picture: Title and attribution of a PNG; None for none.

    Returns:
        The files, the map first; and what the map shows.

    Raises:
        MapError: Every pixel is masked, or a value is none of the task's.
        OSError: A file could not be written whole.
    """
    try:
        with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES >> 20):
            made, coverage = _written(work, output, grid, task, layers, tags, titles, picture)
    except BaseException:
        # The room may be what is lacking.
        for path in (*work.folder.glob("*.tif"), *work.folder.glob("*.png")):
            path.unlink(missing_ok=True)
        raise
    for path, place in made.items():
        os.replace(path, place)
    return list(reversed(made.values())), coverage


def _written(
    work: Work,
    output: Path,
    grid: Grid,
    task: Task,
    layers: Layers,
    tags: Mapping[str, str],
    titles: Mapping[str, str],
    picture: tuple[str, str] | None,
) -> tuple[dict[Path, Path], Coverage]:
    """The files, each with where it belongs."""
    made: dict[Path, Path] = {}
    if layers.bands:
        plain = work.folder / "further.tif"
        with ConfidenceRaster(plain, grid, {name: titles[name] for name in layers.bands}, tags) as file:
            for row, column, shape in grid.tiles(SHAPE):
                pixels = {name: work.read(name, row, column, shape) for name in layers.bands}
                file.write(row, column, pixels, np.ones(shape, bool))
        made[_optimized(plain, "AVERAGE", predictor=3)] = further_of(output)
    plain = work.folder / "map.tif"
    coverage = raster.write(_blocks(work, grid, task), grid, task, plain, dict(tags))
    optimized = _optimized(plain, _RESAMPLING.get(task.pyramiding_policy, task.pyramiding_policy))
    if picture is not None:
        drawn = work.folder / "map.png"
        figure.write(drawn, raster.picture(optimized, task, PICTURE_PIXELS), grid, task, *picture)
        made[drawn] = output.with_suffix(".png")
    made[optimized] = output
    return made, coverage


def further_of(output: Path) -> Path:
    """Where the further bands of a map go.

    Args:
        output: GeoTIFF of the map.
    """
    return output.with_name(f"{output.stem}_confidence.tif")


def _blocks(work: Work, grid: Grid, task: Task) -> Iterator[tuple[int, int, Array]]:
    for row, column, shape in grid.tiles(SHAPE):
        yield row, column, work.read(task.map_band, row, column, shape)


def _optimized(plain: Path, resampling: str, *, predictor: int = 1) -> Path:
    """A copy whose blocks and overviews are in the order in which readers over the network want them."""
    path = plain.with_suffix(".cog.tif")
    options = {"PREDICTOR": predictor} if predictor > 1 else {}
    with gdal_files.told(path):
        rasterio.shutil.copy(
            plain,
            path,
            driver="COG",
            COMPRESS="DEFLATE",
            BLOCKSIZE=raster.BLOCK,
            OVERVIEW_RESAMPLING=resampling,
            BIGTIFF="IF_SAFER",
            NUM_THREADS="ALL_CPUS",
            **options,
        )
    gdal_files.require_copy(path, plain, SHAPE)
    plain.unlink()
    return path
