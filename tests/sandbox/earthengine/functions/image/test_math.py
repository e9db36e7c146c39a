import ee
import numpy as np
import pytest

from earthline_sandbox.earthengine.pixels.pixels import PixelType
from earthline_sandbox.errors import ApiError


def kind(world, image):
    shown = world.compute(image)["bands"][0]["data_type"]
    return shown["precision"], shown.get("min"), shown.get("max")


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda a, b: a.add(b), lambda a, b: a + b),
        (lambda a, b: a.subtract(b), lambda a, b: a - b),
        (lambda a, b: a.multiply(b), lambda a, b: a * b),
        (lambda a, b: a.divide(b), lambda a, b: (a / b).astype("float32")),
        (lambda a, b: a.mod(b), lambda a, b: a % b),
        (lambda a, b: a.max(b), np.maximum),
        (lambda a, b: a.min(b), np.minimum),
        (lambda a, b: a.gt(b), lambda a, b: a > b),
        (lambda a, b: a.lte(b), lambda a, b: a <= b),
        (lambda a, b: a.eq(b).Or(a.neq(b)), lambda a, b: np.ones(a.shape)),
        (lambda a, b: a.bitwiseAnd(b), lambda a, b: a & b),
        (lambda a, b: a.bitwiseXor(b), lambda a, b: a ^ b),
        (lambda a, b: a.hypot(b), lambda a, b: np.hypot(a, b).astype("float32")),
        (lambda a, b: a.leftShift(3), lambda a, b: a << 3),
        (lambda a, b: a.rightShift(2), lambda a, b: a >> 2),
        (lambda a, b: a.sqrt(), lambda a, b: np.sqrt(a).astype("float32")),
        (lambda a, b: a.clamp(100, 200), lambda a, b: np.clip(a, 100, 200)),
        (lambda a, b: a.toByte(), lambda a, b: np.minimum(a, 255)),
        (lambda a, b: a.float().multiply(-1.7).int(), lambda a, b: np.trunc(a * -1.7)),
        (lambda a, b: a.expression("(a - b) / (a + b) > 0 ? a : -b", {"a": a, "b": b}),
         lambda a, b: np.where(a > b, a, -b)),
        (lambda a, b: a.expression("2 ** 3 ** 2 - 10 % 4 * max(1, 2, 3) + !0 + (1 < 2 && 3 >= 4) + 0 * b(0)"),
         lambda a, b: np.full(a.shape, 507)),
        (lambda a, b: a.rename("x").expression("y = -b('x') + b(0) * Math.PI"), lambda a, b: -a + a * np.pi),
    ],
)  # fmt: skip
def test_arithmetic_is_numpys_with_the_lesser_mask(world, build, expected):
    red, nir = ee.Image("C/s0").select("red"), ee.Image("C/s0").select("nir")
    pixels = world.pixels(build(red, nir))[0]
    a, b = world.red[0].astype("int64"), world.nir[0].astype("int64")
    with np.errstate(all="ignore"):
        wanted = expected(a, b)
    valid = ~pixels.mask
    assert valid.any()
    assert not (valid & (a == 0)).any()
    assert np.allclose(pixels[valid], wanted[valid], rtol=1e-6)


def test_masks_intersect(world):
    pixels = world.pixels(ee.Image("C/s0").select("red").add(ee.Image("C/s1").select("nir")))[0]
    assert np.array_equal(pixels.mask, (world.red[0] == 0) | (world.nir[1] == 0))


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


def test_no_sum_wraps_around(world):
    assert world.pixel(ee.Image(250).toByte().add(ee.Image(250).toByte())) == 500
    assert world.pixel(ee.Image(3).toByte().subtract(5)) == -2
    assert world.pixel(ee.Image(2**31 - 1).toInt().multiply(2**20)) == (2**31 - 1) * 2**20


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-1, 0), (300, 255), (254.9, 254), (float("nan"), 0)],
)
def test_casts_cut_and_hold_to_the_range(value, expected):
    assert PixelType.of_dtype("uint8").converted(np.array(value, "float64")) == expected


