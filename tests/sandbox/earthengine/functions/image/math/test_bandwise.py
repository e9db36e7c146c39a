import ee
import numpy as np
import pytest

from earthline_sandbox.errors import ApiError


def test_masks_intersect(world):
    pixels = world.pixels(ee.Image("C/s0").select("red").add(ee.Image("C/s1").select("nir")))[0]
    assert np.array_equal(pixels.mask, (world.red[0] == 0) | (world.nir[1] == 0))


def kind(world, image):
    shown = world.compute(image)["bands"][0]["data_type"]
    return shown["precision"], shown.get("min"), shown.get("max")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (lambda: ee.Image(5), ("int", 5, 5)),
        (lambda: ee.Image(0.5), ("double", 0.5, 0.5)),
        (lambda: ee.Image("C/s0").select("red"), ("int", 0, 65_535)),
        (lambda: ee.Image("C/s0").select("red").add(ee.Image("C/s0").select("nir")), ("int", 0, 131_070)),
        (lambda: ee.Image("C/s0").select("red").subtract(1), ("int", -1, 65_534)),
        (lambda: ee.Image("C/s0").select("red").multiply(0.0000275).add(-0.2), ("double", -0.2, 1.6022125)),
        (lambda: ee.Image("C/s0").select("red").gt(3), ("int", 0, 1)),
        (lambda: ee.Image("C/s0").normalizedDifference(), ("float", -1, 1)),
        (lambda: ee.Image("C/s0").select("red").toFloat(), ("float", None, None)),
        (lambda: ee.Image("C/s0").select("red").unmask(-1), ("int", -1, 65_535)),
        (lambda: ee.Image("C/s0").select("red").unmask(0.5), ("double", 0, 65_535)),
        (lambda: ee.Image("classes").remap([0, 1], [7, 9]), ("int", 7, 9)),
        (lambda: ee.Image(1).cast({"constant": "int16"}), ("int", -32_768, 32_767)),
    ],
)
def test_pixel_types(world, image, expected):
    precision, low, high = kind(world, image())
    assert (precision, low, high) == (expected[0], pytest.approx(expected[1]), pytest.approx(expected[2]))


def test_bands_are_matched_by_name_then_by_position(world):
    one = ee.Image([1, 2]).rename(["a", "b"])
    swapped = ee.Image([10, 20]).rename(["b", "a"])
    other = ee.Image([10, 20]).rename(["x", "y"])
    assert world.pixel(one.add(swapped).select("a")) == 21
    assert world.pixel(one.add(other).select("a")) == 11
    assert world.compute(ee.Image(5).rename("c").multiply(one).bandNames()) == ["a", "b"]
    with pytest.raises(ApiError, match="same number of bands"):
        world.evaluate(ee.Image([1, 2, 3]).rename(["p", "q", "r"]).add(one))
