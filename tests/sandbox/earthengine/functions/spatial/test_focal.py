import ee
import numpy as np
import pytest

from earthline_sandbox.errors import ApiError


def mode(windows):
    return np.apply_along_axis(lambda values: np.bincount(values.astype(int)).argmax(), -1, windows)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("min", lambda windows: windows.min(axis=-1)),
        ("max", lambda windows: windows.max(axis=-1)),
        ("mean", lambda windows: windows.mean(axis=-1)),
        ("median", lambda windows: np.median(windows, axis=-1)),
        ("mode", mode),
    ],
)
def test_windows_are_numpys_under_each_name(world, name, expected):
    windows = np.lib.stride_tricks.sliding_window_view(world.classes.astype(float), (3, 3))
    wanted = expected(windows.reshape(*windows.shape[:2], 9))
    for function in (f"Window.{name}", f"Image.focal_{name}", f"Image.focal{name.capitalize()}"):
        call = ee.ApiFunction(function).call(ee.Image("classes"), 1, "square", "pixels")
        assert np.allclose(world.pixels(ee.Image(call))[0][1:-1, 1:-1], wanted)


def test_windows_are_repeated(world):
    twice = world.pixels(ee.Image("classes").focal_max(1, "square", "pixels", 2))[0]
    wide = world.pixels(ee.Image("classes").focal_max(2, "square"))[0]
    assert np.array_equal(twice[2:-2, 2:-2], wide[2:-2, 2:-2])
    with pytest.raises(ApiError, match=r"Image\.focal_max: 'iterations' must be between 1 and 100, got 0"):
        world.evaluate(ee.Image("classes").focal_max(1, "square", "pixels", 0))
    with pytest.raises(ApiError, match=r"Image\.focal_max: Unknown kernel type 'star'"):
        world.evaluate(ee.Image("classes").focal_max(1, "star"))