def test_division_by_zero_is_zero(world):
    assert world.pixel(ee.Image(5).divide(0)) == 0
    assert world.pixel(ee.Image(5).mod(0)) == 0


def test_the_normalized_difference_hides_negative_values_only(world):
    assert world.pixel(ee.Image([3, 1]).normalizedDifference()) == 0.5
    assert world.pixel(ee.Image([-3, 1]).normalizedDifference()) is None
    assert world.pixel(ee.Image([0, 0]).normalizedDifference()) == 0


def test_bands_are_matched_by_name_then_by_position(world):
    one = ee.Image([1, 2]).rename(["a", "b"])
    swapped = ee.Image([10, 20]).rename(["b", "a"])
    other = ee.Image([10, 20]).rename(["x", "y"])
    assert world.pixel(one.add(swapped).select("a")) == 21
    assert world.pixel(one.add(other).select("a")) == 11
    assert world.compute(ee.Image(5).rename("c").multiply(one).bandNames()) == ["a", "b"]
    with pytest.raises(ApiError, match="same number of bands"):
        world.evaluate(ee.Image([1, 2, 3]).rename(["p", "q", "r"]).add(one))


def test_bits_need_integers(world):
    with pytest.raises(ApiError, match=r"Image\.bitwiseAnd: Bitwise operands must be integer only\."):
        world.evaluate(ee.Image(1.5).bitwiseAnd(1))


def test_where_remap_and_unmask(world):
    red = ee.Image("C/s0").select("red")
    stored = world.red[0]
    replaced = world.pixels(red.where(red.gt(100), ee.Image(7)))[0]
    assert np.array_equal(replaced.filled(0), np.where(stored > 100, 7, stored))
    assert np.array_equal(world.pixels(red.unmask(9))[0].filled(0), np.where(stored == 0, 9, stored))
    remapped = world.pixels(ee.Image("classes").remap([3, 1], [30, 10]))[0]
    assert np.array_equal(remapped.mask, ~np.isin(world.classes, [1, 3]))
    assert np.array_equal(remapped.filled(0), np.where(np.isin(world.classes, [1, 3]), world.classes * 10, 0))
    with pytest.raises(ApiError, match="same length"):
        world.evaluate(ee.Image("classes").remap([1, 2], [1]))


def test_a_cloud_mask_by_bits(world):
    qa = ee.Image("classes")
    clear = qa.bitwiseAnd(1 << 1).eq(0).And(qa.bitwiseAnd(1 << 2).eq(0))
    pixels = world.pixels(ee.Image("C/s0").select("red").updateMask(clear))[0]
    assert np.array_equal(pixels.mask, (world.red[0] == 0) | ((world.classes & 6) != 0))


def test_fractional_masks_are_kept(world):
    image = ee.Image(4).updateMask(0.25)
    assert world.pixel(image.mask()) == 0.25
    assert world.pixel(image.updateMask(0.5).mask()) == 0.25
    assert world.pixel(image.unmask(0)) == 4


def test_a_clip_masks_by_the_pixels_centre(world):
    box = ee.Geometry.Rectangle([600_016, 3_999_910, 600_106, 3_999_984], ee.Projection("EPSG:32617"), False)
    clipped = ee.Image("classes").clip(box)
    pixels = world.pixels(clipped)[0]
    expected = np.zeros(pixels.shape, bool)
    expected[1:3, 1:4] = True
    assert np.array_equal(~pixels.mask, expected)
    band = world.compute(clipped)["bands"][0]
    assert band["dimensions"] == [4, 3]
    assert "origin" not in band


def test_unmask_stays_within_the_footprint_unless_told_otherwise(world):
    box = ee.Geometry.Rectangle([600_000, 3_999_940, 600_060, 4_000_000], ee.Projection("EPSG:32617"), False)
    clipped = ee.Image("classes").clip(box)
    assert (~world.pixels(clipped.unmask(9))[0].mask).sum() == 4
    assert not world.pixels(clipped.unmask(9, False))[0].mask.any()


