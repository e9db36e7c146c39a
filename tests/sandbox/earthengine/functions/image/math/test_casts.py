import ee
import numpy as np
import pytest

from earthline_sandbox.earthengine.pixels.pixels import PixelType


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-1, 0), (300, 255), (254.9, 254), (float("nan"), 0)],
)
def test_casts_cut_and_hold_to_the_range(value, expected):
    assert PixelType.of_dtype("uint8").converted(np.array(value, "float64")) == expected


@pytest.mark.parametrize(
    ("names", "low", "high"),
    [
        (["uint8", "toUint8", "byte", "toByte"], 0, 2**8 - 1),
        (["int8", "toInt8"], -(2**7), 2**7 - 1),
        (["uint16", "toUint16"], 0, 2**16 - 1),
        (["int16", "toInt16", "short", "toShort"], -(2**15), 2**15 - 1),
        (["uint32", "toUint32"], 0, 2**32 - 1),
        (["int32", "toInt32", "int", "toInt"], -(2**31), 2**31 - 1),
        (["int64", "toInt64", "long", "toLong"], -(2**63), 2**63 - 1),
        (["float", "toFloat"], None, None),
        (["double", "toDouble"], None, None),
    ],
)
def test_each_name_casts_to_its_type(world, names, low, high):
    for name in names:
        cast = ee.ApiFunction(f"Image.{name}").call(ee.Image([-1e30, 1e30]))
        shown = world.compute(ee.Image(cast))["bands"][0]["data_type"]
        assert (shown.get("min"), shown.get("max")) == (low, high)
        if low is None:
            assert shown["precision"] == ("double" if "ouble" in name else "float")
        else:
            assert [world.pixel(ee.Image(cast).select(band)) for band in (0, 1)] == pytest.approx([low, high])
