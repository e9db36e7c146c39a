import ee
import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

R = ee.Reducer
CRS = "EPSG:32617"
TRANSFORM = (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0)
GRID = Grid(CRS, TRANSFORM, (8, 9))
BLOCK = [600_000, 4_000_000 - 240, 600_000 + 270, 4_000_000]


def region():
    return ee.Geometry.Rectangle(BLOCK, ee.Projection(CRS), False)


def series(world):
    """Red and near infrared of every scene as float stacks `(4, 8, 9)`, NaN where either is masked."""
    red = np.stack([array[:8, :9] for array in world.red]).astype(float)
    nir = np.stack([array[:8, :9] for array in world.nir]).astype(float)
    masked = (red == 0) | (nir == 0)
    return np.where(masked, np.nan, red), np.where(masked, np.nan, nir)


def pairs(world):
    red, nir = series(world)
    for row, column in np.ndindex(8, 9):
        kept = np.isfinite(red[:, row, column])
        yield (row, column), red[kept, row, column], nir[kept, row, column]


def test_regressions_of_lists_are_those_of_the_textbook(world):
    generator = np.random.default_rng(3)
    x = generator.normal(size=(40, 2)) * [1, 50] + [3, 1000]
    y = np.column_stack([x @ [2, -0.5] + 7 + generator.normal(size=40), x @ [0, 1] - 3 + generator.normal(size=40)])
    table = np.column_stack([np.ones(40), x, y])
    outliers = table.copy()
    outliers[::10, 3:] += 500
    found = world.compute(
        ee.Dictionary(
            {
                "linear": ee.List(table.tolist()).reduce(R.linearRegression(3, 2)),
                "robust": ee.List(outliers.tolist()).reduce(R.robustLinearRegression(3, 2)),
                "beta": ee.List(outliers.tolist()).reduce(R.robustLinearRegression(3, 2, 100)),
                "ridge": ee.List(table[:, 1:].tolist()).reduce(R.ridgeRegression(2, 2, 0.7)),
                "few": ee.List(table[:3].tolist()).reduce(R.linearRegression(3, 2)),
                "twice": ee.List([[1, 2, 2, 5], [1, 3, 3, 7], [1, 4, 4, 8], [1, 5, 5, 8], [1, 6, 6, 7]]).reduce(
                    R.linearRegression(3, 1)
                ),
            }
        )
    )
    expected = np.linalg.lstsq(table[:, :3], y, rcond=None)[0]
    residuals = np.sqrt(np.mean((y - table[:, :3] @ expected) ** 2, axis=0))
    np.testing.assert_allclose(found["linear"]["coefficients"], expected, rtol=1e-9)
    np.testing.assert_allclose(found["linear"]["residuals"], residuals, rtol=1e-9)
    rest = np.ones(40, dtype=bool)
    rest[::10] = False
    without = np.linalg.lstsq(table[rest, :3], y[rest], rcond=None)[0]
    for name in ("robust", "beta"):
        np.testing.assert_allclose(found[name]["coefficients"], without, rtol=1e-6)
    model = Ridge(alpha=0.7).fit((x - x.mean(axis=0)) / x.std(axis=0), y)
    slopes = model.coef_.T / x.std(axis=0)[:, None]
    np.testing.assert_allclose(found["ridge"]["coefficients"][:2], slopes, rtol=1e-8)
    np.testing.assert_allclose(found["ridge"]["coefficients"][2], y.mean(axis=0) - x.mean(axis=0) @ slopes, rtol=1e-8)
    assert len(found["ridge"]["pValue"]) == 2 and max(found["ridge"]["pValue"]) < 1e-6
    assert found["few"] == {"coefficients": None, "residuals": None}  # not more rows than independents
    assert found["twice"] == {"coefficients": None, "residuals": None}  # one column is a copy of another


