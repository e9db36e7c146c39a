"""The raster beside the map: how far the map can be believed, a band for each way to tell it."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import rasterio

from earthline.grid import Grid
from earthline.reports.maps import gdal_files
from earthline.reports.maps.raster import BLOCK

Array = np.ndarray[Any, Any]

NO_DATA = -9999.0
"""Where the map tells nothing."""


class ConfidenceRaster:
    """A GeoTIFF that is written block after block, and appears when it is whole."""

    def __init__(self, path: Path, grid: Grid, titles: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Opens it.

        Args:
            path: GeoTIFF to write.
            grid: Of the map.
            titles: What each band tells, by its name, in their order.
            tags: Texts for the file.

        Raises:
            rasterio.errors.RasterioIOError: It cannot be made.
        """
        self.path = path
        self._part = path.with_suffix(".part.tif")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._names = tuple(titles)
        self._written = gdal_files.Blocks()
        self._file = rasterio.open(
            self._part,
            "w",
            driver="GTiff",
            dtype="float32",
            count=len(titles),
            height=grid.shape[0],
            width=grid.shape[1],
            crs=grid.pyproj_crs,
            transform=grid.affine,
            nodata=NO_DATA,
            tiled=True,
            blockxsize=BLOCK,
            blockysize=BLOCK,
            compress="deflate",
            predictor=3,
            # What is packed may outgrow 4 GB, and nobody knows before.
            BIGTIFF="IF_SAFER",
            NUM_THREADS="ALL_CPUS",
        )
        self._file.update_tags(**tags)
        for place, (name, title) in enumerate(titles.items(), start=1):
            self._file.set_band_description(place, name)
            self._file.update_tags(place, title=title)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def write(self, row: int, column: int, pixels: Array | Mapping[str, Array], mapped: Array) -> None:
        """Writes a block.

        Args:
            row: Of its first pixel.
            column: Likewise.
            pixels: Structured array (height, width) with a field for each band, or an array for each; more do no harm.
            mapped: bool (height, width), where the map tells something.
        """
        for place, name in enumerate(self._names, start=1):
            self._write(np.where(mapped, pixels[name], NO_DATA).astype(np.float32), place, row, column)

    def empty(self, row: int, column: int, shape: tuple[int, int]) -> None:
        """Writes a block where the map tells nothing.

        Args:
            row: Of its first pixel.
            column: Likewise.
            shape: In pixels `(height, width)`.
        """
        nothing = np.full(shape, NO_DATA, np.float32)
        for place in range(1, len(self._names) + 1):
            self._write(nothing, place, row, column)

    def _write(self, block: Array, place: int, row: int, column: int) -> None:
        with gdal_files.told(self.path):
            self._written.write(self._file, block, place, row, column)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the file its name where all went well; else nothing is left of it. Raises OSError at holes in it."""
        try:
            with gdal_files.told(self.path):
                self._file.close()
            if kind is None:
                self._written.require(self._part)
                os.replace(self._part, self.path)
        finally:
            self._part.unlink(missing_ok=True)
