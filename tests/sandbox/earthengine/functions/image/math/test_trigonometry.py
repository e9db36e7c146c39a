import math

import ee
import pytest


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: ee.Image(0.5).sin(), math.sin(0.5)),
        (lambda: ee.Image(0.5).cos(), math.cos(0.5)),
        (lambda: ee.Image(0.5).tan(), math.tan(0.5)),
        (lambda: ee.Image(0.5).asin(), math.asin(0.5)),
        (lambda: ee.Image(0.5).acos(), math.acos(0.5)),
        (lambda: ee.Image(0.5).atan(), math.atan(0.5)),
        (lambda: ee.Image(0.5).sinh(), math.sinh(0.5)),
        (lambda: ee.Image(0.5).cosh(), math.cosh(0.5)),
        (lambda: ee.Image(0.5).tanh(), math.tanh(0.5)),
        (lambda: ee.Image(3).atan2(ee.Image(4)), math.atan2(4, 3)),
        (lambda: ee.Image(3).hypot(ee.Image(4)), 5),
    ],
)
def test_angles_and_hyperbolic_functions(world, build, expected):
    assert world.pixel(build()) == pytest.approx(expected, rel=1e-6)
