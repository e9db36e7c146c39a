import ee
import pytest

from earthline_sandbox.errors import ApiError


def test_bands_are_chosen_by_name_pattern_and_place(world):
    image = ee.Image([1, 2, 3]).rename(["B1", "B2", "QA"])
    assert world.compute(image.select("B.*").bandNames()) == ["B1", "B2"]
    assert world.compute(image.select([2, "B1"], ["q", "b"]).bandNames()) == ["q", "b"]
    assert world.compute(image.select(["B1", "B1"]).bandNames()) == ["B1", "B1_1"]
    assert world.compute(image.addBands(ee.Image(9).rename("B2"), None, True).bandNames()) == ["B1", "B2", "QA"]
    assert world.pixel(image.addBands(ee.Image(9).rename("B2"), None, True).select("B2")) == 9
    with pytest.raises(ApiError, match="Band pattern 'B9' did not match any bands"):
        world.evaluate(image.select("B9"))