def test_regression_of_a_collection_has_array_bands(world):
    def tuples(image):
        return ee.Image.constant(1).addBands(image.select("red")).addBands(image.select("nir")).toDouble()

    fitted = ee.ImageCollection("C").map(tuples).reduce(R.linearRegression(2, 1))
    description = world.compute(fitted)
    assert [band["id"] for band in description["bands"]] == ["coefficients", "residuals"]
    assert [band["data_type"]["dimensions"] for band in description["bands"]] == [2, 1]
    flat = fitted.select("coefficients").arrayProject([0]).arrayFlatten([["constant", "slope"]])
    offset, slope = world.pixels(flat, GRID)
    for place, red, nir in pairs(world):
        if len(red) <= 2:
            assert slope.mask[place]
            continue
        expected = np.polyfit(red, nir, 1)
        assert slope[place] == pytest.approx(expected[0], rel=1e-6)
        assert offset[place] == pytest.approx(expected[1], rel=1e-6)


def test_correlations_and_slopes_per_pixel_are_scipys(world):
    collection = ee.ImageCollection("C").select(["red", "nir"])
    both = R.pearsonsCorrelation().combine(R.spearmansCorrelation(), "s_", True)
    both = both.combine(R.kendallsCorrelation(2), "k_", True).combine(R.sensSlope(), "t_", True)
    image = collection.reduce(both)
    names = [band["id"] for band in world.compute(image)["bands"]]
    assert names == [
        "correlation", "p-value", "s_correlation", "s_p-value", "k_tau", "k_p-value", "t_slope", "t_offset"
    ]  # fmt: skip
    found = dict(zip(names, world.pixels(image, GRID), strict=True))
    for place, red, nir in pairs(world):
        if len(red) < 3:
            continue
        pearson = stats.pearsonr(red, nir)
        assert found["correlation"][place] == pytest.approx(pearson.statistic)
        assert found["p-value"][place] == pytest.approx(pearson.pvalue)
        assert found["s_correlation"][place] == pytest.approx(stats.spearmanr(red, nir).statistic)
        assert found["k_tau"][place] == pytest.approx(stats.kendalltau(red, nir).statistic)
        slope = stats.theilslopes(nir, red).slope
        assert found["t_slope"][place] == pytest.approx(slope)
        assert found["t_offset"][place] == pytest.approx(np.median(nir - slope * red))


def test_ranks_share_the_mean_of_equal_values(world):
    first, second = [1, 2, 2, 3, 5, 5, 5, 8], [3, 1, 1, 4, 4, 6, 5, 9]
    rows = ee.List([[a, b] for a, b in zip(first, second, strict=True)])
    long = np.random.default_rng(0).integers(0, 90, (2_500, 2))
    found = world.compute(
        ee.Dictionary(
            {
                "spearman": rows.reduce(R.spearmansCorrelation()),
                "kendall": rows.reduce(R.kendallsCorrelation(2)),
                "order": ee.List(second).reduce(R.kendallsCorrelation(1)),
                "long": ee.List(long.tolist()).reduce(R.kendallsCorrelation(2)),
            }
        )
    )
    assert found["spearman"]["correlation"] == pytest.approx(stats.spearmanr(first, second).statistic)
    assert found["spearman"]["p-value"] == pytest.approx(stats.spearmanr(first, second).pvalue)
    assert found["kendall"]["tau"] == pytest.approx(stats.kendalltau(first, second).statistic)
    assert found["order"]["tau"] == pytest.approx(stats.kendalltau(range(8), second).statistic)
    assert found["long"]["tau"] == pytest.approx(stats.kendalltau(*long.T).statistic)


