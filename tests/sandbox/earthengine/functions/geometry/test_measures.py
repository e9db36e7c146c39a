import math

import ee
import numpy as np
import pytest
from pyproj import Geod
from scipy import integrate

from earthline_sandbox.errors import ApiError

DAY = 86_400_000
GLOBE = Geod(ellps="WGS84")


def point(x, y, **properties):
    return ee.Feature(ee.Geometry.Point(x, y), properties)


def test_special_functions_of_numbers_and_images(world):
    names = ("erf", "erfc", "erfInv", "erfcInv", "gamma", "digamma", "trigamma", "lanczos")
    value = ee.Number(0.3)
    found = world.compute(ee.Dictionary({name: getattr(value, name)() for name in names}))
    euler = 0.5772156649015329
    assert found["erf"] == pytest.approx(math.erf(0.3), rel=1e-12)
    assert found["erfc"] == pytest.approx(math.erfc(0.3), rel=1e-12)
    assert math.erf(found["erfInv"]) == pytest.approx(0.3, rel=1e-12)
    assert math.erfc(found["erfcInv"]) == pytest.approx(0.3, rel=1e-12)
    assert found["gamma"] == pytest.approx(math.gamma(0.3), rel=1e-12)
    # gamma(x + 1) by Lanczos' approximation, g = 607 / 128.
    shifted = 0.3 + 607 / 128 + 0.5
    assert math.sqrt(2 * math.pi) * shifted**0.8 * math.exp(-shifted) * found["lanczos"] == pytest.approx(
        math.gamma(1.3)
    )
    exact = world.compute(
        ee.List([ee.Number(1).digamma(), ee.Number(1).trigamma(), ee.Number(5).gamma(), ee.Number(2.5).gammainc(1.5)])
    )
    assert exact[:3] == pytest.approx([-euler, math.pi**2 / 6, 24])
    share = integrate.quad(lambda t: t**0.5 * math.exp(-t), 0, 2.5)[0] / math.gamma(1.5)
    assert exact[3] == pytest.approx(share)
    image = ee.Image.constant(0.3)
    for name in names:
        assert world.pixel(getattr(image, name)()) == pytest.approx(found[name], rel=1e-6), name
    assert world.pixel(ee.Image.constant(2.5).gammainc(1.5)) == pytest.approx(share, rel=1e-6)


def test_ranges_of_dates(world):
    first = ee.DateRange("2020-01-01", "2020-02-01")
    second = ee.DateRange("2020-01-20", "2020-03-01")
    third = ee.DateRange("2021-01-01", "2021-01-02")
    everything = ee.DateRange.unbounded()
    call = ee.ApiFunction.call_
    months = ee.FeatureCollection(
        call("BetterDateRangeCollection", ee.Date("2020-01-31"), ee.Date("2020-05-01"), 1, "month")
    )
    reset = ee.FeatureCollection(
        call("BetterDateRangeCollection", ee.Date("2019-12-20"), ee.Date("2020-01-20"), 8, "day", True)
    )
    days = ee.FeatureCollection(call("DateRangeCollection", 0, 10 * DAY, 4, "days"))
    found = world.compute(
        ee.Dictionary(
            {
                "both": first.intersection(second),
                "apart": first.intersection(third).isEmpty(),
                "union": first.union(third),
                "bounded": first.isUnbounded(),
                "unbounded": everything.isUnbounded(),
                "contains": everything.contains(first),
                "within": everything.intersection(first),
                "months": months.aggregate_array("date_range"),
                "names": months.aggregate_array("system:index"),
                "reset": reset.aggregate_array("system:index"),
                "days": days.aggregate_array("date_range"),
            }
        )
    )
    january = 1_577_836_800_000
    assert found["both"]["dates"] == [january + 19 * DAY, january + 31 * DAY]
    assert found["apart"] is True
    assert found["union"]["dates"] == [january, january + 367 * DAY]
    assert (found["bounded"], found["unbounded"], found["contains"]) == (False, True, True)
    assert found["within"]["dates"] == [january, january + 31 * DAY]
    # A month after 31 January is the end of February, two months after it the end of March.
    starts = [(span["dates"][0] - january) / DAY for span in found["months"]]
    assert starts == [30, 59, 90, 120]
    assert found["names"] == ["202001", "202002", "202003", "202004"]
    assert found["reset"] == ["20191220", "20191228", "20200101", "20200109", "20200117"]
    assert [span["dates"] for span in found["days"]] == [[0, 4 * DAY], [4 * DAY, 8 * DAY], [8 * DAY, 12 * DAY]]


