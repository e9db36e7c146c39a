"""What scripts do in their first lines, as Earth Engine's reference pages show it."""

import ee
import numpy as np
import pytest

from earthline_sandbox.errors import ApiError

BANDS = {"B1": 182, "B2": 219, "B3": 443}
SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


def places():
    rows = [
        {"a": 2, "name": "x"},
        {"a": 3, "name": "o'y"},
        {"a": -1.5, "name": "z", "system:index": "k"},
        {"name": "n"},
    ]
    return ee.FeatureCollection([ee.Feature(None, row) for row in rows])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a == 2", ["x"]),
        ("a != 2", ["o'y", "z"]),
        ("a>=2&&a<=3", ["x", "o'y"]),
        ("a < -1 || name == 'n'", ["z", "n"]),
        ('!(a == 2) && !(name == "n")', ["o'y", "z"]),
        ('name == "o\'y"', ["o'y"]),
        (r"name == 'o\'y'", ["o'y"]),
        ("a == 2 || a == 3 && name == 'z'", ["x"]),
        ("(a == 2 || a == -1.5) && name == 'z'", ["z"]),
        ("system:index == 'k'", ["z"]),
        ("2.5e0 < a", ["o'y"]),
    ],
)
def test_collections_are_filtered_by_texts(world, text, expected):
    assert world.compute(places().filter(text).aggregate_array("name")) == expected


def test_null_is_compared_with_what_is_missing(world):
    assert world.compute(places().filter(ee.Filter.neq("a", None)).aggregate_array("name")) == ["x", "o'y", "z"]
    assert world.compute(places().filter(ee.Filter.eq("a", None)).aggregate_array("name")) == ["n"]
    old = ee.ApiFunction.call_("Filter.notEquals", "a")
    assert world.compute(places().filter(old).size()) == 3
    with pytest.raises(ApiError, match="exactly one of 'rightField' and 'rightValue'"):
        world.compute(places().filter(ee.Filter.gt("a", None)).size())


def test_texts_are_filters_wherever_one_is_wanted(world):
    assert world.compute(ee.ImageCollection("C").filter("cloud < 20").size()) == 2
    both = ee.ApiFunction.call_("Filter.and", ["a > 1", "a < 3"])
    assert world.compute(places().filter(both).aggregate_array("a")) == [2]
    assert world.compute(places().filter(ee.Filter.expression("a == 2").Not()).size()) == 3


