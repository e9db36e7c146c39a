import ee
import numpy as np
import pytest

from earthline_sandbox.errors import ApiError


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