def test_covariance_of_array_pixels_in_a_region_and_over_a_collection(world):
    red, nir = series(world)
    array = ee.Image("C/s0").select(["red", "nir"]).toArray()
    found = world.compute(array.reduceRegion(R.covariance(), region()))
    valid = np.isfinite(red[0])
    expected = np.cov(red[0][valid], nir[0][valid], bias=True)
    np.testing.assert_allclose(found["array"], expected, rtol=1e-9)
    centred = ee.Image("C/s0").select(["red", "nir"]).subtract([1000, 2000]).toArray()
    shifted = world.compute(centred.reduceRegion(R.centeredCovariance(), region()))["array"]
    moved = np.stack([red[0][valid] - 1000, nir[0][valid] - 2000])
    np.testing.assert_allclose(shifted, moved @ moved.T / moved.shape[1], rtol=1e-9)
    stacked = ee.ImageCollection("C").map(lambda image: image.select(["red", "nir"]).unmask(5).toArray())
    pixels = world.pixels(stacked.reduce(R.covariance()), GRID)[0]
    one, two = (np.where(np.stack([a[3, 4] for a in part]) == 0, 5, np.stack([a[3, 4] for a in part]))
                for part in (world.red, world.nir))  # fmt: skip
    np.testing.assert_allclose(pixels[3, 4], np.cov(one, two, bias=True), rtol=1e-9)


def test_shapes_of_distributions_and_directions(world):
    values = [1, 1, 2, 2, 3, 9]
    angles = [0.1, 0.3, 6.2, 0.2]
    numbers = ee.List([1, 1, 2, None, 2, 3, 1])
    found = world.compute(
        ee.Dictionary(
            {
                "skew": ee.List(values).reduce(R.skew()),
                "kurtosis": ee.List(values).reduce(R.kurtosis()),
                "circularMean": ee.List(angles).reduce(R.circularMean()),
                "circularVariance": ee.List(angles).reduce(R.circularVariance()),
                "circularStdDev": ee.List(angles).reduce(R.circularStddev()),
                "runs": numbers.reduce(R.countRuns()),
                "every": numbers.reduce(R.countEvery()),
                "count": numbers.reduce(R.count()),
                "interval": ee.List.sequence(1, 10).reduce(R.intervalMean(10, 90)),
                "median": ee.List([[0, 0], [4, 0], [2, 0], [2, 9]]).reduce(R.geometricMedian(2)),
            }
        )
    )
    assert found["skew"] == pytest.approx(stats.skew(values))
    assert found["kurtosis"] == pytest.approx(stats.kurtosis(values))
    assert found["circularMean"] == pytest.approx(stats.circmean(angles, high=np.pi, low=-np.pi))
    assert found["circularVariance"] == pytest.approx(stats.circvar(angles))
    assert found["circularStdDev"] == pytest.approx(stats.circstd(angles))
    assert (found["runs"], found["every"], found["count"]) == (4, 7, 6)
    assert found["interval"] == 5.5
    # A point within the triangle of the three others is their geometric median.
    assert list(found["median"].values()) == pytest.approx([2, 0], abs=1e-2)


