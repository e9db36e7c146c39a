import ee
import numpy as np
import pytest

from earthline_sandbox.errors import ApiError

DAY = 86_400_000


def stack(world, band="red"):
    arrays = np.stack(getattr(world, band))
    return np.ma.MaskedArray(arrays, arrays == 0)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda c: c.median(), lambda s: np.ma.median(s, axis=0)),
        (lambda c: c.mean(), lambda s: s.mean(axis=0)),
        (lambda c: c.min(), lambda s: s.min(axis=0)),
        (lambda c: c.max(), lambda s: s.max(axis=0)),
        (lambda c: c.sum(), lambda s: s.astype(float).sum(axis=0)),
        (lambda c: c.count(), lambda s: np.ma.MaskedArray(s.count(axis=0))),
        (lambda c: c.reduce(ee.Reducer.stdDev()), lambda s: s.std(axis=0)),
        (lambda c: c.reduce(ee.Reducer.percentile([25])), lambda s: np.ma.MaskedArray(
            np.nanpercentile(s.astype(float).filled(np.nan), 25, axis=0), s.mask.all(axis=0))),
        (lambda c: c.map(lambda i: i.divide(1000).int()).mode(), None),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:All-NaN")
def test_composites_are_numpys(world, build, expected):
    pixels = world.pixels(build(ee.ImageCollection("C").select("red")))[0]
    values = stack(world)
    if expected is None:
        whole = (values // 1000).filled(99)
        wanted = [[max(sorted(set(cell) - {99}) or [0], key=lambda v: (list(cell).count(v), -v)) for cell in row]
                  for row in np.moveaxis(whole, 0, -1).tolist()]  # fmt: skip
        wanted = np.ma.MaskedArray(wanted, values.mask.all(axis=0))
    else:
        wanted = expected(values)
    assert np.array_equal(np.ma.getmaskarray(pixels), np.ma.getmaskarray(wanted))
    assert np.allclose(pixels.filled(0), wanted.filled(0))


def test_a_mosaic_shows_the_last_valid_image(world):
    pixels = world.pixels(ee.ImageCollection("C").mosaic())[0]
    expected = np.zeros(pixels.shape)
    for array in world.red:
        expected = np.where(array > 0, array, expected)
    assert np.array_equal(pixels.filled(0), expected)


def test_a_quality_mosaic_takes_whole_pixels(world):
    best = world.pixels(ee.ImageCollection("C").qualityMosaic("nir"))
    nir = np.stack(world.nir).astype(float)
    index = np.where(nir == 0, -1, nir).argmax(axis=0)[None]
    assert np.array_equal(best[1].filled(0), np.take_along_axis(nir, index, 0)[0])
    assert np.array_equal(best[0].filled(0), np.take_along_axis(np.stack(world.red), index, 0)[0] * ~best[0].mask)


def test_stacking_names_bands_by_image(world):
    names = world.compute(ee.ImageCollection("C").select("nir").toBands().bandNames())
    assert names == ["s0_nir", "s1_nir", "s2_nir", "s3_nir"]


def test_reducers_across_bands(world):
    pixels = world.pixels(ee.Image("C/s0").reduce(ee.Reducer.max()))[0]
    assert np.array_equal(pixels.filled(0), np.maximum(world.red[0], world.nir[0]))
    fit = ee.ImageCollection("C").map(lambda i: i.unmask(0)).reduce(ee.Reducer.linearFit())
    scale, offset = world.pixels(fit)
    wanted = np.polyfit([a[3, 4] for a in world.red], [a[3, 4] for a in world.nir], 1)
    assert np.allclose([scale[3, 4], offset[3, 4]], wanted)
    assert world.compute(fit.bandNames()) == ["scale", "offset"]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda c: c.filterDate("2020-01-02", "2020-01-04"), ["s1", "s2"]),
        (lambda c: c.filterDate("2020-01-02"), ["s1"]),
        (lambda c: c.filter(ee.Filter.lt("cloud", 20)), ["s0", "s1"]),
        (lambda c: c.filter(ee.Filter.neq("tile", "t1")), ["s0", "s2", "s3"]),
        (lambda c: c.filter(ee.Filter.And(ee.Filter.gte("cloud", 10), ee.Filter.lte("cloud", 20))), ["s1", "s2"]),
        (lambda c: c.filter(ee.Filter.Or(ee.Filter.eq("cloud", 0), ee.Filter.eq("cloud", 30))), ["s0", "s3"]),
        (lambda c: c.filter(ee.Filter.inList("tile", ["t0", "t2"])), ["s0", "s2"]),
        (lambda c: c.filter(ee.Filter.inList("tile", ["t0", "t2"]).Not()), ["s1", "s3"]),
        (lambda c: c.filter(ee.Filter.rangeContains("cloud", 5, 25)), ["s1", "s2"]),
        (lambda c: c.filter(ee.Filter.stringEndsWith("tile", "3")), ["s3"]),
        (lambda c: c.filter(ee.Filter.calendarRange(3, 4, "day_of_month")), ["s2", "s3"]),
        (lambda c: c.filterMetadata("cloud", "greater_than", 10), ["s2", "s3"]),
        (lambda c: c.filter(ee.Filter.notNull(["no"])), []),
        (lambda c: c.filterBounds(ee.Geometry.Point([-79.88, 36.13])), ["s0", "s1", "s2", "s3"]),
        (lambda c: c.filterBounds(ee.Geometry.Point([10, 10])), []),
        (lambda c: c.limit(2, "cloud", False), ["s3", "s2"]),
        (lambda c: c.sort("cloud", False), ["s3", "s2", "s1", "s0"]),
        (lambda c: c.merge(c.limit(1)), ["1_s0", "1_s1", "1_s2", "1_s3", "2_s0"]),
        (lambda c: c.map(lambda i: ee.Algorithms.If(i.get("cloud"), i, None), True), ["s1", "s2", "s3"]),
        (lambda c: c.map(lambda i: i.set("odd", ee.Number(i.get("cloud")).mod(20))).distinct("odd"), ["s0", "s1"]),
    ],
)
def test_collections_are_filtered_ordered_and_mapped(world, build, expected):
    assert world.compute(build(ee.ImageCollection("C")).aggregate_array("system:index")) == expected


