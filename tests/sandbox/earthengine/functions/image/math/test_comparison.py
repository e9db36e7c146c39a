import ee
import pytest


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: ee.Image(3).eq(3), 1),
        (lambda: ee.Image(3).eq(4), 0),
        (lambda: ee.Image(3).neq(3), 0),
        (lambda: ee.Image(3).neq(4), 1),
        (lambda: ee.Image(3).lt(4), 1),
        (lambda: ee.Image(3).lt(3), 0),
        (lambda: ee.Image(3).lte(3), 1),
        (lambda: ee.Image(4).lte(3), 0),
        (lambda: ee.Image(4).gt(3), 1),
        (lambda: ee.Image(3).gt(3), 0),
        (lambda: ee.Image(3).gte(3), 1),
        (lambda: ee.Image(3).gte(4), 0),
        (lambda: ee.Image(2).And(0), 0),
        (lambda: ee.Image(2).And(-1), 1),
        (lambda: ee.Image(2).Or(0), 1),
        (lambda: ee.Image(0).Or(0), 0),
        (lambda: ee.Image(2).Not(), 0),
        (lambda: ee.Image(0).Not(), 1),
        (lambda: ee.Image(2).first(7), 2),
        (lambda: ee.Image(0).first_nonzero(7), 7),
        (lambda: ee.Image(2).firstNonZero(7), 2),
    ],
)
def test_comparison_and_logic(world, build, expected):
    assert world.pixel(build()) == pytest.approx(expected, rel=1e-6)
