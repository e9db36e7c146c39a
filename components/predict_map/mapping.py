"""The map: predicted tile by tile through Earth Engine, written to a GeoTIFF."""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from earthline import ee_model, pictures
from earthline.examples import UNLABELLED
from earthline.grid import Grid
from earthline.pixels import fetch, stream

ATTEMPTS = 6
BLOCK = 256
"""Side in pixels of the GeoTIFF's internal tiles."""
PROGRESS_SECONDS = 5.0

_logger = logging.getLogger(__name__)
_Tile = tuple[int, int, tuple[int, int]]


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


def request_shape(asked: tuple[int, int], tile: tuple[int, int]) -> tuple[int, int]:
    """The shape of a request: a whole number of the model's tiles, so that none is predicted twice.

    Args:
        asked: The config's, in pixels `(height, width)`.
        tile: The model's, in pixels `(height, width)`.
    """
    rows, columns = (max(1, want // side) * side for want, side in zip(asked, tile, strict=True))
    return rows, columns


def write(
    classes: Any, grid: Grid, shape: tuple[int, int], threads: int, legend: Legend, path: Path, tags: dict[str, str]
) -> np.ndarray[Any, Any]:
    """Predicts the whole grid and writes it.

    Args:
        classes: The `ee.Image` of class ids, unmasked.
        grid: Of the map.
        shape: Pixels of each request `(height, width)`.
        threads: Requests under way at once.
        legend: Of the classes.
        path: GeoTIFF to write; it appears when it is whole.
        tags: Further texts for the file.

    Returns:
        Pixels by class id, (classes,).

    Raises:
        MapError: Every pixel is masked, or Earth Engine gave a class that the legend lacks.
        PixelsError: Earth Engine does not answer.
    """
    counts = np.zeros(UNLABELLED + 1, np.int64)
    temporary = path.with_suffix(".part.tif")
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 1,
        "height": grid.shape[0],
        "width": grid.shape[1],
        "crs": grid.crs,
        "transform": grid.affine,
        "nodata": UNLABELLED,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
    }
    with rasterio.open(temporary, "w", **profile) as file:
        file.write_colormap(1, _colormap(legend))
        file.colorinterp = [ColorInterp.palette]
        file.set_band_description(1, ee_model.CLASS_BAND)
        file.update_tags(**tags, **{f"class_{class_id}": name for class_id, name in enumerate(legend.names)})
        for (row, column, (height, width)), block in _predicted(classes, grid, shape, threads):
            counts += np.bincount(block.ravel(), minlength=UNLABELLED + 1)
            file.write(block, 1, window=Window(column, row, width, height))
    os.replace(temporary, path)
    known = counts[: len(legend.names)]
    if counts[:UNLABELLED].sum() != known.sum():
        raise MapError(f"the model gave class ids of {len(legend.names)} and above, which no class has")
    if not known.any():
        raise MapError("every pixel of the map is masked; choose a predict.region where the imagery is valid")
    return known


def preview(path: Path, legend: Legend, most: int) -> np.ndarray[Any, Any]:
    """The map as a picture.

    Args:
        path: The GeoTIFF.
        legend: Of the classes.
        most: Most pixels a side; larger maps are thinned out.

    Returns:
        uint8 (height, width, 3).
    """
    with rasterio.open(path) as file:
        step = thinning((file.height, file.width), most)
        shape = tuple(-(-side // step) for side in (file.height, file.width))
        return pictures.class_map(file.read(1, out_shape=shape), legend.colors)


def thinning(shape: Sequence[int], most: int) -> int:
    """Every how many pixels one is shown, for a picture of at most `most` pixels a side."""
    return max(1, -(-max(shape) // most))


def _predicted(
    classes: Any, grid: Grid, shape: tuple[int, int], threads: int
) -> Iterator[tuple[_Tile, np.ndarray[Any, Any]]]:
    tiles = list(grid.tiles(shape))
    start = said = time.monotonic()

    def predict(tile: _Tile) -> np.ndarray[Any, Any]:
        row, column, window = tile
        place = f"map tile at row {row}, column {column}"
        return fetch(classes, grid.window(row, column, window), ATTEMPTS, place)[ee_model.CLASS_BAND]

    with ThreadPoolExecutor(threads, thread_name_prefix="predict") as pool:
        for done, (tile, block) in enumerate(stream(pool, predict, tiles, 2 * threads), start=1):
            now = time.monotonic()
            if now - said >= PROGRESS_SECONDS or done == len(tiles):
                said = now
                _logger.info("predict_map: %d/%d tiles, %.1f/s", done, len(tiles), done / max(now - start, 1e-9))
            yield tile, block


def _colormap(legend: Legend) -> dict[int, tuple[int, int, int, int]]:
    colors = {class_id: (*pictures.rgb(color), 255) for class_id, color in enumerate(legend.colors)}
    return colors | {UNLABELLED: (0, 0, 0, 0)}
