from itertools import pairwise

import ee
import numpy as np
import pytest

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

CRS = "EPSG:32617"
TRANSFORM = (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0)
SHAPE = (60, 80)
GRID = Grid(CRS, TRANSFORM, SHAPE)


def segmentation():
    return ee.Algorithms.Image.Segmentation


@pytest.fixture(scope="module")
def fields(world):
    """Four rectangles of clearly different values, with a little noise."""
    values = np.zeros(SHAPE)
    values[:30, :40], values[:30, 40:], values[30:, :40], values[30:, 40:] = 10, 200, 400, 600
    world.add("fields", {"b": (values + np.random.default_rng(8).normal(0, 2, SHAPE)).astype("float32")})
    return values


def test_seeds_lie_on_a_regular_grid(world):
    square = world.pixels(segmentation().seedGrid(7), GRID)[0]
    rows, columns = np.nonzero(square)
    assert set(np.diff(np.unique(rows))) == set(np.diff(np.unique(columns))) == {7}
    assert abs(square.sum() - 60 * 80 / 49) < 15
    hexes = world.pixels(segmentation().seedGrid(6, "hex"), GRID)[0]
    offsets = [np.flatnonzero(row)[0] % 6 for row in hexes if row.any()]
    assert {abs(a - b) for a, b in pairwise(offsets)} == {3}


def test_clusters_of_a_cell_are_its_values(world, fields):
    image = segmentation().KMeans(ee.Image("fields"), 4, 20, 200, None, False, False)
    assert world.compute(image.bandNames()) == ["clusters"]
    # Pixels of one field go to one cluster; the block knows all four fields.
    found = world.pixels(image, GRID)[0]
    assert [np.unique(found[fields == value]).tolist() for value in (10, 200, 400, 600)] == [[0], [1], [2], [3]]
    unique = world.pixels(segmentation().KMeans(ee.Image("fields"), 2, 20, 0, 16), GRID)[0]
    assert np.unique(unique).size > 20
    with pytest.raises(ApiError, match="mutually exclusive"):
        world.compute(segmentation().KMeans(ee.Image("fields"), 2, 20, 5, 16))


def test_superpixels_keep_to_edges_and_average_themselves(world, fields):
    image = segmentation().SNIC(ee.Image("fields"), 10, 1)
    assert world.compute(image.bandNames()) == ["clusters", "b_mean", "seeds"]
    clusters, mean, seeds = world.pixels(image, GRID)
    assert np.abs(mean - fields).max() < 5
    for label in np.unique(clusters)[::5]:
        inside = clusters == label
        assert np.unique(fields[inside]).size == 1
        assert np.unique(mean[inside]).size == 1
    assert 40 < np.unique(clusters).size < 70
    assert seeds.count() == 48
    given = ee.Image("fields").multiply(0).where(ee.Image("fields").gt(550), 1).toByte()
    few = segmentation().SNIC(ee.Image("fields"), 10, 0, 4, None, given)
    assert world.compute(few.bandNames()) == ["clusters", "b_mean"]
    assert np.unique(world.pixels(few, GRID)[0]).size == 1


def test_segmentation_refuses_what_would_not_end(world):
    with pytest.raises(ApiError, match="size must be between 1 and 1024"):
        world.compute(segmentation().SNIC(ee.Image("classes"), 10**6))
    with pytest.raises(ApiError, match="connectivity must be 4 or 8"):
        world.compute(segmentation().SNIC(ee.Image("classes"), 5, 1, 6))
    with pytest.raises(ApiError, match="did not converge"):
        world.pixels(segmentation().KMeans(ee.Image("C/s0").unmask(), 8, 1, 0, None, True), GRID)


def test_cross_correlation_finds_the_shift(world):
    image = ee.Image("C/s0").unmask().toFloat()
    moved = image.translate(90, 60)
    result = ee.Algorithms.CrossCorrelation(image, moved, 4, 9)
    assert world.compute(result.bandNames()) == ["deltaX", "deltaY", "distance", "correlation"]
    x, y, away, score = (band[20:40, 20:60] for band in world.pixels(result, GRID))
    assert (x == 3).all()
    assert (y == -2).all()
    assert np.allclose(away, np.sqrt(13))
    assert np.allclose(score, 1)
    # With itself blurred, the correlation is that of the windows' pixels.
    other = image.focalMean(1, "square", "pixels")
    score = world.pixels(ee.Algorithms.CrossCorrelation(image, other, 0, 5).select("correlation"), GRID)[0]
    one, two = (np.stack([band.data[18:23, 38:43] for band in world.pixels(source, GRID)]) for source in (image, other))
    assert score[20, 40] == pytest.approx(np.corrcoef(one.ravel(), two.ravel())[0, 1], rel=1e-6)


POINTS = [(10.0, 50.0, 1.0), (10.02, 50.0, 3.0), (10.01, 50.015, 8.0)]


def points():
    return ee.FeatureCollection([ee.Feature(ee.Geometry.Point([x, y]), {"v": v}) for x, y, v in POINTS])


