"""The same computations with NumPy and rasterio, of the files themselves; what is not valid is 0 in them."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window


def read(path: Path, side: int) -> Any:
    """All bands of a square of a file."""
    with rasterio.open(path) as source:
        return source.read(window=Window(0, 0, side, side))


def median(paths: list[Path], side: int) -> Any:
    """The median of what is not 0: files and bands in parallel, by sorting, and counts of what is valid."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        stack = np.stack(list(pool.map(lambda path: read(path, side), paths)), axis=1)
        return np.stack(list(pool.map(_masked_median, stack)))


def _masked_median(stack: Any) -> Any:
    # Masked pixels are 0 and sort to the front: the valid ones lie behind them.
    masked = (stack == 0).sum(axis=0)
    valid = len(stack) - masked
    stack = np.sort(stack, axis=0)
    low = np.take_along_axis(stack, np.minimum(masked + (valid - 1) // 2, len(stack) - 1)[None], axis=0)[0]
    high = np.take_along_axis(stack, np.minimum(masked + valid // 2, len(stack) - 1)[None], axis=0)[0]
    return (low.astype("float64") + high) / 2


def points(path: Path, crs: str, points: list[tuple[float, float]]) -> Any:
    """Values of a file at places in longitude and latitude, by one window around them."""
    x, y = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(*zip(*points, strict=True))
    with rasterio.open(path) as source:
        columns, rows = (np.floor(place).astype(int) for place in ~source.transform @ (np.array(x), np.array(y)))
        top, left = rows.min(), columns.min()
        values = source.read(window=Window(left, top, np.ptp(columns) + 1, np.ptp(rows) + 1))
    found = values[:, rows - top, columns - left]
    return found[:, (found > 0).all(axis=0)].T.tolist()


def stratified(path: Path, classes: int, each: int) -> Any:
    """So many random pixels of each class of the first band."""
    generator = np.random.default_rng(0)
    with rasterio.open(path) as source:
        values = source.read()
    valid = (values > 0).all(axis=0)
    labels = values[0] % classes
    chosen = [generator.choice(np.flatnonzero((labels == k) & valid), each, replace=False) for k in range(classes)]
    return values.reshape(len(values), -1)[:, np.concatenate(chosen)].T


def tile(path: Path, bounds: tuple[float, float, float, float]) -> bytes:
    """Three bands in Web Mercator, as a picture's bytes with transparency."""
    west, _, east, north = bounds
    size = (east - west) / 256
    transform = Affine(size, 0, west, 0, -size, north)
    grid = {"crs": "EPSG:3857", "transform": transform, "width": 256, "height": 256}
    with rasterio.open(path) as source, WarpedVRT(source, **grid) as warped:
        values, mask = warped.read([1, 2, 3]), warped.dataset_mask()
    colors = np.clip(values * np.float32(255 / 10_000), 0, 255).astype("uint8")
    profile = {"driver": "PNG", "height": 256, "width": 256, "count": 4, "dtype": "uint8", "transform": transform}
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as sink:
            sink.write(np.concatenate([colors, mask[None]]))
        return bytes(memory.read())