def test_histograms(world):
    first = ee.List([1, 2, 2.5]).reduce(R.histogram(4))
    found = world.compute(
        ee.Dictionary(
            {
                "fixed": ee.List([0, 1, 1.5, 3]).reduce(R.fixedHistogram(0, 3, 3)),
                "cumulative": ee.List([0, 1, 1.5, 3]).reduce(R.fixedHistogram(0, 3, 3, True)),
                "plane": ee.List([[0, 1], [1, 1], [1, 0.5], [2, 0]]).reduce(R.fixed2DHistogram(0, 2, 2, 0, 2, 4)),
                "auto": ee.List([1, 2, 2.5]).reduce(R.autoHistogram(4)),
                "auto_cumulative": ee.List([1, 2, 2.5]).reduce(R.autoHistogram(4, None, None, True)),
                "rounded": ee.List.sequence(0, 7).reduce(R.autoHistogram(5, 1)),
                "joined": ee.List([first, ee.List([9, 2]).reduce(R.histogram(4))]).reduce(R.histogramCombiner(8)),
                "words": ee.List(["a", "b", "a"]).reduce(R.frequencyHistogram()),
                # Beyond maxRaw a value counts as the mean of its bucket, here of width 64.
                "coarse": ee.List([1, 2, 3, 4, 100]).reduce(R.median(2, 64, 4)),
                "exact": ee.List([1, 2, 3, 4, 100]).reduce(R.median(2, 64, 5)),
            }
        )
    )
    assert found["fixed"] == [[0, 1], [1, 2], [2, 0]]
    assert found["cumulative"] == [[0, 1], [1, 3], [2, 3]]
    assert found["plane"]["histogram"] == [[0, 0, 1, 0], [0, 1, 1, 0]]
    assert (found["plane"]["xAxis"], found["plane"]["yAxis"]) == ([0, 1], [0, 0.5, 1, 1.5])
    assert found["auto"] == [[1, 1], [1.5, 0], [2, 1], [2.5, 1]]
    assert found["auto_cumulative"] == [[1, 1], [1.5, 1], [2, 2], [2.5, 3]]
    assert len(found["rounded"]) == 8  # five buckets are rounded up to eight
    assert sum(found["joined"]["histogram"]) == 5
    assert found["words"] == {"a": 2, "b": 1}
    assert (found["coarse"], found["exact"]) == (2.5, 3)
    per_pixel = (
        ee.ImageCollection("C").select("red").map(lambda image: image.gt(2500)).reduce(R.fixedHistogram(0, 2, 2))
    )
    counts = world.pixels(per_pixel, GRID)[0]
    red = np.stack([array[:8, :9] for array in world.red])
    np.testing.assert_array_equal(counts[..., 1, 1].filled(0), ((red > 2500) & (red > 0)).sum(axis=0))


