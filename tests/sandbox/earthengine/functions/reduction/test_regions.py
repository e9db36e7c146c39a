import ee
import numpy as np
import pytest
import shapely

from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.values.regions import coverage
from earthline_sandbox.earthengine.values.values import Geometry
from earthline_sandbox.errors import ApiError

CRS = "EPSG:32617"


def box(west, north, east, south):
    """A rectangle in metres from the scenes' upper left corner."""
    return ee.Geometry.Rectangle(
        [600_000 + west, 4_000_000 - south, 600_000 + east, 4_000_000 - north], ee.Projection(CRS), False
    )


@pytest.mark.parametrize(
    ("reducer", "expected"),
    [
        (lambda: ee.Reducer.count(), lambda v: v.size),
        (lambda: ee.Reducer.sum(), np.sum),
        (lambda: ee.Reducer.mean(), np.mean),
        (lambda: ee.Reducer.median(), np.median),
        (lambda: ee.Reducer.min(), np.min),
        (lambda: ee.Reducer.max(), np.max),
        (lambda: ee.Reducer.stdDev(), np.std),
        (lambda: ee.Reducer.variance(), np.var),
        (lambda: ee.Reducer.sampleVariance(), lambda v: np.var(v, ddof=1)),
        (lambda: ee.Reducer.percentile([90]), lambda v: np.percentile(v, 90)),
        (lambda: ee.Reducer.countDistinct(), lambda v: np.unique(v).size),
    ],
)
def test_statistics_of_a_region_are_numpys(world, reducer, expected):
    found = world.compute(ee.Image("C/s0").reduceRegion(reducer(), box(0, 0, 900, 600)))
    values = world.red[0][:20, :30].astype(float)
    assert found["red"] == pytest.approx(expected(values[values > 0]))
    assert set(found) == {"red", "nir"}


def test_outputs_are_named_by_band_and_output(world):
    both = ee.Reducer.mean().combine(ee.Reducer.minMax(), sharedInputs=True)
    found = world.compute(ee.Image("C/s0").reduceRegion(both, box(0, 0, 300, 300)))
    assert set(found) == {f"{band}_{output}" for band in ("red", "nir") for output in ("mean", "min", "max")}
    percentiles = world.compute(ee.Image("classes").reduceRegion(ee.Reducer.percentile([0, 100]), box(0, 0, 300, 300)))
    assert percentiles == {"class_p0": world.classes[:10, :10].min(), "class_p100": world.classes[:10, :10].max()}


def test_histograms_and_groups(world):
    values, counts = np.unique(world.classes, return_counts=True)
    found = world.compute(ee.Image("classes").reduceRegion(ee.Reducer.frequencyHistogram()))
    assert found == {"class": dict(zip(map(str, values.tolist()), counts.tolist(), strict=True))}
    image = ee.Image("C/s0").select("red").addBands(ee.Image("classes"))
    grouped = world.compute(image.reduceRegion(ee.Reducer.sum().group(1, "class"), box(0, 0, 2400, 1800)))
    for row in grouped["groups"]:
        assert row["sum"] == world.red[0][world.classes == row["class"]].sum()
    fixed = world.compute(ee.Image("classes").reduceRegion(ee.Reducer.fixedHistogram(0, 4, 4)))
    assert fixed["class"] == [[value, count] for value, count in zip(range(4), counts[:4].tolist(), strict=True)]


def test_weighted_reducers_count_parts_of_pixels_and_the_others_centres(world):
    region = box(15, 0, 105, 30)  # half of the first pixel, two whole ones, half of the fourth
    values = world.classes[0, :4].astype(float)
    image = ee.Image("classes")
    assert world.compute(image.reduceRegion(ee.Reducer.sum(), region))["class"] == pytest.approx(
        values @ [0.5, 1, 1, 0.5]
    )
    plain = image.reduceRegion(ee.Reducer.sum().unweighted(), box(16, 0, 104, 30))
    assert world.compute(plain)["class"] == values[1:3].sum()