def test_what_is_made_of_calls_shows_them(world):
    shown = world.compute(ee.Kernel.fixed(3, 2, [[4, 3, 2], [1, 0, 5]], 0, 1))
    assert (shown["type"], shown["center"], shown["weights"]) == ("Kernel.fixed", [0, 1], [[4, 3, 2], [1, 0, 5]])
    metres = world.compute(ee.Kernel.square(30, "meters"))
    assert metres == {"type": "Kernel.square", "radius": 30, "units": "meters"}
    assert world.compute(ee.Reducer.minMax()) == {"type": "Reducer.minMax", "outputs": ["min", "max"]}
    both = world.compute(ee.Filter.And(ee.Filter.eq("a", 1), ee.Filter.lt("b", 2)))
    assert both == {
        "type": "Filter.and",
        "filters": [
            {"type": "Filter.equals", "leftField": "a", "rightValue": 1},
            {"type": "Filter.lessThan", "leftField": "b", "rightValue": 2},
        ],
    }
    assert world.compute(ee.Join.saveFirst("found"))["matchKey"] == "found"
    trained = ee.Classifier.smileCart(7).train(places(), "a", ["a"])
    # The data that it learned from are no part of it.
    assert world.compute(trained) == {
        "type": "Classifier.train",
        "classifier": {"type": "Classifier.smileCart", "maxNodes": 7},
        "classProperty": "a",
        "inputProperties": ["a"],
    }


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: ee.Kernel.chebyshev(2), [[2, 2, 2, 2, 2], [2, 1, 1, 1, 2], [2, 1, 0, 1, 2], [2, 1, 1, 1, 2], [2] * 5]),
        (
            lambda: ee.Kernel.manhattan(2),
            [[4, 3, 2, 3, 4], [3, 2, 1, 2, 3], [2, 1, 0, 1, 2], [3, 2, 1, 2, 3], [4, 3, 2, 3, 4]],
        ),
        (lambda: ee.Kernel.euclidean(1), [[2**0.5, 1, 2**0.5], [1, 0, 1], [2**0.5, 1, 2**0.5]]),
        (lambda: ee.Kernel.circle(1), [[0, 0.2, 0], [0.2, 0.2, 0.2], [0, 0.2, 0]]),
        (lambda: ee.Kernel.cross(1, "pixels", False), [[1, 0, 1], [0, 1, 0], [1, 0, 1]]),
        (lambda: ee.Kernel.plus(1, "pixels", False, 3), [[0, 3, 0], [3, 3, 3], [0, 3, 0]]),
        (lambda: ee.Kernel.octagon(2, "pixels", False), [[0, 1, 1, 1, 0], *[[1] * 5] * 3, [0, 1, 1, 1, 0]]),
        (lambda: ee.Kernel.rectangle(1, 0), [[1 / 3] * 3]),
        (lambda: ee.Kernel.sobel().inverse(), [[-1, 0, 1], [-0.5, 0, 0.5], [-1, 0, 1]]),
        (lambda: ee.Kernel.sobel().rotate(1), [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
        (lambda: ee.Kernel.sobel().rotate(-2), [[1, 0, -1], [2, 0, -2], [1, 0, -1]]),
        (lambda: ee.Kernel.chebyshev(1).add(ee.Kernel.fixed(1, 1, [[9]])), [[1, 1, 1], [1, 9, 1], [1, 1, 1]]),
        # A radius of 3 gives 5 by 5 pixels, a distance of 2 e^-2 of the middle.
        (lambda: ee.Kernel.gaussian(3), np.outer(*[np.exp(-np.array([4, 1, 0, 1, 4]) / 2) / 2.4837321] * 2)),
    ],
)
def test_kernels_have_the_documented_weights(world, build, expected):
    assert np.allclose(world.compute(build())["weights"], expected, atol=1e-6)


def test_the_middle_of_a_kernel_of_even_sides_lies_below_and_right(world):
    assert world.compute(ee.Kernel.roberts())["center"] == [1, 1]
    assert world.compute(ee.Kernel.fixed(weights=[[1] * 4] * 4))["center"] == [2, 2]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: ee.Dictionary(BANDS).select(["B[1-2]"]), {"B1": 182, "B2": 219}),
        (lambda: ee.Dictionary(BANDS).select(["B3", "Region"], True), {"B3": 443}),
        (lambda: ee.Dictionary({"a.b": 1, "aXb": 2}).select(["a.b"]), {"a.b": 1}),
        (lambda: ee.Dictionary(BANDS).remove([".*[13]"]), {"B2": 219}),
        (lambda: ee.Dictionary(BANDS).rename(["B3"], ["B1"], True), {"B1": 443, "B2": 219}),
        (lambda: ee.Dictionary(BANDS).rename(["B1", "B2"], ["B2", "B1"]), {"B1": 219, "B2": 182, "B3": 443}),
        (lambda: ee.Number.expression("vals.x * vals.y + Math.PI * 0", {"vals": {"x": 5, "y": 10}}), 50),
        (lambda: ee.Number.expression("a.b.c ** 2", {"a": {"b": {"c": 3}}}), 9),
        (
            lambda: ee.Number.expression(
                "f.n + g.b - 1", {"f": ee.Feature(None, {"n": 7}), "g": ee.Dictionary({"b": 1})}
            ),
            7,
        ),
        (lambda: ee.Number.expression("subtract(add(x, y), x > y ? 1 : 5)", {"x": 5, "y": 10}), 10),
        (lambda: ee.Number(-1).digamma(), "-Infinity"),
        (lambda: ee.ErrorMargin(-1), {"type": "ErrorMargin", "unit": "meters", "value": 1}),
        (lambda: ee.ErrorMargin(1e8), {"type": "ErrorMargin", "unit": "infinite"}),
        (lambda: ee.ErrorMargin(1, "projected"), {"type": "ErrorMargin", "unit": "projected", "value": 1}),
    ],
)
def test_small_values(world, build, expected):
    found = world.compute(build())
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("number", "pattern", "expected"),
    [
        (1, "%03d", "001"),
        (1.23476, "%.3f", "1.235"),
        (123476, "%.3e", "1.235e+05"),
        (123476, "%.2f", "123476.00"),
        (1234567.891, "%,.2f", "1,234,567.89"),
        (-1234567, "%,d m", "-1,234,567 m"),
        # Halves are rounded up, of the number as it is written.
        (0.125, "%.2f", "0.13"),
        (1.005, "%.2f", "1.01"),
        (2.5, "%.0f", "3"),
        (-5, "%(d", "(5)"),
        (5, "%+d|%-4d|%4d| %%", "+5|5   |   5| %"),
        (-5, "%06.1f", "-005.0"),
        (255, "%x %X %#x %o", "ff FF 0xff 377"),
        (-1, "%x", "f" * 16),
        (0.00001234, "%g", "1.23400e-05"),
        (123.456, "%.4g", "123.5"),
        (5.5, "b%s", "b5.5"),
        (5, "%5s", "    5"),
    ],
)
def test_numbers_are_written_as_java_writes_them(world, number, pattern, expected):
    assert world.compute(ee.Number(number).format(pattern)) == expected


