"""What people do with arrays, each against the same computation written in NumPy.

The workflows are those of https://developers.google.com/earth-engine/guides/arrays_array_images,
arrays_transformations, arrays_sorting_reducing and arrays_eigen_analysis.
"""

import math
from datetime import UTC, datetime

import ee
import numpy as np
import pytest

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.records import AssetRecord

SHAPE = (24, 30)
GRID = Grid("EPSG:32617", (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0), SHAPE)
DATES = [datetime(2019 + number // 6, 1 + number % 6 * 2, 3, tzinfo=UTC) for number in range(14)]
BANDS = ["blue", "green", "red", "nir", "swir1", "swir2"]
YEAR = 365.2425
NAMES = ["constant", "t", "sin", "cos"]

# Landsat 8 coefficients of Baig et al. (2014), as the guide gives them.
TASSELED_CAP = [
    [0.3029, 0.2786, 0.4733, 0.5599, 0.508, 0.1872],
    [-0.2941, -0.243, -0.5424, 0.7276, 0.0713, -0.1608],
    [0.1511, 0.1973, 0.3283, 0.3407, -0.7117, -0.4559],
    [-0.8239, 0.0849, 0.4396, -0.058, 0.2013, -0.2773],
    [-0.3294, 0.0557, 0.1056, 0.1855, -0.4349, 0.8085],
    [0.1079, -0.9023, 0.4119, 0.0575, -0.0259, 0.0252],
]


@pytest.fixture(scope="module")
def series(world):
    """Fourteen scenes of red and nir over two years, clouded here and there; 0 is cloud. Shape `(14, 2, 24, 30)`."""
    generator = np.random.default_rng(11)
    values = generator.integers(500, 4_000, (14, 2, *SHAPE)).astype("uint16")
    values[(generator.random((14, 1, *SHAPE)) < 0.4) & np.ones((14, 2, 1, 1), bool)] = 0
    values[:, :, 0, :3] = 0
    world.assets.records["SERIES"] = AssetRecord("SERIES", "IMAGE_COLLECTION")
    for number, (date, scene) in enumerate(zip(DATES, values, strict=True)):
        world.add(
            f"SERIES/s{number:02}",
            {"red": scene[0], "nir": scene[1]},
            nodata=0,
            properties={"system:time_start": int(date.timestamp() * 1000)},
        )
    return values


def with_variables(image):
    """The guide's predictors, and NDVI as the response, as 32-bit floats."""
    year = ee.Image(image.date().difference(ee.Date("1970-01-01"), "year"))
    season = year.multiply(2 * math.pi)
    return (
        image.select()
        .addBands(ee.Image(1))
        .addBands(year.rename("t"))
        .addBands(season.sin().rename("sin"))
        .addBands(season.cos().rename("cos"))
        .addBands(image.normalizedDifference(["nir", "red"]).rename("NDVI"))
        .toFloat()
    )


def predictors_of(years):
    """Rows of the four predictors, rounded to 32 bits as the guide's are."""
    columns = [np.ones_like(years), years, np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
    return np.stack(columns, axis=-1).astype("float32").astype("float64")


def least_squares(values):
    """Coefficients `(height, width, 4)` of the same model, and where there are more than 4 observations."""
    # Differences of dates are in years of average length.
    design = predictors_of(np.array([date.timestamp() / 86_400 / YEAR for date in DATES]))
    red, nir = values[:, 0].astype("float64"), values[:, 1].astype("float64")
    valid = red > 0
    index = np.divide(nir - red, nir + red, out=np.zeros_like(red), where=valid).astype("float32")
    found = np.zeros((*SHAPE, 4))
    solvable = valid.sum(axis=0) > 4
    for row, col in np.argwhere(solvable):
        chosen = valid[:, row, col]
        found[row, col] = np.linalg.lstsq(design[chosen], index[chosen, row, col], rcond=None)[0]
    return found, solvable


def compared(bands, expected, valid, tolerance):
    assert len(bands) == expected.shape[-1]
    for number, band in enumerate(bands):
        assert (np.ma.getmaskarray(band) == ~valid).all()
        assert np.allclose(band.data[valid], expected[..., number][valid], atol=tolerance, rtol=tolerance)


def test_ordinary_least_squares_three_ways(world, series):
    array = ee.ImageCollection("SERIES").map(with_variables).toArray()
    array = array.updateMask(array.arrayLength(0).gt(4))
    predictors, response = array.arraySlice(1, 0, 4), array.arraySlice(1, 4)
    transposed = predictors.arrayTranspose()
    ways = [
        transposed.matrixMultiply(predictors).matrixInverse().matrixMultiply(transposed).matrixMultiply(response),
        predictors.matrixPseudoInverse().matrixMultiply(response),
        predictors.matrixSolve(response),
    ]
    expected, solvable = least_squares(series)
    assert 100 < solvable.sum() < solvable.size
    for way in ways:
        bands = world.pixels(way.arrayProject([0]).arrayFlatten([NAMES]), GRID)
        compared(bands, expected, solvable, 2e-4)


def test_harmonic_regression_by_a_reducer_whose_output_is_an_array(world, series):
    trend = ee.ImageCollection("SERIES").map(with_variables).reduce(ee.Reducer.linearRegression(4, 1))
    coefficients = trend.select("coefficients").arrayProject([0]).arrayFlatten([NAMES])
    enough = ee.ImageCollection("SERIES").select("red").count().gt(4)
    expected, solvable = least_squares(series)
    bands = world.pixels(coefficients.updateMask(enough), GRID)
    compared(bands, expected, solvable, 2e-4)
    # Fitted values and the amplitude of the season, as the harmonic modelling tutorial has them.
    fitted = with_variables(ee.Image("SERIES/s05")).select(NAMES).multiply(coefficients).reduce("sum")
    row = predictors_of(np.array(DATES[5].timestamp() / 86_400 / YEAR))
    ok = solvable & (series[5, 0] > 0)
    found = world.pixels(fitted.updateMask(enough), GRID)[0]
    assert np.allclose(found.data[ok], (expected @ row)[ok], atol=1e-3)
    amplitude = world.pixels(coefficients.select("sin").hypot(coefficients.select("cos")).updateMask(enough), GRID)[0]
    assert np.allclose(amplitude.data[solvable], np.hypot(expected[..., 2], expected[..., 3])[solvable], atol=2e-4)


def test_greenest_pixels_by_sorting_and_slicing(world, series):
    def green(image):
        return image.toFloat().addBands(image.normalizedDifference(["nir", "red"]).rename("NDVI"))

    collection = ee.ImageCollection("SERIES").map(green)
    array = collection.toArray()
    names = ["red", "nir", "NDVI"]
    bands, ndvi = array.arraySlice(1, 0, 3), array.arraySlice(1, -1)
    ordered = bands.arraySort(ndvi.multiply(-1))
    greenest = ordered.arraySlice(0, 0, 1).arrayProject([1]).arrayFlatten([names])
    count = ordered.arrayLength(0).multiply(0.5).int()
    half = ordered.arraySlice(0, 0, count).arrayReduce(ee.Reducer.mean(), [0]).arrayProject([1]).arrayFlatten([names])
    red, nir = series[:, 0].astype("float64"), series[:, 1].astype("float64")
    valid = red > 0
    index = np.where(valid, np.divide(nir - red, nir + red, out=np.zeros_like(red), where=valid), -9)
    best = index.argmax(axis=0)[None]
    some = valid.any(axis=0)
    expected = np.stack([np.take_along_axis(item, best, 0)[0] for item in (red, nir, index)], axis=-1)
    compared(world.pixels(greenest, GRID), expected, some, 1e-6)
    quality = world.pixels(collection.qualityMosaic("NDVI"), GRID)
    assert np.allclose(quality[0].data[some], expected[..., 0][some])
    number = valid.sum(axis=0) // 2
    mean = np.zeros((*SHAPE, 3))
    for row, col in np.argwhere(number > 0):
        order = np.argsort(-index[:, row, col], kind="stable")[: number[row, col]]
        mean[row, col] = [item[order, row, col].mean() for item in (red, nir, index)]
    compared(world.pixels(half, GRID), mean, number > 0, 1e-5)


def spectrum(world):
    """An image of six bands made of a scene, and its values."""
    red, nir = (ee.Image("C/s1").select(name).toDouble() for name in ("red", "nir"))
    image = ee.Image.cat(
        [red.multiply(0.5), red.add(nir).divide(4), red, nir, red.hypot(nir), nir.subtract(red)]
    ).rename(BANDS)
    a, b = world.red[1].astype("float64"), world.nir[1].astype("float64")
    return image, np.stack([a * 0.5, (a + b) / 4, a, b, np.hypot(a, b), b - a], axis=-1), (a > 0) & (b > 0)


def test_tasseled_cap_by_a_matrix_product(world):
    image, values, valid = spectrum(world)
    names = ["brightness", "greenness", "wetness", "fourth", "fifth", "sixth"]
    components = ee.Image(ee.Array(TASSELED_CAP)).matrixMultiply(image.toArray().toArray(1))
    bands = world.pixels(components.arrayProject([0]).arrayFlatten([names]))
    compared(bands, values @ np.array(TASSELED_CAP).T, valid, 1e-9)
    greenness = ee.Array(TASSELED_CAP).slice(axis=0, start=1, end=2, step=1)
    assert world.compute(ee.Array(TASSELED_CAP).length()) == [6, 6]
    assert world.compute(greenness) == TASSELED_CAP[1:2]
    single = ee.Image(greenness).matrixMultiply(image.toArray().toArray(1)).arrayGet([0, 0])
    assert np.allclose(world.pixels(single)[0].data[valid], values[valid] @ TASSELED_CAP[1])
    summed = image.multiply(ee.Image(TASSELED_CAP[1])).reduce(ee.Reducer.sum())
    assert np.allclose(world.pixels(summed)[0].data[valid], values[valid] @ TASSELED_CAP[1])


def test_principal_components_by_eigen_analysis(world):
    image, values, valid = spectrum(world)
    values = values[valid]
    # Of six bands three are combinations of others, so three components are left: one of them is enough to compare.
    image, values = image.select(["red", "nir", "swir1"]), values[:, [2, 3, 4]]
    region = image.geometry()
    means = image.reduceRegion(ee.Reducer.mean(), region, 30)
    arrays = image.subtract(ee.Image.constant(means.values(["red", "nir", "swir1"]))).toArray()
    covariance = ee.Array(arrays.reduceRegion(ee.Reducer.centeredCovariance(), region, 30).get("array"))
    eigen = covariance.eigen()
    vectors = eigen.slice(1, 1)
    components = ee.Image(vectors).matrixMultiply(arrays.toArray(1)).arrayProject([0])
    deviations = ee.Image(eigen.slice(1, 0, 1).sqrt()).arrayProject([0]).arrayFlatten([["a", "b", "c"]])
    normalized = components.arrayFlatten([["pc1", "pc2", "pc3"]]).divide(deviations)
    own = np.cov(values.T, bias=True)
    found = np.array(world.compute(eigen))
    assert np.allclose(found[:, 0], np.linalg.eigvalsh(own)[::-1], rtol=1e-3)
    bands = world.pixels(normalized)
    scores = np.stack([band.data[valid] for band in bands])
    # Components are uncorrelated and, divided by their deviations, of variance 1.
    assert np.allclose(np.cov(scores, bias=True), np.eye(3), atol=2e-3)


def test_runs_by_forward_differences(world, series):
    """The longest time between two clear scenes: a mask on positions, then differences of neighbours."""
    numbered = ee.ImageCollection("SERIES").map(
        lambda image: (
            ee.Image.constant(image.date().difference(ee.Date("2019-01-01"), "day"))
            .rename("day")
            .updateMask(image.select("red").mask())
            .toDouble()
        )
    )
    days = numbered.toArray().arrayProject([0])
    days = days.updateMask(days.arrayLength(0).gt(1))
    gaps = days.arraySlice(0, 1).subtract(days.arraySlice(0, 0, -1))
    longest = gaps.arrayReduce(ee.Reducer.max(), [0]).arrayGet([0])
    place = gaps.arrayArgmax().arrayGet([0])
    moments = np.array([(date - datetime(2019, 1, 1, tzinfo=UTC)).total_seconds() / 86_400 for date in DATES])
    valid = series[:, 0] > 0
    enough = valid.sum(axis=0) > 1
    found, where = world.pixels(longest, GRID)[0], world.pixels(place, GRID)[0]
    assert (found.mask == ~enough).all()
    for row, col in np.argwhere(enough)[::7]:
        gap = np.diff(moments[valid[:, row, col]])
        assert found[row, col] == gap.max() and where[row, col] == gap.argmax()