def test_bands_are_chosen_by_name_pattern_and_place(world):
    image = ee.Image([1, 2, 3]).rename(["B1", "B2", "QA"])
    assert world.compute(image.select("B.*").bandNames()) == ["B1", "B2"]
    assert world.compute(image.select([2, "B1"], ["q", "b"]).bandNames()) == ["q", "b"]
    assert world.compute(image.select(["B1", "B1"]).bandNames()) == ["B1", "B1_1"]
    assert world.compute(image.addBands(ee.Image(9).rename("B2"), None, True).bandNames()) == ["B1", "B2", "QA"]
    assert world.pixel(image.addBands(ee.Image(9).rename("B2"), None, True).select("B2")) == 9
    with pytest.raises(ApiError, match="Band pattern 'B9' did not match any bands"):
        world.evaluate(image.select("B9"))


def test_arrays_of_bands_and_of_neighbours(world):
    array = ee.Image([1, 2, 3]).toArray()
    assert world.pixel(array.arrayGet(1)) == 2
    assert world.compute(array.arrayProject([0]).arrayFlatten([["a", "b", "c"]]).bandNames()) == ["a", "b", "c"]
    windows = world.pixels(ee.Image("classes").neighborhoodToArray(ee.Kernel.rectangle(1, 2), 99))[0]
    padded = np.pad(world.classes, ((2, 2), (1, 1)), constant_values=99)
    assert windows.shape == (60, 80, 5, 3)
    assert np.array_equal(windows[10, 0], padded[10:15, 0:3])
    for given, held in ((-7, 0), (999, 255), (3.9, 3)):
        filled = world.pixels(ee.Image("classes").neighborhoodToArray(ee.Kernel.square(1), given))[0]
        assert filled.dtype == np.uint8 and filled[0, 0, 0, 0] == held
    even = world.pixels(ee.Image("classes").neighborhoodToArray(ee.Kernel.fixed(4, 4, [[1] * 4] * 4)))[0]
    assert np.array_equal(even[20, 20], world.classes[18:22, 18:22])


def test_neighbourhoods(world):
    kernel = ee.Kernel.square(1)
    mean = world.pixels(ee.Image("classes").reduceNeighborhood(ee.Reducer.mean(), kernel))[0]
    windows = np.lib.stride_tricks.sliding_window_view(world.classes.astype(float), (3, 3))
    assert np.allclose(mean[1:-1, 1:-1], windows.mean(axis=(2, 3)))
    highest = world.pixels(ee.Image("classes").focal_max(1, "square"))[0]
    assert np.array_equal(highest[1:-1, 1:-1], windows.max(axis=(2, 3)))
    assert world.compute(ee.Image("classes").reduceNeighborhood(ee.Reducer.mean(), kernel).bandNames()) == [
        "class_mean"
    ]
    edges = world.pixels(ee.Image("classes").convolve(ee.Kernel.laplacian8()))[0]
    assert np.allclose(edges[1:-1, 1:-1], windows.sum(axis=(2, 3)) - 9 * windows[:, :, 1, 1])


def test_colours(world):
    shown = world.pixels(ee.Image("classes").visualize(min=0, max=4, palette=["000000", "ffffff"]))
    assert np.array_equal(shown[0], np.floor(world.classes / 4 * 255 + 0.5))
    assert world.compute(ee.Image([1, 2, 3]).visualize(max=3).bandNames()) == ["vis-red", "vis-green", "vis-blue"]
    with pytest.raises(ApiError, match="Invalid color"):
        world.evaluate(ee.Image(1).visualize(palette=["no-colour"]))


def test_paint_writes_features(world):
    box = ee.Geometry.Rectangle([600_000, 3_999_940, 600_060, 4_000_000], ee.Projection("EPSG:32617"), False)
    painted = world.pixels(ee.Image(0).toByte().paint(ee.FeatureCollection([ee.Feature(box, {"v": 7})]), "v"))[0]
    assert painted.sum() == 4 * 7


@pytest.mark.parametrize("text", ["1 +", "b(", "a..b", "x y", "'", "a[1", "unknown(1)", "nothing", "1 ? 2", "(" * 500])
def test_expressions_that_cannot_be_read_are_refused(world, text):
    with pytest.raises(ApiError) as caught:
        world.evaluate(ee.Image(1).expression(text, {"a": ee.Image(1)}))
    assert caught.value.code == 400
