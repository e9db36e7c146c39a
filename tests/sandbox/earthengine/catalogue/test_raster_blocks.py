import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

from earthline_sandbox.earthengine.catalogue.raster_blocks import SIDE, RasterBand, RasterBlocks

SHAPE = (2 * SIDE + 70, 3 * SIDE + 31)
PROFILE = {"driver": "GTiff", "count": 1, "height": SHAPE[0], "width": SHAPE[1], "crs": "EPSG:32617", "tiled": True}


def write(path, values, nodata):
    with rasterio.open(
        path, "w", transform=Affine(30, 0, 0, 0, -30, 0), dtype=values.dtype, nodata=nodata, **PROFILE
    ) as sink:
        sink.write(values, 1)


@pytest.fixture(scope="module")
def raster(tmp_path_factory):
    """(band, values, mask) of a file whose last column of blocks has no masked pixel."""
    generator = np.random.default_rng(4)
    values = generator.integers(1, 60_000, SHAPE).astype("uint16")
    values[:, : 3 * SIDE][generator.random((SHAPE[0], 3 * SIDE)) < 0.2] = 0
    path = tmp_path_factory.mktemp("raster") / "a.tif"
    write(path, values, 0)
    return RasterBand.of(path, 1, 0.0, SHAPE), values, values != 0


@settings(max_examples=80)
@given(data=st.data())
def test_any_window_is_what_the_file_holds_however_little_is_kept(raster, data):
    band, values, mask = raster
    blocks = RasterBlocks(data.draw(st.sampled_from([0, 400_000, 2**22, 2**28])))
    for _ in range(3):
        row, column = data.draw(st.integers(0, SHAPE[0] - 1)), data.draw(st.integers(0, SHAPE[1] - 1))
        shape = data.draw(st.integers(1, SHAPE[0] - row)), data.draw(st.integers(1, SHAPE[1] - column))
        place = slice(row, row + shape[0]), slice(column, column + shape[1])
        found = blocks.window(band, row, column, shape)
        assert (found.values == values[place]).all() and found.values.dtype == np.uint16
        assert found.mask.shape == shape and (found.mask == mask[place]).all()


def test_what_is_kept_stays_below_its_limit_and_cannot_be_written_to(raster):
    band, _, _ = raster
    blocks = RasterBlocks(1_000_000)
    for row in range(0, SHAPE[0], SIDE):
        for column in range(0, SHAPE[1], SIDE):
            found = blocks.window(band, row, column, (1, 1))
            assert 0 < blocks.kept_bytes <= 1_000_000
    with pytest.raises(ValueError, match="read-only"):
        found.values[0, 0] = 1


def test_threads_share_blocks(raster):
    band, values, _ = raster
    blocks = RasterBlocks()

    def total(number):
        return int(blocks.window(band, number, 0, (SIDE, SHAPE[1])).values.astype("int64").sum())

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(total, list(range(40)) * 2))
    assert found == [int(values[n : n + SIDE].astype("int64").sum()) for n in range(40)] * 2
    assert blocks.kept_bytes <= 3 * values.size + 3 * SIDE * SIDE


def test_a_file_that_was_replaced_is_read_anew(tmp_path):
    path, blocks = tmp_path / "a.tif", RasterBlocks()
    write(path, np.full(SHAPE, 1, "float32"), float("nan"))
    assert blocks.window(RasterBand.of(path, 1, float("nan"), SHAPE), 0, 0, (2, 2)).values.max() == 1
    kept = blocks.kept_bytes
    # A nodata value of NaN is the same one each time.
    blocks.window(RasterBand.of(path, 1, float("nan"), SHAPE), 0, 0, (2, 2))
    assert blocks.kept_bytes == kept
    os.remove(path)
    write(path, np.full(SHAPE, 2, "float32"), float("nan"))
    os.utime(path, ns=(1, 1))
    assert blocks.window(RasterBand.of(path, 1, float("nan"), SHAPE), 0, 0, (2, 2)).values.min() == 2