@pytest.mark.parametrize("shape", ["exponential", "gaussian", "spherical"])
def test_kriging_keeps_the_points_and_solves_its_equations(world, shape):
    image = points().kriging("v", shape, 5_000, 2, 0, 20_000)
    for x, y, value in POINTS:
        pixel = Grid("EPSG:4326", (1e-9, 0, x - 5e-10, 0, -1e-9, y + 5e-10), (1, 1))
        assert world.pixels(image, pixel)[0][0, 0] == pytest.approx(value, abs=0.01)
    place = (10.008, 50.004)
    degree = 6_378_137 * np.pi / 180

    def away(one, two):
        middle = np.cos(np.radians((one[1] + two[1]) / 2))
        return np.hypot((one[0] - two[0]) * middle, one[1] - two[1]) * degree

    def gamma(h):
        share = h / 5_000
        return (
            2
            * {
                "exponential": 1 - np.exp(-share),
                "gaussian": 1 - np.exp(-(share**2)),
                "spherical": 1.5 * share - 0.5 * share**3 if share < 1 else 1,
            }[shape]
        )

    system = np.ones((4, 4))
    system[:3, :3] = [[gamma(away(a, b)) for b in POINTS] for a in POINTS]
    system[3, 3] = 0
    weights = np.linalg.solve(system, [*(gamma(away(place, point)) for point in POINTS), 1])[:3]
    assert weights.sum() == pytest.approx(1)
    pixel = Grid("EPSG:4326", (1e-9, 0, place[0], 0, -1e-9, place[1]), (1, 1))
    assert world.pixels(image, pixel)[0][0, 0] == pytest.approx(weights @ [1, 3, 8], rel=1e-4)
    far = Grid("EPSG:4326", (1e-9, 0, 11, 0, -1e-9, 50), (1, 1))
    assert world.pixels(image, far)[0].mask.all()


def test_inverse_distance_lies_between_its_points_and_their_mean(world):
    image = points().inverseDistance(3_000, "v", 4, 1, 0.5)
    grid = Grid("EPSG:4326", (0.001, 0, 9.9, 0, -0.001, 50.1), (200, 250))
    found = world.pixels(image, grid)[0]
    assert 1 <= found.min() < 1.5
    assert 7 < found.max() <= 8
    assert found.mask[0, 0]
    rim = found[found.count(axis=1) > 0][0].compressed()
    assert np.allclose(rim, 4, atol=1)
    twice = points().merge(points()).inverseDistance(3_000, "v", 4, 1, 0.5, ee.Reducer.sum())
    assert world.pixels(twice, grid)[0].max() > 14
    with pytest.raises(ApiError, match="every feature must be a point"):
        world.compute(ee.FeatureCollection(ee.Feature(ee.Geometry.Rectangle(0, 0, 1, 1), {"v": 1})).inverseDistance(
            10, "v", 0, 1))  # fmt: skip


def test_radiance_is_linear_and_metadata_stays(world):
    properties = {"RADIANCE_MULT_BAND_4": 0.5, "RADIANCE_ADD_BAND_4": -3.0, "SPACECRAFT_ID": "LANDSAT_8"}
    numbers = np.arange(12, dtype="uint16").reshape(3, 4)
    world.add("scene", {"B4": numbers, "QA_PIXEL": numbers}, properties=properties)
    grid = Grid(CRS, TRANSFORM, (3, 4))
    radiance, quality = world.pixels(ee.Algorithms.Landsat.calibratedRadiance(ee.Image("scene")), grid)
    assert np.array_equal(radiance, numbers * 0.5 - 3)
    assert np.array_equal(quality, numbers)
    assert world.compute(ee.Image(ee.ApiFunction.call_("Landsat.translateMetadata", ee.Image("scene"))).id()) == "scene"
    with pytest.raises(ApiError, match="no numbers RADIANCE_MULT_BAND_5"):
        world.compute(ee.Algorithms.Landsat.calibratedRadiance(ee.Image("scene").rename(["B5", "q"])))


def test_the_least_cloudy_scenes_of_each_path_and_row(world):
    scenes = [
        ee.Image(1).set({"WRS_PATH": path, "WRS_ROW": 30, "CLOUD_COVER": cover})
        for path, cover in ((1, 50), (1, 10), (1, 30), (2, 90), (2, 80))
    ]
    limited = ee.Algorithms.Landsat.pathRowLimit(ee.ImageCollection(scenes), 2, 3)
    assert world.compute(limited.aggregate_array("CLOUD_COVER")) == [10, 30, 80]


def test_cloud_displacement_compares_the_variances_of_two_ratios(world):
    generator = np.random.default_rng(12)
    edge, narrow = (generator.uniform(1_000, 2_000, (20, 20)) for _ in range(2))
    broad = generator.uniform(1_000, 3_000, (40, 40))
    fine = (15.0, 0.0, 600_000.0, 0.0, -15.0, 4_000_000.0)
    world.add("s2a", {"B7": edge, "B8A": narrow})
    world.add("s2b", {"B8": broad}, transform=fine)
    image = ee.Algorithms.Sentinel2.CDI(ee.Image("s2a").addBands(ee.Image("s2b")))
    assert world.compute(image.bandNames()) == ["cdi"]
    found = world.pixels(image, Grid(CRS, TRANSFORM, (20, 20)))[0]
    averaged = broad.reshape(20, 2, 20, 2).mean(axis=(1, 3))
    window = np.s_[5:12, 7:14]
    one, two = (edge / narrow)[window].var(), (averaged / narrow)[window].var()
    assert found[8, 10] == pytest.approx((one - two) / (one + two), rel=1e-5)


def test_a_collection_gets_the_same_bands(world):
    images = ee.ImageCollection([ee.Image("classes"), ee.Image("C/s0").select("red")])
    cast = images.cast({"class": "byte", "red": "float"}, ["red", "class"])
    assert world.compute(cast.first().bandTypes().map(lambda _, kind: ee.PixelType(kind))) == {
        "red": {"type": "PixelType", "precision": "float"},
        "class": {"type": "PixelType", "precision": "int", "min": 0, "max": 255},
    }
    red, classes = world.pixels(ee.Image(cast.toList(1).get(0)), GRID)
    assert red.mask.all()
    assert np.array_equal(classes, world.classes)
    with pytest.raises(ApiError, match="must name every band"):
        world.compute(images.cast({"red": "float"}, ["red"]).first().bandNames())
