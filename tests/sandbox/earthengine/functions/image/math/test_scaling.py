import ee


def test_the_normalized_difference_hides_negative_values_only(world):
    assert world.pixel(ee.Image([3, 1]).normalizedDifference()) == 0.5
    assert world.pixel(ee.Image([-3, 1]).normalizedDifference()) is None
    assert world.pixel(ee.Image([0, 0]).normalizedDifference()) == 0