def test_properties_are_copied_with_those_of_the_system_that_are_named(world):
    scene = ee.Image("C/s1").set("extra", 5)
    made = ee.Image(1).set("own", 3)
    copied = made.copyProperties(scene, ["system:id", "system:index", "system:time_start", "missing"])
    assert world.compute(copied.get("system:id")) == "C/s1"
    shown = world.compute(copied)
    assert shown["id"] == "C/s1"
    assert shown["properties"] == {"own": 3, "system:index": "s1", "system:time_start": 1_577_923_200_000}
    assert world.compute(made.copyProperties(scene))["properties"] == {"own": 3, "extra": 5, "cloud": 10, "tile": "t1"}
    some = made.copyProperties(source=scene, exclude=["extra", "tile"])
    assert world.compute(some)["properties"] == {"own": 3, "cloud": 10}
    named = world.compute(ee.ImageCollection([made]).set("system:id", "somewhere"))
    assert (named["id"], named.get("properties")) == ("somewhere", None)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: places().filter("a = 2"), "Filter.expression: cannot read '= 2'"),
        (lambda: places().filter("a (2)"), r"expected one of == != < <= > >=, found '\('"),
        (lambda: places().filter("a"), "expected more, found the end"),
        (lambda: places().filter("(a == 2"), r"expected '\)', found the end"),
        (lambda: places().filter("a == 2 and a == 3"), "expected the end, found 'and'"),
        (lambda: places().filter(" "), "expected more, found the end"),
        (lambda: ee.Dictionary(BANDS).select(["C.*"]), r"does not contain key: 'C\.\*'"),
        (lambda: ee.Dictionary(BANDS).select(["B["]), "Dictionary.select: Invalid regular expression"),
        (lambda: ee.Dictionary(BANDS).rename(["B3"], ["B1"]), "The key 'B1' is already there"),
        (lambda: ee.Dictionary(BANDS).rename(["B3", "B2"], ["B1", "B1"], True), "The key 'B1' is already there"),
        (lambda: ee.Number.expression("a.y", {"a": {"x": 3}}), "there is no 'y' in a value of type Dictionary"),
        (lambda: ee.Number.expression("b(0)", {}), "numbers have no bands"),
        (lambda: ee.Image(1).expression("i.a.b", {"i": ee.Image(1).rename("a")}), "a band has no 'b' of its own"),
        (lambda: ee.Image(1).copyProperties(ee.Image(2), ["a"], ["b"]), "'exclude' must not be given"),
        (lambda: ee.Number(1).format("%y"), "Unknown format '%y'"),
        (lambda: ee.Number(1).format("%.2d"), r"the format '%\.2d' does not fit 1"),
    ],
)
def test_mistakes_are_named(world, build, message):
    with pytest.raises(ApiError, match=message) as caught:
        world.compute(build())
    assert caught.value.code == 400
