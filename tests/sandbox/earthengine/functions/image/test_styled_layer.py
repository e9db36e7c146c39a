import ee
import numpy as np
import pytest

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

CRS = "EPSG:32617"
TRANSFORM = (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0)
GRID = Grid(CRS, TRANSFORM, (1, 6))
VALUES = [0, 50, 110, 150, 210, 255]

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<StyledLayerDescriptor version="1.0.0" xmlns="http://www.opengis.net/sld" xmlns:sld="http://www.opengis.net/sld">
  <NamedLayer><UserStyle><FeatureTypeStyle><Rule>{}</Rule></FeatureTypeStyle></UserStyle></NamedLayer>
</StyledLayerDescriptor>"""


@pytest.fixture(scope="module")
def strip(world):
    row = np.array([VALUES], "uint8")
    world.add("strip", {"a": row, "b": row[:, ::-1].copy(), "c": np.full((1, 6), 51, "uint8")})
    return world


def colours(world, symbolizer):
    image = ee.Image("strip").sldStyle(symbolizer)
    assert world.compute(image.bandNames()) == ["vis-red", "vis-green", "vis-blue"]
    pixels = world.pixels(image, GRID)
    return [None if pixels[0].mask[0, i] else tuple(int(band[0, i]) for band in pixels) for i in range(6)]


ENTRIES = """
    <ColorMapEntry color="#0000ff" quantity="50" label="low"/>
    <ColorMapEntry color="#00ff00" quantity="150"/>
    <ColorMapEntry color="#ff0000" quantity="250" opacity="{}"/>
"""


def test_colour_maps_by_ramp_interval_and_value(strip):
    ramp = f"<RasterSymbolizer><ColorMap>{ENTRIES.format(1)}</ColorMap></RasterSymbolizer>"
    blue, green, red = (0, 0, 255), (0, 255, 0), (255, 0, 0)
    assert colours(strip, ramp) == [blue, blue, (0, 153, 102), green, (153, 102, 0), red]
    intervals = f'<ColorMap type="intervals">{ENTRIES.format(0.3)}</ColorMap>'
    assert colours(strip, DOCUMENT.format(f"<RasterSymbolizer>{intervals}</RasterSymbolizer>")) == [
        blue, green, green, red, red, None
    ]  # fmt: skip
    values = (
        f'<sld:RasterSymbolizer><sld:ColorMap type="values">{ENTRIES.format(0)}</sld:ColorMap></sld:RasterSymbolizer>'
    )
    assert colours(strip, values) == [None, blue, None, green, None, None]


def test_channels_by_name_and_number_with_gamma(strip):
    channels = """<RasterSymbolizer><ChannelSelection>
        <RedChannel><SourceChannelName>2</SourceChannelName></RedChannel>
        <GreenChannel><SourceChannelName>a</SourceChannelName></GreenChannel>
        <BlueChannel><SourceChannelName>c</SourceChannelName>
          <ContrastEnhancement><GammaValue>2</GammaValue></ContrastEnhancement></BlueChannel>
    </ChannelSelection></RasterSymbolizer>"""
    expected = [(b, a, round(255 * np.sqrt(0.2))) for a, b in zip(VALUES, VALUES[::-1], strict=True)]
    assert colours(strip, channels) == expected
    grey = """<RasterSymbolizer><ChannelSelection><GrayChannel><SourceChannelName>b</SourceChannelName></GrayChannel>
        </ChannelSelection></RasterSymbolizer>"""
    assert colours(strip, grey) == [(b, b, b) for b in VALUES[::-1]]
    assert colours(strip, "<RasterSymbolizer/>") == [(a, b, 51) for a, b in zip(VALUES, VALUES[::-1], strict=True)]
    assert colours(strip, "<RasterSymbolizer><Opacity>0.0</Opacity></RasterSymbolizer>") == [None] * 6


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("<RasterSymbolizer>", "not well-formed XML"),
        ("<a/>", "Exactly one RasterSymbolizer is required, found 0"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><RasterSymbolizer/>', "must not declare a DOCTYPE"),
        ("<RasterSymbolizer><ColorMap/></RasterSymbolizer>", "has no entries"),
        ('<RasterSymbolizer><ColorMap type="x"/></RasterSymbolizer>', "must be one of ramp, intervals, values"),
        (
            '<RasterSymbolizer><ColorMap><ColorMapEntry color="#fff" quantity="a"/></ColorMap></RasterSymbolizer>',
            "an entry's quantity must be a number, got 'a'",
        ),
        (
            "<RasterSymbolizer><ContrastEnhancement><Histogram/></ContrastEnhancement></RasterSymbolizer>",
            "does not implement the contrast enhancement 'Histogram'",
        ),
        ("x" * 1_000_001, "more than 1000000 characters"),
    ],
)
def test_what_is_no_style_is_refused_by_name(strip, document, message):
    with pytest.raises(ApiError, match=message):
        strip.compute(ee.Image("strip").sldStyle(document).bandNames())


def test_registration_undoes_a_shift(world):
    image = ee.Image("C/s0").unmask().toFloat().focalMean(1, "square", "pixels")
    moved = image.translate(90, -60)
    found = moved.displacement(image, 150)
    assert world.compute(found.bandNames()) == ["dx", "dy", "confidence"]
    grid = Grid(CRS, (30.0, 0.0, 600_900.0, 0.0, -30.0, 3_999_400.0), (8, 10))
    dx, dy, confidence = world.pixels(found, grid)
    assert (dx == 90).all()
    assert (dy == -60).all()
    assert np.allclose(confidence, 1)
    assert np.allclose(world.pixels(moved.register(image, 150), grid), world.pixels(image, grid), rtol=1e-5)
    with pytest.raises(ApiError, match="maxOffset must be between 0 and 32 pixels of the coarser image, 960 m"):
        world.compute(moved.displacement(image, 5_000))


def test_other_tiles_are_the_same_pixels(world):
    image = ee.Image("classes")
    assert np.array_equal(world.pixels(image.retile(32), GRID), world.pixels(image, GRID))
    with pytest.raises(ApiError, match="size must be between 1 and 32768"):
        world.compute(image.retile(0))
