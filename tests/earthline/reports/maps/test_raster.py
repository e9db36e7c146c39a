from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import CRS

from earthline.grid import Grid
from earthline.reports.maps import raster
from earthline.reports.maps.raster import MapError
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

LEGEND = Classification(("a", "b"), ("#111111", "#22aa22"))
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"


@pytest.mark.parametrize("crs", ["EPSG:32632", "SR-ORG:6974", CRS(SINUSOIDAL).to_wkt()])
def test_a_map_has_its_crs_with_a_code_or_without(tmp_path: Path, crs: str) -> None:
    grid = Grid(crs, (463.3, 0, 1_111_950, 0, -463.3, 5_559_752), (30, 40))
    ids = np.random.default_rng(0).integers(0, 2, grid.shape).astype(np.uint8)
    ids[:3] = UNLABELLED
    parts = [(row, column, ids[row : row + h, column : column + w]) for row, column, (h, w) in grid.tiles((16, 16))]
    coverage = raster.write(parts, grid, LEGEND, tmp_path / "map.tif", {"title": "t"})
    with rasterio.open(tmp_path / "map.tif") as file:
        np.testing.assert_array_equal(file.read(1), ids)
        assert CRS.from_wkt(file.crs.to_wkt()).equals(grid.pyproj_crs, ignore_axis_order=True)
    assert coverage.pixels.tolist() == [int((ids == each).sum()) for each in (0, 1)]
    assert (coverage.masked, coverage.unknown) == (3 * 40, 0)


@pytest.mark.parametrize(
    ("value", "words"), [(2, "which no class has"), (UNLABELLED, "every pixel of the map is masked")]
)
def test_what_is_no_map_leaves_no_file(tmp_path: Path, value: int, words: str) -> None:
    grid = Grid("EPSG:32632", (10, 0, 600_000, 0, -10, 5_000_000), (16, 16))
    block = np.full(grid.shape, value, np.uint8)
    with pytest.raises(MapError, match=words):
        raster.write([(0, 0, block)], grid, LEGEND, tmp_path / "map.tif", {})
    assert not list(tmp_path.iterdir())
