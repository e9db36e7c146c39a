import ee
import pytest

from earthline_sandbox.errors import ApiError


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: ee.Number(7).divide(2), 3.5),
        (lambda: ee.Number(7).divide(0), 0),
        (lambda: ee.Number(2).pow(10), 1024),
        (lambda: ee.Number(-2.5).round(), -3),
        (lambda: ee.Number(7.9).int(), 7),
        (lambda: ee.Number(300).toByte(), 255),
        (lambda: ee.Number(12).bitwiseAnd(10), 8),
        (lambda: ee.Number(3).lt(4), 1),
        (lambda: ee.Number(3.14159).format("%.2f"), "3.14"),
        (lambda: ee.Number(7).format("%03d"), "007"),
        (lambda: ee.Number.parse("1e3"), 1000),
        (lambda: ee.Number.expression("a * 2 + 1", {"a": 4}), 9),
        (lambda: ee.List.sequence(0, 10, 5), [0, 5, 10]),
        (lambda: ee.List.sequence(0, 1, count=3), [0, 0.5, 1]),
        (lambda: ee.List([3, 1, 2]).sort().reverse(), [3, 2, 1]),
        (lambda: ee.List([1, [2, [3]]]).flatten(), [1, 2, 3]),
        (lambda: ee.List([1, 2, 3, 4]).slice(1, -1), [2, 3]),
        (lambda: ee.List([1, 2]).zip([3, 4]), [[1, 3], [2, 4]]),
        (lambda: ee.List([1, 2, 1]).distinct(), [1, 2]),
        (lambda: ee.List([5, 6]).indexOf(6), 1),
        (lambda: ee.List(["a", "b"]).join("-"), "a-b"),
        (lambda: ee.List([1, 2, 3]).reduce(ee.Reducer.mean()), 2),
        (lambda: ee.List([1, 2, 3]).iterate(lambda x, s: ee.Number(x).add(s), 10), 16),
        (lambda: ee.List([1, 2, 3]).filter(ee.Filter.gt("item", 1)), [2, 3]),
        (lambda: ee.List.repeat(1, 3).get(-1), 1),
        (lambda: ee.Dictionary({"a": 1, "b": 2}).map(lambda k, v: ee.Number(v).add(1)), {"a": 2, "b": 3}),
        (lambda: ee.Dictionary({"b": 1, "a": 2}).keys(), ["a", "b"]),
        (lambda: ee.Dictionary({"b": 1, "a": 2}).values(), [2, 1]),
        (lambda: ee.Dictionary({"a": 1}).combine({"a": 2}, False), {"a": 1}),
        (lambda: ee.Dictionary({"a": 1}).rename(["a"], ["z"]), {"z": 1}),
        (lambda: ee.Dictionary.fromLists(["x"], [1]).get("y", 5), 5),
        (lambda: ee.String("a").cat("B").toLowerCase(), "ab"),
        (lambda: ee.String("x_1_2").split("_"), ["x", "1", "2"]),
        (lambda: ee.String("2020-01").replace(r"(\d+)-(\d+)", "$2/$1"), "01/2020"),
        (lambda: ee.String("LT05_044").match(r"LT(\d+)"), ["LT05", "05"]),
        # As https://developers.google.com/earth-engine/apidocs/ee-string-split shows.
        (lambda: ee.String("aBAbcD").split("ab", "i"), ["", "", "cD"]),
        (lambda: ee.String("aBAbcD").split("(BA|c)"), ["a", "b", "D"]),
        (lambda: ee.String("a,b,cdee f,g").split("[a-z]"), ["", ",", ",", "", "", "", " ", ","]),
        (lambda: ee.String("a,b,cdee f,g").split("[[:space:]]"), ["a,b,cdee", "f,g"]),
        (lambda: ee.String("a.b").split(""), ["a", ".", "b"]),
        (lambda: ee.String("").split(","), [""]),
        (lambda: ee.String("ABCabc123").match("AB", "ig"), ["AB", "ab"]),
        (lambda: ee.String("ABCabc123").match(r"(\d)(x)?"), ["1", "1", ""]),
        (lambda: ee.String("aBc-Abc").replace("abc", "Z", "ig"), "Z-Z"),
        (lambda: ee.String("/{z}/{x}{e}/{y}").replace("{x}{e}", "7"), "/{z}/7/{y}"),
        (lambda: ee.String("m2, €").replace("(?P<unit>m)(2)", r"$25 ${unit} \$1 $"), "25 m $1 $, €"),
        (lambda: ee.String.encodeJSON({"a": [1, 2]}), '{"a":[1,2]}'),
        (lambda: ee.Date("2020-02-28").advance(1, "day").format("YYYY-MM-dd"), "2020-02-28".replace("28", "29")),
        (lambda: ee.Date("2020-01-31").advance(1, "month").format("YYYY-MM-dd"), "2020-02-29"),
        (lambda: ee.Date("2020-03-01").difference(ee.Date("2020-02-01"), "day"), 29),
        (lambda: ee.Date("2020-06-15T12:00:00").get("hour"), 12),
        (lambda: ee.Date("2020-06-15").getRelative("day", "year"), 166),
        (lambda: ee.Date.fromYMD(2020, 1, 2).millis(), 1_577_923_200_000),
        (lambda: ee.Date("2020-06-15"), {"type": "Date", "value": 1_592_179_200_000}),
        (lambda: ee.DateRange("2020-01-01", "2020-01-02").contains(ee.Date("2020-01-01T23:59:59")), True),
        (lambda: ee.Date("2020-06-15").format(None), "2020-06-15T00:00:00"),
        (lambda: ee.Algorithms.ObjectType(ee.Image(1)), "Image"),
        (lambda: ee.ErrorMargin(3), {"type": "ErrorMargin", "unit": "meters", "value": 3}),
    ],
)
def test_small_values(world, build, expected):
    found = world.compute(build())
    assert found == pytest.approx(expected) if isinstance(expected, float) else found == expected


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ee.List([1]).get(5), "List.get: List index must be between"),
        (lambda: ee.Dictionary({"a": 1}).get("b"), "Dictionary does not contain key: 'b'"),
        (lambda: ee.Date("yesterday"), "Bad date/time 'yesterday'"),
        (lambda: ee.Number(ee.List(["x"]).get(0)).add(1), "Number.add, argument 'left': Invalid type"),
        (lambda: ee.Date("2020-01-01").advance(1, "fortnight"), "Unknown unit"),
        (lambda: ee.String("a").match("("), r"Invalid regular expression '\(': missing \)"),
        (lambda: ee.String("a").match("^(?!b)"), "invalid perl operator"),
        (lambda: ee.String("a").match("A", "x"), "Unknown flag 'x'"),
        (lambda: ee.String("a" * 200_000).match("(a?){500}a{500}b"), "too long for this regular expression"),
        (lambda: ee.String("a").replace("a", "$1"), "there is no group 1"),
        (lambda: ee.String("a").replace("a", "${b}"), "there is no group b"),
        (lambda: ee.List.sequence(0, 1e12), "more than"),
        (lambda: ee.List.repeat(0, 1e12), "between 0 and"),
        (lambda: ee.Date(1e20).format(), "outside the years"),
    ],
)
def test_mistakes_are_named(world, build, message):
    with pytest.raises(ApiError, match=message) as caught:
        world.compute(build())
    assert caught.value.code == 400


def test_models_keep_their_arguments_and_the_old_backend_is_gone(world):
    model = world.evaluate(
        ee.Model.fromVertexAi(
            endpoint="projects/p/locations/us-central1/endpoints/1",
            inputTileSize=[128, 96],
            inputOverlapSize=[16, 16],
            proj=ee.Projection("EPSG:32617").atScale(30),
            fixInputProj=True,
            outputBands={"class": {"type": ee.PixelType.float(), "dimensions": 1}},
        )
    )
    assert model.endpoint.endswith("endpoints/1")
    assert model.input_tile_size == [128, 96]
    assert model.proj.nominal_scale == pytest.approx(30)
    assert model.output_bands["class"]["type"].precision == "float"
    assert model.payload_format is None
    with pytest.raises(ApiError, match=r"shut down on 2025-01-31.*Model\.fromVertexAi"):
        world.evaluate(ee.ApiFunction("Model.fromAiPlatformPredictor").call(projectId="p", modelName="m"))
