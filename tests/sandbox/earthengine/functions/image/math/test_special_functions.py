import math

import ee
import pytest

# The constant of Euler and Mascheroni.
EULER = 0.5772156649015329


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: ee.Image(0.5).erf(), math.erf(0.5)),
        (lambda: ee.Image(0.5).erfc(), math.erfc(0.5)),
        (lambda: ee.Image(0.5).erf().erfInv(), 0.5),
        (lambda: ee.Image(0.5).erfc().erfcInv(), 0.5),
        (lambda: ee.Image(4.5).gamma(), math.gamma(4.5)),
        (lambda: ee.Image(2).gammainc(1), 1 - math.exp(-2)),
        (lambda: ee.Image(1).digamma(), -EULER),
        (lambda: ee.Image(2).digamma(), 1 - EULER),
        (lambda: ee.Image(1).trigamma(), math.pi**2 / 6),
        (lambda: ee.Image(0).lanczos(), math.exp(607 / 128 + 0.5) / math.sqrt(2 * math.pi * (607 / 128 + 0.5))),
    ],
)
def test_error_and_gamma_functions(world, build, expected):
    assert world.pixel(build()) == pytest.approx(expected, rel=1e-6)
