"""Geometries whose parts overlap or whose rings cross: set operations and pixels take them for what they cover."""

import ee
import numpy as np
import pytest

from earthline_sandbox.earthengine.pixels.grid import Grid

CRS = "EPSG:32617"
LEFT, TOP = 600_000, 4_000_000
GRID = Grid(CRS, (30.0, 0.0, LEFT, 0.0, -30.0, TOP), (60, 80))


def ring(column, row, side):
    """A square of so many pixels of 30 m."""
    x, y, edge = LEFT + 30 * column, TOP - 30 * row, 30 * side
    return [[x, y], [x + edge, y], [x + edge, y - edge], [x, y - edge], [x, y]]


def square(column, row, side):
    return ee.Geometry.Polygon([ring(column, row, side)], CRS, False)


def overlapping():
    """Two squares of 20 pixels a side that share one of 10: 700 pixels."""
    return ee.Geometry.MultiPolygon([[ring(10, 10, 20)], [ring(20, 20, 20)]], CRS, False)


def crossing():
    """A bow tie of 10 by 20 pixels: a quarter of it above, a quarter below."""
    x, y = LEFT + 300, TOP - 300
    return ee.Geometry.Polygon([[[x, y], [x + 300, y - 600], [x, y - 600], [x + 300, y], [x, y]]], CRS, False)


def together():
    """The two squares and a point, as one collection."""
    parts = [square(10, 10, 20), square(20, 20, 20), ee.Geometry.Point([LEFT, TOP], CRS)]
    made = ee.ApiFunction.call_("GeometryConstructors.MultiGeometry", parts, ee.Projection(CRS), False)
    return ee.Geometry(made)


def pixels(world, geometry):
    return world.compute(geometry.area(1, CRS)) / 900


@pytest.mark.parametrize("make", [overlapping, together])
@pytest.mark.parametrize(
    ("operation", "there", "back"),
    [("union", 750, 750), ("intersection", 350, 350), ("difference", 350, 50), ("symmetricDifference", 400, 400)],
)
def test_sets_of_overlapping_parts(world, make, operation, there, back):
    # It covers 125 of each square alone, the 100 of both, and 50 of neither.
    other = square(15, 15, 20)
    assert pixels(world, getattr(make(), operation)(other, 1, CRS)) == pytest.approx(there)
    assert pixels(world, getattr(other, operation)(make(), 1, CRS)) == pytest.approx(back)
    feature = getattr(ee.Feature(make()), operation)(ee.Feature(other), 1, CRS)
    assert pixels(world, feature.geometry()) == pytest.approx(there)


def test_points_of_a_collection_stay(world):
    apart = square(15, 15, 20).symmetricDifference(together(), 1, CRS)
    assert "Point" in world.compute(apart.geometries().map(lambda part: ee.Geometry(part).type()))


def test_what_lies_across_parts_lies_within(world):
    inner, outer = square(18, 18, 4), square(28, 28, 20)
    for whole in (overlapping(), together()):
        assert world.compute(ee.List([whole.contains(inner, 1), inner.containedIn(whole, 1)])) == [True, True]
        assert world.compute(ee.List([whole.contains(outer, 1), whole.disjoint(outer, 1)])) == [False, False]
    held = ee.FeatureCollection([ee.Feature(inner)]).filter(ee.Filter.isContained(".geo", overlapping()))
    assert world.compute(held.size()) == 1


def test_areas_of_parts_add_up_and_unions_do_not(world):
    # https://developers.google.com/earth-engine/apidocs/ee-geometry-multipolygon-area counts what parts share twice.
    assert pixels(world, overlapping()) == pytest.approx(800)
    assert pixels(world, overlapping().dissolve(1, CRS)) == pytest.approx(700)
    both = ee.FeatureCollection([ee.Feature(overlapping()), ee.Feature(square(15, 15, 20))])
    assert pixels(world, both.geometry()) == pytest.approx(750, rel=1e-4)
    assert pixels(world, both.union(1).geometry()) == pytest.approx(750, rel=1e-4)


def test_pixels_in_both_parts_are_inside(world):
    ones = ee.Image("classes").gte(0)
    expected = np.zeros(GRID.shape, bool)
    expected[10:30, 10:30] = expected[20:40, 20:40] = True
    for region in (overlapping(), together()):
        assert np.array_equal(~world.pixels(ones.clip(region))[0].mask, expected)
        assert world.compute(ones.reduceRegion("sum", region, 30, CRS).get("class")) == pytest.approx(700, abs=1.01)
    drawn = ee.FeatureCollection.randomPoints(overlapping(), 140, 1).filterBounds(square(20, 20, 10))
    assert 10 < world.compute(drawn.size()) < 30
    painted = world.pixels(ee.Image(0).toByte().paint(overlapping(), 1))[0]
    assert np.array_equal(painted == 1, expected)
    clipped = ones.clip(square(0, 0, 60)).clip(overlapping())
    assert pixels(world, clipped.geometry()) == pytest.approx(700, rel=1e-3)


def test_rings_that_cross_are_read_by_the_even_odd_rule(world):
    assert pixels(world, crossing()) == pytest.approx(100)
    assert pixels(world, crossing().intersection(square(10, 10, 10), 1, CRS)) == pytest.approx(50)
    assert pixels(world, crossing().union(square(10, 10, 10), 1, CRS)) == pytest.approx(150)


def test_nothing_lies_within_what_is_empty(world):
    nothing = square(0, 0, 1).intersection(square(5, 5, 1), 1, CRS)
    assert world.compute(ee.List([nothing.contains(square(0, 0, 1), 1), square(0, 0, 1).contains(nothing, 1)])) == [
        False,
        False,
    ]
    assert pixels(world, nothing.union(overlapping(), 1, CRS)) == pytest.approx(700)