def test_a_point_has_the_pixel_that_holds_it(world):
    point = ee.Geometry.Point([600_000 + 95, 4_000_000 - 65], ee.Projection(CRS))
    found = world.compute(ee.Image("classes").reduceRegion(ee.Reducer.first(), point))
    assert found == {"class": world.classes[2, 3]}


def test_coverage_adds_up_to_the_area():
    grid = Grid(CRS, (10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0), (90, 110))
    shape = shapely.affinity.rotate(shapely.box(500_100, 3_999_300, 500_900, 3_999_800), 33)
    weights = coverage(grid, Geometry(shape, Projection(CRS)))
    assert weights.sum() * 100 == pytest.approx(shape.area, rel=2e-3)
    assert weights.max() == 1


def test_too_many_pixels_is_googles_error(world):
    with pytest.raises(ApiError) as caught:
        world.compute(ee.Image("classes").reduceRegion(ee.Reducer.mean(), maxPixels=100))
    assert caught.value.message.startswith(
        "Image.reduceRegion: Too many pixels in the region. Found 4800, but maxPixels allows only 100.\n"
    )
    assert (
        world.compute(ee.Image("classes").reduceRegion(ee.Reducer.count(), maxPixels=100, bestEffort=True))["class"]
        <= 120
    )


def test_statistics_of_features(world):
    features = ee.FeatureCollection([ee.Feature(box(0, 0, 300, 300), {"n": 1}), ee.Feature(box(9e5, 0, 9e5 + 30, 30))])
    one = world.compute(ee.Image("classes").reduceRegions(features, ee.Reducer.mean()))["features"]
    assert one[0]["properties"] == {"n": 1, "mean": pytest.approx(world.classes[:10, :10].mean())}
    assert one[1]["properties"] == {}
    two = world.compute(ee.Image("C/s0").reduceRegions(features.limit(1), ee.Reducer.max()))["features"]
    assert two[0]["properties"] == {"n": 1, "red": world.red[0][:10, :10].max(), "nir": world.nir[0][:10, :10].max()}


def test_samples_are_the_valid_pixels(world):
    image = ee.Image("C/s0").addBands(ee.Image("classes"))
    rows = world.compute(image.sample(box(0, 0, 300, 300), geometries=True))["features"]
    red, nir = world.red[0][:10, :10], world.nir[0][:10, :10]
    valid = (red > 0) & (nir > 0)
    assert [row["properties"]["red"] for row in rows] == red[valid].tolist()
    assert [row["properties"]["class"] for row in rows] == world.classes[:10, :10][valid].tolist()
    assert rows[0]["geometry"]["type"] == "Point"
    everything = world.compute(image.sample(box(0, 0, 300, 300), dropNulls=False).size())
    assert everything == 100
    few = world.compute(image.select("class").sample(numPixels=50, seed=1).size())
    assert few == 50


def test_stratified_samples_are_balanced_true_and_repeatable(world):
    image = ee.Image("classes").addBands(ee.Image("C/s0").select("red"))

    def draw(seed, **options):
        sample = image.stratifiedSample(20, "class", seed=seed, geometries=True, **options)
        return world.compute(sample)["features"]

    rows = draw(3)
    assert [sum(row["properties"]["class"] == value for row in rows) for value in range(5)] == [20] * 5
    assert rows == draw(3)
    assert rows != draw(4)
    points = ee.FeatureCollection([ee.Feature(ee.Geometry(row["geometry"])) for row in rows])
    again = world.compute(image.sampleRegions(points))["features"]
    assert [row["properties"] for row in again] == [row["properties"] for row in rows]
    chosen = draw(3, classValues=[1, 2], classPoints=[5, 0])
    assert sum(row["properties"]["class"] == 1 for row in chosen) == 5
    assert sum(row["properties"]["class"] == 2 for row in chosen) == 0


