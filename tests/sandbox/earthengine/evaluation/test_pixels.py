import ee
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.errors import ApiError

CRS = "EPSG:32617"
TRANSFORM = (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0)
SHAPE = (60, 80)
GRID = Grid(CRS, TRANSFORM, SHAPE)


def test_an_assets_own_grid_gives_the_file_bit_for_bit(world):
    red, nir = world.pixels(ee.Image("C/s1"))
    for pixels, stored in ((red, world.red[1]), (nir, world.nir[1])):
        assert pixels.dtype == np.uint16
        assert np.array_equal(pixels.mask, stored == 0)
        assert np.array_equal(pixels.data[~pixels.mask], stored[stored != 0])


def test_a_shifted_window_is_the_files_window_and_masked_beyond(world):
    grid = Grid(CRS, (30.0, 0.0, 600_000.0 - 300, 0.0, -30.0, 4_000_000.0 - 600), (70, 50))
    pixels = world.pixels(ee.Image("C/s0").select("red"), grid)[0]
    expected = np.zeros((70, 50), "uint16")
    expected[:40, 10:] = world.red[0][20:60, :40]
    assert np.array_equal(pixels.filled(0), expected)


def test_half_a_pixel_off_takes_the_pixel_that_holds_the_centre(world):
    grid = Grid(CRS, (30.0, 0.0, 600_000.0 + 14, 0.0, -30.0, 4_000_000.0 - 14), (59, 79))
    assert np.array_equal(world.pixels(ee.Image("classes"), grid)[0], world.classes[:59, :79])
    grid = Grid(CRS, (30.0, 0.0, 600_000.0 + 16, 0.0, -30.0, 4_000_000.0 - 16), (59, 79))
    assert np.array_equal(world.pixels(ee.Image("classes"), grid)[0], world.classes[1:, 1:])


def test_zooming_out_takes_the_nearest_pixel(world):
    grid = Grid(CRS, (90.0, 0.0, 600_000.0, 0.0, -90.0, 4_000_000.0), (20, 26))
    assert np.array_equal(world.pixels(ee.Image("classes"), grid)[0], world.classes[1::3, 1:78:3])


def test_another_crs_is_sampled_at_pixel_centres(world):
    grid = Grid("EPSG:4326", (0.0003, 0.0, -79.895, 0.0, -0.0003, 36.142), (50, 60))
    pixels = world.pixels(ee.Image("classes"), grid)[0]
    columns, rows = np.meshgrid(np.arange(60) + 0.5, np.arange(50) + 0.5)
    x, y = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(
        -79.895 + columns * 3e-4, 36.142 - rows * 3e-4
    )
    column, row = np.floor((x - 600_000) / 30).astype(int), np.floor((4_000_000 - y) / 30).astype(int)
    inside = (column >= 0) & (column < 80) & (row >= 0) & (row < 60)
    assert inside.any()
    assert not inside.all()
    assert np.array_equal(pixels.mask, ~inside)
    assert np.array_equal(pixels[inside], world.classes[row[inside], column[inside]])