def test_an_images_description(world):
    shown = world.compute(ee.ImageCollection("C").first())
    assert shown["id"] == "C/s0"
    assert shown["version"] == 7
    assert shown["bands"][0] == {
        "id": "red",
        "data_type": {"type": "PixelType", "precision": "int", "min": 0, "max": 65_535},
        "dimensions": [80, 60],
        "crs": "EPSG:32617",
        "crs_transform": [30, 0, 600_000, 0, -30, 4_000_000],
    }
    assert shown["properties"] == {
        "system:time_start": 1_577_836_800_000, "system:index": "s0", "cloud": 0, "tile": "t0"
    }  # fmt: skip
    whole = world.compute(ee.ImageCollection("C"))
    assert (whole["type"], whole["id"], len(whole["features"])) == ("ImageCollection", "C", 4)
    assert whole["properties"] == {"title": "scenes"}


def test_what_is_missing_is_said_in_googles_words(world):
    with pytest.raises(ApiError) as caught:
        world.compute(ee.Image("no/such"))
    assert caught.value.message == (
        "Image.load: Image asset 'no/such' not found (does not exist or caller does not have access)."
    )
    with pytest.raises(ApiError, match="ImageCollection asset 'none' not found"):
        world.compute(ee.ImageCollection("none").size())
    with pytest.raises(ApiError, match="Parameter 'object' is required"):
        world.compute(ee.ImageCollection("C").filter(ee.Filter.eq("tile", "no")).first().get("x"))


def test_linked_collections_bring_bands_and_mask_where_none_matches(world):
    other = ee.ImageCollection("C").limit(2).select(["nir"], ["linked"])
    linked = ee.ImageCollection("C").linkCollection(other, ["linked"], ["cloud"])
    images = linked.toList(4)
    assert np.array_equal(world.pixels(ee.Image(images.get(1)).select("linked"))[0].filled(0), world.nir[1])
    assert world.pixels(ee.Image(images.get(3)).select("linked"))[0].mask.all()
    assert world.compute(linked.aggregate_array("cloud")) == [0, 10]


def test_joins(world):
    collection = ee.ImageCollection("C")
    same = ee.Filter.equals(leftField="tile", rightField="tile")
    joined = ee.Join.saveFirst("match").apply(collection, collection.filter(ee.Filter.gt("cloud", 10)), same)
    assert world.compute(ee.ImageCollection(joined).aggregate_array("system:index")) == ["s2", "s3"]
    match = ee.Image(ee.ImageCollection(joined).first().get("match"))
    assert world.compute(match.get("cloud")) == 20
    inverted = ee.Join.inverted().apply(collection, collection.limit(1), same)
    assert world.compute(inverted.size()) == 3


def test_aggregates_and_columns(world):
    collection = ee.ImageCollection("C")
    assert world.compute(collection.aggregate_sum("cloud")) == 60
    assert world.compute(collection.aggregate_mean("cloud")) == 15
    assert world.compute(collection.aggregate_histogram("tile")) == {"t0": 1, "t1": 1, "t2": 1, "t3": 1}
    assert world.compute(collection.reduceColumns(ee.Reducer.minMax(), ["cloud"])) == {"min": 0, "max": 30}
    grouped = collection.map(lambda i: i.set("half", ee.Number(i.get("cloud")).divide(20).int())).reduceColumns(
        ee.Reducer.sum().group(1, "half"), ["cloud", "half"]
    )
    assert world.compute(grouped) == {"groups": [{"half": 0, "sum": 10}, {"half": 1, "sum": 50}]}
    times = world.compute(collection.reduceColumns(ee.Reducer.toList(), ["system:time_start"]))
    assert np.diff(times["list"]).tolist() == [DAY] * 3


def test_random_columns_depend_on_seed_and_index_alone(world):
    collection = ee.FeatureCollection([ee.Feature(None, {"n": n}) for n in range(200)])
    first = world.compute(collection.randomColumn("r", 5).aggregate_array("r"))
    assert first == world.compute(collection.randomColumn("r", 5).aggregate_array("r"))
    assert first[50:] == world.compute(
        collection.filter(ee.Filter.gte("n", 50)).randomColumn("r", 5).aggregate_array("r")
    )
    assert first != world.compute(collection.randomColumn("r", 6).aggregate_array("r"))
    assert all(0 <= value < 1 for value in first)
    assert 0.4 < np.mean(first) < 0.6


def test_features_and_their_properties(world):
    feature = ee.Feature(ee.Geometry.Point([1, 2]), {"a": 1, "b": "x"})
    assert world.compute(feature) == {
        "type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {"a": 1, "b": "x"}
    }  # fmt: skip
    collection = world.compute(ee.FeatureCollection([feature, feature.set("a", 2)]))
    assert [item["id"] for item in collection["features"]] == ["0", "1"]
    assert collection["columns"] == {"a": "Integer", "b": "String", "system:index": "String"}
    assert world.compute(feature.set({"c": 3, "a": None}).toDictionary()) == {"b": "x", "c": 3}
    assert world.compute(ee.Feature(None).copyProperties(feature, ["b"]).propertyNames()) == ["b"]
    assert world.compute(feature.select(["a"], ["z"]).toDictionary()) == {"z": 1}
