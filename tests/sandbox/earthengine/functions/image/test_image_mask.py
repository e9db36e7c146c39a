import ee
import numpy as np
import pytest

from earthline_sandbox.errors import ApiError


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