GRIDS = st.builds(
    lambda crs, scale, x, y, skew: Grid(
        crs,
        (scale * (1 if crs == CRS else 1e-5), skew * scale * (0.1 if crs == CRS else 1e-6),
         (599_900 if crs == CRS else -79.891) + x * (1 if crs == CRS else 1e-5), 0.0,
         -scale * (1 if crs == CRS else 1e-5), (4_000_100 if crs == CRS else 36.141) - y * (1 if crs == CRS else 1e-5)),
        (40, 50),
    ),
    st.sampled_from([CRS, "EPSG:4326"]),
    st.sampled_from([10.0, 15.0, 30.0, 60.0, 29.7, 41.3]),
    st.integers(0, 200),
    st.integers(0, 200),
    st.sampled_from([0, 0, 1]),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(GRIDS, st.integers(1, 39), st.integers(1, 49))
def test_any_tiling_gives_the_same_pixels(world, grid, row, column):
    image = world.evaluator.image_of(
        world.evaluate(
            ee.ImageCollection("C").median().addBands(ee.Image("C/s0").normalizedDifference())
            .addBands(ee.Image("classes").reproject(CRS, None, 45)).addBands(ee.Image.random(3))
        )
    )  # fmt: skip
    whole = image.fetch(grid)
    height, width = grid.shape
    a, b, c, d, e, f = grid.transform
    for top, left, shape in ((0, 0, (row, column)), (row, column, (height - row, width - column))):
        # The second way is a client's: a grid of its own, with an origin that it computed.
        moved = Grid(grid.crs, (a, b, c + a * left + b * top, d, e, f + d * left + e * top), shape)
        for tile, bands in ((grid.window(top, left, shape), 5), (moved, 4)):
            for one, two in list(zip(image.fetch(tile), whole, strict=True))[:bands]:
                block = (slice(top, top + shape[0]), slice(left, left + shape[1]))
                assert np.array_equal(one.mask, two.mask[block])
                assert np.array_equal(one.values[one.mask], two.values[block][one.mask])


def test_a_large_request_is_computed_in_tiles(world, monkeypatch):
    image = ee.ImageCollection("C").median().addBands(ee.Image("C/s0").toArray()).addBands(ee.Image(1).updateMask(0.5))
    whole = world.pixels(image)
    monkeypatch.setattr("earthline_sandbox.earthengine.values.values._TILE", 17)
    for one, two in zip(world.pixels(image), whole, strict=True):
        assert one.shape == two.shape
        assert np.array_equal(one.mask, two.mask)
        assert np.array_equal(one.filled(0), two.filled(0))


def test_reproject_pins_the_pixels_of_everything_before_it(world):
    coarse = ee.Image("classes").reproject(CRS, [90, 0, 600_000, 0, -90, 4_000_000])
    pixels = world.pixels(coarse)[0]
    assert np.array_equal(pixels, np.kron(world.classes[1::3, 1::3], np.ones((3, 3)))[:, :80])
    assert world.compute(coarse.projection())["transform"] == [90, 0, 600_000, 0, -90, 4_000_000]


def test_a_composite_has_the_default_projection_and_keeps_full_resolution(world):
    median = ee.ImageCollection("C").median()
    assert world.compute(median.projection()) == {
        "type": "Projection", "crs": "EPSG:4326", "transform": [1, 0, 0, 0, 1, 0]
    }  # fmt: skip
    told = median.setDefaultProjection(ee.Image("C/s0").projection())
    assert world.compute(told.projection().nominalScale()) == 30
    assert np.array_equal(world.pixels(told)[0], world.pixels(median)[0])


def test_bilinear_resampling_interpolates_between_centres(world):
    grid = Grid(CRS, (30.0, 0.0, 600_000.0 + 15, 0.0, -30.0, 4_000_000.0), (60, 79))
    pixels = world.pixels(ee.Image("classes").toFloat().resample("bilinear"), grid)[0]
    assert np.allclose(pixels, (world.classes[:, :-1].astype(float) + world.classes[:, 1:]) / 2)


def test_nan_stays_valid_unless_it_is_the_nodata_value(world):
    array = np.array([[1.0, np.nan], [3.0, 4.0]], "float32")
    world.add("nan/valid", {"a": array})
    world.add("nan/masked", {"a": array}, nodata=float("nan"))
    grid = Grid(CRS, TRANSFORM, (2, 2))
    assert not world.pixels(ee.Image("nan/valid"), grid)[0].mask.any()
    assert world.pixels(ee.Image("nan/masked"), grid)[0].mask.tolist() == [[False, True], [False, False]]


def test_a_region_far_larger_than_the_request_is_read_in_parts(world, monkeypatch):
    monkeypatch.setattr("earthline_sandbox.earthengine.pixels.pixels._WINDOW_PIXELS", 64)
    grid = Grid(CRS, (300.0, 0.0, 600_000.0, 0.0, -300.0, 4_000_000.0), (6, 8))
    # Centres lie on the corners of pixels: either neighbour would do, but always the same one.
    assert np.array_equal(world.pixels(ee.Image("classes"), grid)[0], world.classes[5::10, 5::10])


def test_pixel_coordinates_and_lonlat(world):
    x, y = world.pixels(ee.Image.pixelCoordinates(ee.Projection(CRS)), Grid(CRS, TRANSFORM, (2, 2)))
    assert x.tolist() == [[600_015, 600_045]] * 2
    assert y.tolist() == [[3_999_985] * 2, [3_999_955] * 2]
    longitude, latitude = world.pixels(ee.Image.pixelLonLat(), Grid("EPSG:4326", (1, 0, 10, 0, -1, 50), (1, 1)))
    assert (longitude.item(), latitude.item()) == (10.5, 49.5)


def test_pixel_area_of_a_utm_pixel_is_nearly_its_square(world):
    area = world.pixels(ee.Image.pixelArea())[0]
    assert area.shape == SHAPE
    assert np.allclose(area, 900, rtol=0.01)


def test_projections_are_measured_in_metres():
    assert Projection(CRS, TRANSFORM).nominal_scale == 30
    assert Projection("EPSG:4326").nominal_scale == pytest.approx(111_319.49, abs=0.01)
    assert Projection(CRS, TRANSFORM).at_scale(60).transform == (60, 0, 600_000, 0, -60, 4_000_000)


@pytest.mark.parametrize("crs", ["EPSG:0", "nonsense", ""])
def test_an_unknown_crs_is_refused(world, crs):
    with pytest.raises(ApiError, match=r"could not be parsed|Projection"):
        world.compute(ee.Projection(crs or "x").nominalScale())


@pytest.mark.parametrize(
    "grid",
    [
        {},
        {"dimensions": {"width": 0, "height": 5}},
        {"dimensions": {"width": "x", "height": 5}},
        {"dimensions": {"width": 5, "height": 5}, "affineTransform": {"scaleX": 0, "scaleY": -1}},
        {"dimensions": {"width": 5, "height": 5}, "affineTransform": {"scaleX": 1, "scaleY": -1}, "crsCode": "EPSG:0"},
    ],
)
def test_a_grid_that_is_none_is_refused(grid):
    with pytest.raises(ApiError) as caught:
        Grid.from_request(grid)
    assert caught.value.code == 400


def test_a_request_names_its_grid():
    grid = Grid.from_request(
        {
            "dimensions": {"width": 80, "height": 60},
            "affineTransform": {"scaleX": 30, "translateX": 600_000, "scaleY": -30, "translateY": 4_000_000},
            "crsCode": CRS,
        }
    )
    assert (grid.crs, grid.transform, grid.shape) == (GRID.crs, GRID.transform, GRID.shape)
    assert np.allclose(grid.centres(), GRID.centres(), rtol=0, atol=30e-6)
    assert grid.bounds == (600_000, 4_000_000 - 1800, 600_000 + 2400, 4_000_000)
