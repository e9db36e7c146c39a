import ee
import numpy as np
import pytest

from earthline_sandbox.errors import ApiError


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: ee.Image(12).bitwiseAnd(10), 8),
        (lambda: ee.Image(12).bitwise_and(10), 8),
        (lambda: ee.Image(12).bitwiseOr(10), 14),
        (lambda: ee.Image(12).bitwise_or(10), 14),
        (lambda: ee.Image(12).bitwiseXor(10), 6),
        (lambda: ee.Image(12).bitwise_xor(10), 6),
        (lambda: ee.Image(12).bitwiseNot(), -13),
        (lambda: ee.Image(12).bitwise_not(), -13),
        (lambda: ee.Image(3).leftShift(4), 48),
        (lambda: ee.Image(3).left_shift(4), 48),
        (lambda: ee.Image(-48).rightShift(4), -3),
        (lambda: ee.Image(48).right_shift(4), 3),
        (lambda: ee.Image(7).bitCount(), 3),
        (lambda: ee.Image(-1).bitCount(), 64),
    ],
)
def test_bits(world, build, expected):
    assert world.pixel(build()) == pytest.approx(expected, rel=1e-6)


def test_bits_need_integers(world):
    with pytest.raises(ApiError, match=r"Image\.bitwiseAnd: Bitwise operands must be integer only\."):
        world.evaluate(ee.Image(1.5).bitwiseAnd(1))


def test_a_cloud_mask_by_bits(world):
    qa = ee.Image("classes")
    clear = qa.bitwiseAnd(1 << 1).eq(0).And(qa.bitwiseAnd(1 << 2).eq(0))
    pixels = world.pixels(ee.Image("C/s0").select("red").updateMask(clear))[0]
    assert np.array_equal(pixels.mask, (world.red[0] == 0) | ((world.classes & 6) != 0))