def test_stratified_samples_have_all_where_there_are_fewer(world):
    rare = ee.Image("classes").eq(0).And(ee.Image.pixelCoordinates(ee.Projection(CRS)).select("x").lt(600_090))
    rows = world.compute(
        rare.rename("rare").stratifiedSample(10_000, region=box(0, 0, 2400, 1800)).aggregate_histogram("rare")
    )
    assert rows["1"] == (world.classes[:, :3] == 0).sum()
    with pytest.raises(ApiError, match="must be of an integer type"):
        world.compute(ee.Image("classes").toFloat().stratifiedSample(3))


def test_regions_carry_their_properties_into_samples(world):
    features = ee.FeatureCollection([ee.Feature(box(0, 0, 60, 30), {"label": 4, "other": 1})])
    rows = world.compute(ee.Image("classes").sampleRegions(features, ["label"]))["features"]
    assert [row["properties"] for row in rows] == [{"label": 4, "class": int(v)} for v in world.classes[0, :2]]
    assert [row["id"] for row in rows] == ["0_0", "0_1"]


def test_random_points_lie_in_the_region(world):
    region = ee.Geometry.Polygon([[0, 0], [10, 0], [0, 10]])
    points = world.compute(ee.FeatureCollection.randomPoints(region, 50, 4))["features"]
    assert all(sum(point["geometry"]["coordinates"]) <= 10 for point in points)
    assert len(points) == 50


def test_geometry_is_measured_on_the_globe(world):
    square = ee.Geometry.Rectangle([0, 0, 1, 1])
    assert world.compute(square.area()) == pytest.approx(12_309e6, rel=1e-3)
    assert world.compute(square.perimeter()) == pytest.approx(443_770, rel=1e-3)
    assert world.compute(ee.Geometry.Point([0, 45]).buffer(1000).area()) == pytest.approx(np.pi * 1e6, rel=0.01)
    assert world.compute(ee.Geometry.Point([0, 0]).distance(ee.Geometry.Point([1, 0]))) == pytest.approx(
        111_319, rel=1e-4
    )
    assert world.compute(square.centroid().coordinates()) == pytest.approx([0.5, 0.5], abs=1e-3)
    bounds = world.compute(ee.Geometry.MultiPoint([[0, 0], [2, 3]]).bounds().coordinates())
    assert bounds == [[[0, 0], [2, 0], [2, 3], [0, 3], [0, 0]]]


def test_geometries_are_related_and_combined(world):
    one, two = ee.Geometry.Rectangle([0, 0, 2, 2]), ee.Geometry.Rectangle([1, 1, 3, 3])
    assert world.compute(one.intersects(two)) is True
    assert world.compute(one.contains(two)) is False
    assert world.compute(one.intersection(two).bounds().coordinates())[0][0] == [1, 1]
    assert world.compute(one.union(two).area()) < world.compute(one.area().add(two.area()))


def test_a_geometry_in_pixels_of_a_projection(world):
    projection = ee.Projection(CRS, [30, 0, 600_000, 0, -30, 4_000_000])
    region = ee.Geometry.Rectangle([2, 1, 5, 3], projection, False)
    found = world.compute(ee.Image("classes").reduceRegion(ee.Reducer.toList(), region))
    assert found["class"] == world.classes[1:3, 2:5].ravel().tolist()
    moved = world.compute(region.transform(ee.Projection(CRS)).coordinates())[0]
    assert [600_060, 3_999_970] in moved


def test_clip_to_bounds_and_scale_makes_a_thumbnail(world):
    shown = world.compute(ee.Image("classes").clipToBoundsAndScale(box(0, 0, 2400, 1800), 40))["bands"][0]
    assert shown["dimensions"] == [40, 30]
    assert shown["crs_transform"] == [60, 0, 600_000, 0, -60, 4_000_000]