def test_joins_keep_the_measure_of_their_condition(world):
    left = ee.FeatureCollection([point(0, 0, n=1), point(5, 0, n=2), point(50, 0, n=3)])
    right = ee.FeatureCollection([point(0.1, 0, m=10), point(0.3, 0, m=20), point(5.2, 0, m=30)])
    near = ee.Filter.withinDistance(50_000, ".geo", None, ".geo")
    close = ee.Filter.maxDifference(9, "n", None, "m")
    found = world.compute(
        ee.Dictionary(
            {
                "best": ee.Join.saveBest("match", "apart").apply(left, right, near).toList(9),
                "outer": ee.Join.saveBest("match", "apart", True).apply(left, right, near).size(),
                "all": ee.Join.saveAll("matches", measureKey="d").apply(left, right, near).toList(9),
                "first": ee.Join.saveFirst("match", measureKey="d").apply(left, right, close).toList(9),
                "inner": ee.Join.inner(measureKey="d").apply(left, right, close).toList(9),
                "plain": ee.Join.inner().apply(left, right, close).toList(9),
            }
        )
    )
    matches = [row["properties"]["match"]["properties"] for row in found["best"]]
    assert [match["m"] for match in matches] == [10, 30]
    assert matches[0]["apart"] == pytest.approx(GLOBE.inv(0, 0, 0.1, 0)[2])
    assert found["outer"] == 3
    assert [len(row["properties"]["matches"]) for row in found["all"]] == [2, 1]
    assert found["all"][0]["properties"]["matches"][1]["properties"]["d"] == pytest.approx(GLOBE.inv(0, 0, 0.3, 0)[2])
    assert [row["properties"]["match"]["properties"]["d"] for row in found["first"]] == [9, 8, 7]
    assert [row["properties"]["d"] for row in found["inner"]] == [9, 8, 7]
    assert "d" not in found["plain"][0]["properties"]
    with pytest.raises(ApiError, match="needs a condition with a measure"):
        world.compute(ee.Join.saveBest("a", "b").apply(left, right, ee.Filter.equals("n", None, "m")).size())


def test_filters_of_areas_types_distances_and_texts(world):
    square = ee.Geometry.Rectangle([0, 0, 0.1, 0.1])
    features = ee.FeatureCollection(
        [
            ee.Feature(square, {"n": 1, "name": "a b"}),
            ee.Feature(ee.Geometry.Point(1, 1), {"n": 2, "name": "c"}),
            ee.Feature(None, {"n": "three", "name": "d"}),
        ]
    )
    call = ee.ApiFunction.call_

    def names(condition):
        return features.filter(condition).aggregate_array("name")

    found = world.compute(
        ee.Dictionary(
            {
                "area": names(ee.Filter.area(1e8, 2e8)),
                "type": names(call("Filter.hasType", "n", "Number")),
                "string": names(call("Filter.hasType", "n", "String")),
                "near": names(ee.Filter.withinDistance(200_000, ".geo", ee.Geometry.Point(0, 0))),
                "less": names(ee.Filter.expression("n < 2")),
                "both": names(ee.Filter.expression("(n >= 1 && name != 'a b') || name == \"d\"")),
                "not": names(ee.Filter.expression("!(n == 1) && 0 < n")),
            }
        )
    )
    assert found == {
        "area": ["a b"], "type": ["a b", "c"], "string": ["d"], "near": ["a b", "c"], "less": ["a b"],
        "both": ["c", "d"], "not": ["c"],
    }  # fmt: skip


@pytest.mark.parametrize("text", ["n <", "n < 2)", "(n < 2", "n ~ 3", "n", "!" * 500 + "n < 2", "", "'a"])
def test_filters_that_cannot_be_read_are_refused(world, text):
    with pytest.raises(ApiError, match=r"Filter\.expression"):
        world.compute(ee.FeatureCollection([]).filter(ee.Filter.expression(text)).size())


