import io

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from earthline_sandbox.earthengine.formats import encoding
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Pixels, PixelType
from earthline_sandbox.errors import ApiError

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))
TYPES = st.sampled_from(["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])


@st.composite
def images(draw):
    shape = draw(SHAPES)
    names = draw(st.lists(st.sampled_from(["B1", "B2", "ndvi", "x y"]), min_size=1, max_size=3, unique=True))
    bands = [Pixels(draw(arrays.arrays(draw(TYPES), shape)), draw(arrays.arrays("bool", shape))) for _ in names]
    return names, bands


@settings(deadline=None, max_examples=50)
@given(images())
def test_npy_keeps_values_types_and_zeros_for_masked_pixels(image):
    names, bands = image
    table = np.load(io.BytesIO(encoding.npy(names, bands)), allow_pickle=False)
    assert list(table.dtype.names) == names
    for name, (values, mask) in zip(names, bands, strict=True):
        assert table[name].dtype == values.dtype
        assert table[name].tobytes() == np.where(mask, values, np.zeros((), values.dtype)).tobytes()


@settings(deadline=None, max_examples=50)
@given(images(), st.sampled_from(["EPSG:32119", "EPSG:4326", "EPSG:3857"]))
def test_geotiff_keeps_values_masks_and_place(image, crs):
    names, bands = image
    grid = Grid(crs, (0.25, 0.0, -78.5, 0.0, -0.5, 36.25), bands[0].mask.shape)
    with rasterio.MemoryFile(encoding.geotiff(names, bands, grid)) as memory, memory.open() as source:
        assert source.crs.to_string() == crs and tuple(source.transform)[:6] == grid.transform
        assert source.descriptions == tuple(names)
        for number, (values, mask) in enumerate(bands, start=1):
            assert np.array_equal(source.read(number)[mask], values[mask].astype(source.dtypes[0]), equal_nan=True)
            assert (source.read(number)[~mask] == source.nodata).all()


def test_array_pixels_are_fields_of_their_shape_in_npy_and_refused_in_geotiff():
    values = np.arange(24, dtype="float32").reshape(2, 3, 4)
    bands = [Pixels(values, np.array([[True, True, False], [True, True, True]]))]
    table = np.load(io.BytesIO(encoding.npy(["p"], bands)))
    assert table["p"].shape == (2, 3, 4) and (table["p"][0, 2] == 0).all() and (table["p"][1] == values[1]).all()
    with pytest.raises(ApiError, match="Band 'p' has array pixels"):
        encoding.geotiff(["p"], bands, Grid("EPSG:4326", (1, 0, 0, 0, -1, 0), (2, 3)))


def gray(values, **options):
    bands = [Pixels(np.array([values]), np.ones((1, len(values)), bool))]
    kind = PixelType.of_dtype(bands[0].values.dtype.name)
    return encoding.rgba(bands, [kind], options)[0]


def test_default_ranges_follow_the_type():
    assert gray(np.array([0, 128, 255], "uint8"))[:, 0].tolist() == [0, 128, 255]
    assert gray(np.array([-1.0, 0.5, 2.0], "float32"))[:, 0].tolist() == [0, 128, 255]


def test_gamma_opacity_and_named_colours():
    assert gray(np.array([0.25]), gamma={"value": 2.0})[0].tolist() == [128, 128, 128, 255]
    assert gray(np.array([1.0]), opacity={"value": 0.5})[0].tolist() == [255, 255, 255, 128]
    colors = gray(np.array([0.0, 1.0]), paletteColors=["black", "#0f0"])
    assert colors.tolist() == [[0, 0, 0, 255], [0, 255, 0, 255]]


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (2, {}, "Expected 1 or 3 bands"),
        (3, {"paletteColors": ["000000"]}, "palette"),
        (1, {"paletteColors": ["nocolor"]}, "Invalid color 'nocolor'"),
        (3, {"ranges": [{"max": 1}, {"max": 2}]}, "2 ranges were given for 3 bands"),
    ],
)
def test_options_that_cannot_be_shown_are_refused(count, options, message):
    bands = [Pixels(np.zeros((1, 1)), np.ones((1, 1), bool))] * count
    with pytest.raises(ApiError, match=message):
        encoding.rgba(bands, [PixelType("double")] * count, options)


def test_a_png_is_transparent_where_masked():
    bands = [Pixels(np.array([[0.0, 1.0]]), np.array([[0.0, 0.5]], "float32"))]
    colors = encoding.rgba(bands, [PixelType("float")], {})
    with Image.open(io.BytesIO(encoding.png(colors))) as picture:
        assert np.asarray(picture)[0, :, 3].tolist() == [0, 128]


def test_masked_pixels_have_no_colour_under_their_transparency():
    pixels = [Pixels(np.array([[1.0, 1.0]]), np.array([[True, False]]))]
    colors = encoding.rgba(
        pixels, [PixelType("double")], {"ranges": [{"min": 0, "max": 1}], "paletteColors": ["red", "blue"]}
    )
    assert colors[0].tolist() == [[0, 0, 255, 255], [0, 0, 0, 0]]
