import ee
import pytest


@pytest.mark.parametrize(
    ("name", "precision", "low", "high"),
    [
        ("int8", "int", -(2**7), 2**7 - 1),
        ("uint8", "int", 0, 2**8 - 1),
        ("int16", "int", -(2**15), 2**15 - 1),
        ("uint16", "int", 0, 2**16 - 1),
        ("int32", "int", -(2**31), 2**31 - 1),
        ("uint32", "int", 0, 2**32 - 1),
        ("int64", "int", -(2**63), 2**63 - 1),
        ("float", "float", "-Infinity", "Infinity"),
        ("double", "double", "-Infinity", "Infinity"),
    ],
)
def test_named_pixel_types(world, name, precision, low, high):
    made = ee.PixelType(ee.ApiFunction(f"PixelType.{name}").call())
    assert world.compute(made.precision()) == precision
    assert world.compute(ee.List([made.minValue(), made.maxValue(), made.dimensions()])) == [low, high, 0]
