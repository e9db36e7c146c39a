"""Array pixels where numbers are meant: every function has an answer, or says what it cannot do."""

import ee
import pytest

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

GRID = Grid("EPSG:32617", (30.0, 0, 600_000.0, 0, -30.0, 4_000_000.0), (20, 30))
CORNER = [600_000, 3_999_700, 600_300, 4_000_000]

IMAGES = {
    "alike": lambda: ee.Image("C/s0").toArray(),
    "matrices": lambda: ee.Image("C/s0").toArray().toArray(1),
    "of several lengths": lambda: ee.ImageCollection("C").select("red").toArray().arrayProject([0]),
}


def red():
    return ee.Image("C/s0").select("red")


def region():
    return ee.Geometry.Rectangle(CORNER, "EPSG:32617", False)


def several(image):
    return ee.ImageCollection([image, image.add(1)])


PIXELS = {
    "updateMask": lambda image: image.updateMask(red().gt(10)),
    "updateMask by arrays": lambda image: red().updateMask(image),
    "selfMask": lambda image: image.selfMask(),
    "mask": lambda image: image.mask(),
    "mask by a number": lambda image: image.mask(ee.Image(1)),
    "unmask": lambda image: image.unmask(0),
    "unmask by itself": lambda image: image.unmask(image),
    "where": lambda image: image.where(red().gt(100), 5),
    "where arrays are": lambda image: red().where(image, 5),
    "mosaic": lambda image: several(image).mosaic(),
    "mean": lambda image: several(image).mean(),
    "median": lambda image: several(image).median(),
    "mean of other lengths": lambda image: ee.ImageCollection([image, ee.Image([1, 2, 3]).toArray()]).mean(),
    "qualityMosaic": lambda image: ee.ImageCollection([image.addBands(red())]).qualityMosaic("red"),
    "qualityMosaic by arrays": lambda image: several(image).qualityMosaic("array"),
    "focalMean": lambda image: image.focalMean(1),
    "reduceNeighborhood": lambda image: image.reduceNeighborhood(ee.Reducer.mean(), ee.Kernel.square(1)),
    "convolve": lambda image: image.convolve(ee.Kernel.square(1)),
    "neighborhoodToBands": lambda image: image.neighborhoodToBands(ee.Kernel.square(1)),
    "neighborhoodToArray": lambda image: image.neighborhoodToArray(ee.Kernel.square(1)),
    "visualize": lambda image: image.visualize(min=0, max=100),
    "remap": lambda image: image.remap([1], [2]),
    "expression": lambda image: image.expression("a * 2 + 1", {"a": image}),
    "resample": lambda image: image.resample("bilinear").reproject("EPSG:32617", None, 45),
    "reproject": lambda image: image.reproject("EPSG:4326", None, 45),
    "reduceResolution": lambda image: (
        image.setDefaultProjection("EPSG:32617", None, 30)
        .reduceResolution(ee.Reducer.mean())
        .reproject("EPSG:32617", None, 90)
    ),
    "displace": lambda image: image.displace(ee.Image([10, 10])),
    "displace by arrays": lambda image: red().displace(image.addBands(image)),
    "translate": lambda image: image.translate(10, 10),
    "clamp": lambda image: image.clamp(0, 10),
    "unitScale": lambda image: image.unitScale(0, 10),
    "normalizedDifference": lambda image: image.addBands(image).normalizedDifference(["array", "array_1"]),
    "reduce": lambda image: image.reduce(ee.Reducer.mean()),
    "gt": lambda image: image.gt(red()),
    "byte": lambda image: image.byte(),
    "cast": lambda image: image.cast({"array": "float"}),
    "toArray": lambda image: image.toArray(1),
    "arrayFlatten": lambda image: image.arrayFlatten([["a", "b"]]),
    "clip": lambda image: image.clip(region()),
    "paint": lambda image: image.paint(region(), 1),
    "blend": lambda image: image.blend(image),
    "fastDistanceTransform": lambda image: image.fastDistanceTransform(8),
    "slope": lambda image: ee.Terrain.slope(image),
    "CannyEdgeDetector": lambda image: ee.Algorithms.CannyEdgeDetector(image, 1),
    "interpolate": lambda image: image.interpolate([0, 1], [2, 3]),
    "polynomial": lambda image: image.polynomial([1, 2]),
    "toArray of a collection": lambda image: several(image).toArray(),
    "bitsToArrayImage": lambda image: image.bitsToArrayImage(),
    "arrayDotProduct": lambda image: image.arrayDotProduct(image),
    "connectedPixelCount": lambda image: image.connectedPixelCount(),
    "gradient": lambda image: image.gradient(),
    "derivative": lambda image: image.derivative(),
    "cumulativeCost": lambda image: image.cumulativeCost(image, 100),
    "distance": lambda image: image.distance(ee.Kernel.euclidean(2)),
    "arrayGet": lambda image: image.arrayGet(red().mod(2)),
}

VALUES = {
    "mean": lambda image: image.reduceRegion(ee.Reducer.mean(), region(), 30),
    "first": lambda image: image.reduceRegion(ee.Reducer.first(), region(), 30),
    "toList": lambda image: image.reduceRegion(ee.Reducer.toList(), region(), 30),
    "count": lambda image: image.reduceRegion(ee.Reducer.count(), region(), 30),
    "frequencyHistogram": lambda image: image.reduceRegion(ee.Reducer.frequencyHistogram(), region(), 30),
    "getRegion": lambda image: ee.ImageCollection([image]).getRegion(region(), 30),
    "sampleRectangle": lambda image: image.sampleRectangle(region()),
    "sample": lambda image: image.sample(region(), 30),
    "sampleRegions": lambda image: image.sampleRegions(
        ee.FeatureCollection([ee.Feature(region().centroid(1))]), scale=30
    ),
    "stratifiedSample": lambda image: image.addBands(red().gt(5).rename("class")).stratifiedSample(
        3, "class", region(), 30
    ),
    "reduceRegions": lambda image: image.reduceRegions(
        ee.FeatureCollection([ee.Feature(region())]), ee.Reducer.mean(), 30
    ),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_every_function_answers_or_says_what_it_cannot_do(world, kind):
    answered = set()
    for name, build in PIXELS.items():
        try:
            image = world.evaluator.image_of(world.evaluate(build(IMAGES[kind]())))
            assert image.fetch(GRID, ragged=True)
            answered.add(name)
        except ApiError as error:
            assert error.status == "INVALID_ARGUMENT" and len(error.message) > 20, name
    for name, build in VALUES.items():
        try:
            assert world.compute(build(IMAGES[kind]())) is not None
            answered.add(name)
        except ApiError as error:
            assert error.status == "INVALID_ARGUMENT" and len(error.message) > 20, name
    assert {"updateMask", "mask", "clip", "gt", "byte", "reproject", "sample", "sampleRegions"} <= answered
    if kind == "alike":
        assert {"mosaic", "mean", "median", "qualityMosaic", "unmask", "arrayGet", "first"} <= answered