def test_reducers_of_reducers(world):
    rows = ee.List([[1, 2], [3, 4]])
    arrays = ee.List([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
    found = world.compute(
        ee.Dictionary(
            {
                "each": rows.reduce(R.mean().forEach(["a", "b"])),
                "several": rows.reduce(R.minMax().forEach(["a", "b"])),
                "bands": rows.reduce(R.mean().forEachBand(ee.Image([1, 2]).rename(["x", "y"]))),
                "element": arrays.reduce(R.sum().forEachElement()),
                "apart": ee.List([[1, [2, 3]], 4, {"k": 5}]).reduce(R.toList().disaggregate()),
                "weights": ee.List([[10, 1], [20, 3]]).reduce(R.mean().splitWeights()),
                "tuples": ee.List([[1, 2], [3, None], [None, 4]]).reduce(R.toList(2, 1)),
                "strict": ee.List([[1, 2], [3, None], [None, 4]]).reduce(R.toList(2)),
                "outputs": R.mean().combine(R.kendallsCorrelation(1), "x_", True).getOutputs(),
            }
        )
    )
    assert found["each"] == {"a": 2, "b": 3}
    assert found["several"] == {"a_min": 1, "a_max": 3, "b_min": 2, "b_max": 4}
    assert found["bands"] == {"x": 2, "y": 3}
    assert found["element"] == [[6, 8], [10, 12]]
    assert found["apart"] == [1, [2, 3], 4, 5]
    assert found["weights"] == 17.5
    assert found["tuples"] == [[1, 2], [3, None]]
    assert found["strict"] == [[1, 2]]
    assert found["outputs"] == ["mean", "x_tau", "x_p-value"]
    element = world.pixels(
        ee.ImageCollection("C").map(lambda image: image.unmask(0).toArray()).reduce(R.max().forEachElement()), GRID
    )[0]
    np.testing.assert_array_equal(element[..., 0], np.stack([array[:8, :9] for array in world.red]).max(axis=0))


def test_features_of_a_regions_pixels(world):
    image = ee.Image("C/s0").select(["red", "nir"])
    features = ee.FeatureCollection(image.reduceRegion(R.toCollection(["r", "n"]), region()).get("features"))
    red, nir = series(world)
    valid = np.isfinite(red[0])
    found = world.compute(ee.List([features.size(), features.aggregate_sum("r"), features.aggregate_sum("n")]))
    assert found == [valid.sum(), red[0][valid].sum(), nir[0][valid].sum()]
    optional = ee.FeatureCollection(image.reduceRegion(R.toCollection(["r", "n"], 1), region()).get("features"))
    assert world.compute(optional.size()) == (world.red[0][:8, :9] > 0).sum()
    every = world.compute(image.reduceRegion(R.countEvery(), region()))
    assert every == {"red": 72, "nir": 72}


def test_arrays_of_neighbourhoods_and_arrays_of_their_own_length(world):
    image = ee.Image("C/s0").unmask(1).toDouble()
    fitted = image.reduceNeighborhood(R.linearRegression(1, 1), ee.Kernel.square(1, "pixels", False))
    slope = world.pixels(fitted.select("coefficients"), GRID)[0][4, 4]
    red, nir = (np.maximum(array[0][3:6, 3:6], 1).astype(float).ravel() for array in (world.red, world.nir))
    assert slope[0, 0] == pytest.approx((red @ nir) / (red @ red))
    listed = ee.ImageCollection("C").select("red").reduce(R.toList())
    length = world.pixels(listed.arrayLength(0), GRID)[0]
    total = world.pixels(listed.arrayReduce(R.sum(), [0]).arrayGet(0), GRID)[0]
    stack = np.stack([array[:8, :9] for array in world.red]).astype(int)
    np.testing.assert_array_equal(length.filled(0), (stack > 0).sum(axis=0))
    np.testing.assert_array_equal(total.filled(0), stack.sum(axis=0))
    automatic = ee.ImageCollection("C").select("red").reduce(R.autoHistogram(4))
    counts = world.pixels(automatic.arraySlice(1, 1, 2).arrayReduce(R.sum(), [0]).arrayGet([0, 0]), GRID)[0]
    np.testing.assert_array_equal(counts.filled(0), (stack > 0).sum(axis=0))


def test_columns_and_neighbourhoods(world):
    features = ee.FeatureCollection([ee.Feature(None, {"x": x, "y": 3 * x + (x % 2), "w": "a"}) for x in range(6)])
    fit = world.compute(features.reduceColumns(R.sensSlope(), ["x", "y"]))
    assert fit["slope"] == pytest.approx(stats.theilslopes([3 * x + (x % 2) for x in range(6)], range(6)).slope)
    assert world.compute(features.reduceColumns(R.countDistinct(), ["w"])) == {"count": 1}
    with pytest.raises(ApiError, match="must be numbers"):
        world.compute(features.reduceColumns(R.skew(), ["w"]))
    image = ee.Image("classes").reduceNeighborhood(R.countDistinct(), ee.Kernel.square(1))
    found = world.pixels(image, GRID)[0]
    assert found[4, 4] == len(np.unique(world.classes[3:6, 3:6]))
    runs = world.pixels(ee.ImageCollection("C").select("red").map(lambda i: i.gt(2500)).reduce(R.countRuns()), GRID)[0]
    red = np.stack([array[2, 2] for array in world.red])
    above = (red > 2500)[red > 0]
    assert runs[2, 2] == (len(above) > 0) + np.count_nonzero(above[1:] != above[:-1])


@pytest.mark.parametrize(
    ("reducer", "message"),
    [
        (lambda: R.linearRegression(0, 1), "must be between 1"),
        (lambda: R.ridgeRegression(1, 1, -1), "must not be negative"),
        (lambda: R.intervalMean(90, 10), "must be below"),
        (lambda: R.kendallsCorrelation(3), "must be 1 or 2"),
        (lambda: R.fixed2DHistogram(0, 1, 2000, 0, 1, 2000), "at most"),
        (lambda: R.linearRegression(1, 1).disaggregate(), "must have one input"),
    ],
)
def test_arguments_that_make_no_reducer_are_named(world, reducer, message):
    with pytest.raises(ApiError, match=message):
        world.compute(reducer().getOutputs())
