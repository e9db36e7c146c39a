import ee
import numpy as np
import pytest
import shapely
from pyproj import Transformer

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

CRS = "EPSG:32617"
TRANSFORM = (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0)
SHAPE = (60, 80)
GRID = Grid(CRS, TRANSFORM, SHAPE)
COARSE = Grid(CRS, (90.0, 0.0, 600_000.0, 0.0, -90.0, 4_000_000.0), (20, 26))


def blocks(array, side=3):
    height, width = (length // side for length in array.shape)
    return array[: height * side, : width * side].reshape(height, side, width, side).swapaxes(1, 2).reshape(
        height, width, side * side
    )  # fmt: skip


def test_whole_blocks_are_reduced_with_their_valid_pixels(world):
    image = ee.Image("C/s0").select("red")
    reducer = ee.Reducer.mean().combine(ee.Reducer.minMax(), None, True).combine(ee.Reducer.count(), None, True)
    reduced = image.reduceResolution(reducer)
    assert world.compute(reduced.bandNames()) == ["red_mean", "red_min", "red_max", "red_count"]
    mean, least, greatest, count = world.pixels(reduced, COARSE)
    expected = np.ma.masked_equal(blocks(world.red[0]), 0)
    assert np.allclose(mean, expected.mean(axis=2))
    assert (least == expected.min(axis=2)).all()
    assert (greatest == expected.max(axis=2)).all()
    assert (count == expected.count(axis=2)).all()
    assert world.compute(image.reduceResolution(ee.Reducer.mean()).bandNames()) == ["red"]


def test_mode_of_classes_and_a_reducer_of_two_bands(world):
    mode = world.pixels(ee.Image("classes").reduceResolution(ee.Reducer.mode()), COARSE)[0]
    counts = np.stack([(blocks(world.classes) == value).sum(axis=2) for value in range(5)])
    assert (mode == counts.argmax(axis=0)).all()
    image = ee.Image("C/s0").reduceResolution(ee.Reducer.max(2))
    assert world.compute(image.bandNames()) == ["max", "max1"]


def test_a_pixel_that_is_cut_counts_by_its_share(world):
    # Moved by a third and a half of an output pixel of 2 by 2 input pixels.
    grid = Grid(CRS, (60.0, 0.0, 600_020.0, 0.0, -60.0, 3_999_970.0), (28, 38))
    found = world.pixels(ee.Image("classes").reduceResolution(ee.Reducer.mean()), grid)[0]
    values = world.classes.astype(float)
    across = (values[:, 0:76:2] / 3 + values[:, 1:77:2] + values[:, 2:78:2] * 2 / 3) / 2
    expected = (across[1:57:2] + across[2:58:2]) / 2
    assert np.allclose(found, expected)


def test_shares_in_another_projection_are_areas_of_intersections(world):
    grid = Grid("EPSG:4326", (0.0009, 0.0, -79.885, 0.0, -0.0009, 36.138), (9, 12))
    total, mean = world.pixels(
        ee.Image(1).addBands(ee.Image("classes")).setDefaultProjection(CRS, list(TRANSFORM))
        .reduceResolution(ee.Reducer.sum().combine(ee.Reducer.mean(), None, True), False, 256).select([0, 3]), grid
    )  # fmt: skip
    assert np.allclose(total, 1, atol=1e-5)
    to_crs = Transformer.from_crs("EPSG:4326", CRS, always_xy=True)
    boxes = shapely.box(*np.meshgrid(np.arange(80), np.arange(60)), *np.meshgrid(np.arange(1, 81), np.arange(1, 61)))
    for row, column in ((0, 0), (4, 7), (8, 11)):
        lon = -79.885 + 0.0009 * (column + np.array([0, 1, 1, 0]))
        lat = 36.138 - 0.0009 * (row + np.array([0, 0, 1, 1]))
        x, y = to_crs.transform(lon, lat)
        pixel = shapely.Polygon(np.column_stack([(x - 600_000) / 30, (4_000_000 - y) / 30]))
        shares = shapely.area(shapely.intersection(boxes, pixel))
        assert mean[row, column] == pytest.approx((shares * world.classes).sum() / shares.sum(), rel=1e-4)


def test_too_many_pixels_are_refused_unless_coarser_ones_will_do(world):
    image = ee.Image("classes").reduceResolution(ee.Reducer.mean(), False, 8)
    with pytest.raises(ApiError, match=r"Too many input pixels per output pixel: about 9, but maxPixels allows only 8"):
        world.pixels(image, COARSE)
    grid = Grid(CRS, (120.0, 0.0, 600_000.0, 0.0, -120.0, 4_000_000.0), (15, 20))
    rough = world.pixels(ee.Image("classes").reduceResolution(ee.Reducer.mean(), True, 4), grid)[0]
    halved = blocks(world.pixels(ee.Image("classes"), Grid(CRS, (60, 0, 600_000, 0, -60, 4_000_000), (30, 40)))[0], 2)
    assert np.allclose(rough, halved.mean(axis=2))


def test_reprojecting_a_reduction_pins_it(world):
    image = ee.Image("classes").reduceResolution(ee.Reducer.mean()).reproject(CRS, list(COARSE.transform))
    found = world.pixels(image, GRID)[0]
    expected = np.kron(blocks(world.classes).mean(axis=2), np.ones((3, 3)))
    assert np.allclose(found[:, :78], expected)


def test_bicubic_keeps_parabolas_and_pixels(world):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype("float64")
    surface = 0.5 * (x + 0.5) ** 2 - 0.25 * (y + 0.5) ** 2 + 3 * x
    world.add("parabola", {"b": surface})
    smooth = ee.Image("parabola").resample("bicubic")
    assert np.array_equal(world.pixels(smooth, GRID)[0], surface)
    fine = Grid(CRS, (7.0, 0.0, 600_100.0, 0.0, -7.0, 3_999_900.0), (100, 100))
    columns, rows = (100 + 7 * (np.arange(100) + 0.5)) / 30, (100 + 7 * (np.arange(100) + 0.5)) / 30
    expected = 0.5 * columns**2 - 0.25 * rows[:, None] ** 2 + 3 * (columns - 0.5)
    assert np.allclose(world.pixels(smooth, fine)[0], expected)
    step = np.where(x < 40, 0.0, 1.0)
    world.add("step", {"b": step})
    quarter = Grid(CRS, (7.5, 0.0, 600_000.0 + 39 * 30, 0.0, -7.5, 3_999_000.0), (1, 8))

    # Keys' weights of the two pixels to the right of each place.
    def keys(t):
        t = abs(t)
        return 1.5 * t**3 - 2.5 * t**2 + 1 if t <= 1 else -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0

    places = 39 + (np.arange(8) + 0.5) / 4
    weights = [sum(keys(place - (pixel + 0.5)) for pixel in range(40, 44)) for place in places]
    found = world.pixels(ee.Image("step").resample("bicubic"), quarter)[0][0]
    assert np.allclose(found, weights)
    assert found.min() < 0


def test_displace_reads_from_where_it_points_to(world):
    image = ee.Image("classes")
    shift = ee.Image([60, -30]).setDefaultProjection(image.projection())
    found = world.pixels(image.displace(shift, "nearest_neighbor"), GRID)[0]
    assert np.array_equal(found[:-1, :-2], world.classes[1:, 2:])
    assert found.mask[-1].all()
    half = ee.Image([15, 0]).setDefaultProjection(image.projection())
    found = world.pixels(image.displace(half, "bilinear"), GRID)[0]
    assert np.allclose(found[:, :-1], (world.classes[:, :-1].astype(float) + world.classes[:, 1:]) / 2)
    with pytest.raises(ApiError, match="Unknown mode 'cubic'"):
        world.compute(image.displace(half, "cubic"))


@pytest.mark.parametrize(("x", "y", "units"), [(60, 30, "meters"), (2, -1, "pixels")])
def test_translate_moves_the_image(world, x, y, units):
    image = ee.Image("classes").translate(x, y, units)
    found = world.pixels(image, GRID)[0]
    assert np.array_equal(found[:-1, 2:], world.classes[1:, :-2])
    assert found.mask[:, :2].all()
    assert world.compute(image.projection())["transform"] == [30, 0, 600_060, 0, -30, 4_000_030]


def test_translate_along_another_projection(world):
    image = ee.Image("classes").translate(0.001, 0, "pixels", "EPSG:4326")
    grid = Grid("EPSG:4326", (0.0002, 0.0, -79.88, 0.0, -0.0002, 36.138), (20, 30))
    moved = Grid("EPSG:4326", (0.0002, 0.0, -79.881, 0.0, -0.0002, 36.138), (20, 30))
    expected = world.pixels(ee.Image("classes"), moved)[0]
    assert np.array_equal(world.pixels(image, grid)[0], expected)
    assert world.pixels(image, GRID)[0].count() > 3000


def test_polynomials_and_piecewise_lines(world):
    image = ee.Image([2, -1]).polynomial([1, 0, 3])
    assert world.compute(image.reduceRegion(ee.Reducer.first(), ee.Geometry.Point(0, 0), 1)) == {
        "constant": 13, "constant_1": 4
    }  # fmt: skip
    cases = {
        "extrapolate": [-10, 5, 20, 40],
        "clamp": [0, 5, 20, 20],
        "mask": [None, 5, 20, None],
        "input": [-1, 5, 20, 4],
    }
    for behavior, expected in cases.items():
        made = [ee.Image(v).interpolate([0, 1, 2, 3], [0, 10, 0, 20], behavior) for v in (-1, 0.5, 3, 4)]
        assert [world.pixel(image) for image in made] == expected
    with pytest.raises(ApiError, match="strictly increasing"):
        world.compute(ee.Image(1).interpolate([1, 1], [0, 1]))