def test_nearest_points_and_cut_lines(world):
    line = ee.Geometry.LineString([[0, 0], [0, 2]])
    place = ee.Geometry.Point(1, 1)
    utm = ee.Projection("EPSG:32617")
    flat = ee.Geometry.LineString([[500_000, 4_000_000], [500_300, 4_000_000]], utm, False)
    empty = ee.Geometry.MultiPoint([])
    found = world.compute(
        ee.Dictionary(
            {
                "point": ee.Geometry(place.closestPoint(line)).coordinates(),
                "points": ee.Feature(place).closestPoints(ee.Feature(line), 1),
                "none": place.closestPoints(empty),
                "within": ee.Feature(place).withinDistance(ee.Feature(line), 112_000),
                "beyond": ee.Feature(place).withinDistance(ee.Feature(line), 111_000),
                "pieces": line.cutLines([50_000, 100_000]).coordinates(),
                "flat": flat.cutLines([100], None, utm).coordinates(),
                "feature": ee.Feature(line, {"a": 1}).cutLines([1000]).get("a"),
                "other": place.cutLines([10]).coordinates(),
            }
        )
    )
    assert found["point"][0] == pytest.approx(0, abs=1e-5)
    assert found["point"][1] == pytest.approx(1, abs=1e-3)
    assert found["points"]["left"]["coordinates"] == pytest.approx([1, 1])
    assert found["none"] == {}
    assert (found["within"], found["beyond"]) == (True, False)
    pieces = found["pieces"]
    assert len(pieces) == 3 and pieces[0][0] == [0, 0] and pieces[-1][-1] == [0, 2]
    assert GLOBE.inv(*pieces[0][0], *pieces[0][-1])[2] == pytest.approx(50_000, rel=1e-3)
    assert np.allclose(found["flat"][0], [[500_000, 4_000_000], [500_100, 4_000_000]])
    assert (found["feature"], found["other"]) == (1, [])


def test_small_functions(world):
    call = ee.ApiFunction.call_
    feature = ee.Feature(ee.Geometry.Point(1, 2), {"a": 1, "b": 2})
    other = ee.Feature(None, {"c": 3})
    shape = ee.Geometry.Point(3, 4)
    columns = call("Collection.fromColumns", [[1, 2], ["x", "y"]], ["n", "s"])
    arrays = ee.FeatureCollection([feature, other]).makeArray(["a", "b"])
    uint8 = ee.PixelType.uint8()
    found = world.compute(
        ee.Dictionary(
            {
                "replaced": call("Element.replaceProperties", feature, other),
                "emptied": call("Element.replaceProperties", feature, None).propertyNames(),
                "dictionary": ee.Dictionary({"g": shape}).getGeometry("g"),
                "list": ee.List([1, shape]).getGeometry(-1),
                "last": ee.List([1, 2, 1, 2, 3]).lastIndexOfSubList([1, 2]),
                "missing": ee.List([1, 2]).lastIndexOfSubList([3]),
                "columns": ee.FeatureCollection(columns).toList(5),
                "arrays": arrays.toList(5),
                "cached": call("Collection.cache", ee.FeatureCollection([feature])).size(),
                "type": [uint8.minValue(), uint8.maxValue(), uint8.precision(), uint8.dimensions()],
                "described": ee.Algorithms.Describe(ee.Reducer.mean()),
                "image": ee.Algorithms.Describe(ee.Image(1)),
                "place": feature.geometry(None, ee.Projection("EPSG:3857"), False),
                "projection": call("Proj", "EPSG:32617", [30, 0, 0, 0, -30, 0]),
                "moved": call("ProjectionTransform", feature, ee.Projection("EPSG:3857")).geometry().coordinates(),
            }
        )
    )
    assert found["replaced"]["properties"] == {"c": 3} and found["replaced"]["geometry"]["coordinates"] == [1, 2]
    assert found["emptied"] == []
    assert found["dictionary"]["coordinates"] == found["list"]["coordinates"] == [3, 4]
    assert (found["last"], found["missing"]) == (2, -1)
    assert [row["properties"] for row in found["columns"]] == [{"n": 1, "s": "x"}, {"n": 2, "s": "y"}]
    assert [row["properties"]["array"] for row in found["arrays"]] == [[1, 2]]
    assert found["cached"] == 1
    assert found["type"] == [0, 255, "int", 0]
    assert found["described"] == {"type": "Reducer.mean", "outputs": ["mean"]}
    assert found["image"]["type"] == "Image"
    assert found["place"]["coordinates"] == pytest.approx([111319.49, 222684.21], abs=0.01)
    assert found["place"]["crs"]["properties"]["name"] == "EPSG:3857"
    assert found["projection"]["transform"] == [30, 0, 0, 0, -30, 0]
    assert found["moved"] == pytest.approx([111319.49, 222684.21], abs=0.01)
