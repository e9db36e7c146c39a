import math

import ee
import numpy as np
import pytest


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


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: ee.Image(5).add(3), 8),
        (lambda: ee.Image(5).subtract(3), 2),
        (lambda: ee.Image(5).multiply(3), 15),
        (lambda: ee.Image(5).divide(4), 1.25),
        (lambda: ee.Image(-5).mod(3), -2),
        (lambda: ee.Image(2).pow(10), 1024),
        (lambda: ee.Image(5).min(3), 3),
        (lambda: ee.Image(5).max(3), 5),
        (lambda: ee.Image(-4).abs(), 4),
        (lambda: ee.Image(-4).signum(), -1),
        (lambda: ee.Image(-1.5).ceil(), -1),
        (lambda: ee.Image(-1.5).floor(), -2),
        (lambda: ee.Image(-1.5).round(), -2),
        (lambda: ee.Image(2.25).sqrt(), 1.5),
        (lambda: ee.Image(-27).cbrt(), -3),
        (lambda: ee.Image(2).exp(), math.exp(2)),
        (lambda: ee.Image(10).log(), math.log(10)),
        (lambda: ee.Image(1000).log10(), 3),
    ],
)
def test_sums_powers_roots_and_rounding(world, build, expected):
    assert world.pixel(build()) == pytest.approx(expected, rel=1e-6)


def test_no_sum_wraps_around(world):
    assert world.pixel(ee.Image(250).toByte().add(ee.Image(250).toByte())) == 500
    assert world.pixel(ee.Image(3).toByte().subtract(5)) == -2
    assert world.pixel(ee.Image(2**31 - 1).toInt().multiply(2**20)) == (2**31 - 1) * 2**20


def test_division_by_zero_is_zero(world):
    assert world.pixel(ee.Image(5).divide(0)) == 0
    assert world.pixel(ee.Image(5).mod(0)) == 0
