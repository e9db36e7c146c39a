"""Files that GDAL could not write whole are never taken for files."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from earthline.grid import Grid
from earthline.reports.maps import gdal_files, raster
from earthline.reports.maps.confidence import ConfidenceRaster
from earthline.task.regression.task import Regression

GRID = Grid("EPSG:32632", (10, 0, 600_000, 0, -10, 5_000_000), (300, 520))
NOISE = np.random.default_rng(0).normal(size=GRID.shape).astype(np.float32)


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file may get longer: what is written beyond fails, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write_map(folder: Path) -> None:
    blocks = [
        (row, column, NOISE[row : row + h, column : column + w]) for row, column, (h, w) in GRID.tiles((256, 256))
    ]
    raster.write(blocks, GRID, Regression("height", "m", (-9.0, 9.0), ()), folder / "file.tif", {})


def write_confidence(folder: Path) -> None:
    with ConfidenceRaster(folder / "file.tif", GRID, {"margin": "m"}, {}) as file:
        for row, column, (height, width) in GRID.tiles((256, 256)):
            block = NOISE[row : row + height, column : column + width]
            file.write(row, column, {"margin": block}, np.ones(block.shape, bool))


@pytest.mark.parametrize("write", [write_map, write_confidence])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 0.999])
def test_a_file_with_holes_is_an_error_and_is_not_left(tmp_path: Path, write: object, share: float) -> None:
    assert callable(write)
    write(tmp_path)
    path = tmp_path / "file.tif"
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), NOISE)
    size = path.stat().st_size
    path.unlink()
    with pytest.raises(OSError, match="could not be written"), room(int(share * size)):
        write(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("share", [0.01, 0.04, 0.2, 0.3, 0.6, 0.95])
def test_a_copy_with_holes_is_found_in_its_pixels_and_its_overviews(tmp_path: Path, share: float) -> None:
    write_map(tmp_path)
    copy = tmp_path / "copy.tif"
    rasterio.shutil.copy(tmp_path / "file.tif", copy, driver="COG", COMPRESS="DEFLATE", BLOCKSIZE=128)
    gdal_files.require_copy(copy, tmp_path / "file.tif", (256, 256))
    with rasterio.open(copy) as file:
        assert len(file.overviews(1)) >= 2
    content = bytearray(copy.read_bytes())
    place = int(share * len(content))
    content[place : place + 600] = bytes(600)
    copy.write_bytes(content)
    with pytest.raises(OSError, match="could not be written whole"):
        gdal_files.require_copy(copy, tmp_path / "file.tif", (256, 256))
