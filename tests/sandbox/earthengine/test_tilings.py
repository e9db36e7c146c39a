"""However a request is cut into tiles, the pixels are the same."""

import io
from itertools import pairwise

import numpy as np
import pyproj
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

from sandbox.earthengine import rendering
from sandbox.earthengine.assets import Assets
from sandbox.earthengine.evaluation import Evaluator
from sandbox.earthengine.grid import Grid
from sandbox.earthengine.ingest import Ingestion
from sandbox.earthengine.limits import Limits

SCENE = "projects/sandbox/assets/scene"
LEFT, TOP, SIDE = 600_000, 4_000_000, 30
SYSTEMS = ["EPSG:32617", "EPSG:4326", "EPSG:3857", "EPSG:5070", "EPSG:32618"]


@pytest.fixture(scope="module")
def images(ee, tmp_path_factory):
    """Images over one scene, by what is special about them."""
    folder = tmp_path_factory.mktemp("scene")
    generator = np.random.default_rng(11)
    data = generator.integers(1, 10_000, (2, 200, 240)).astype("uint16")
    data[:, generator.random((200, 240)) < 0.1] = 0
    profile = {"driver": "GTiff", "count": 2, "height": 200, "width": 240, "dtype": "uint16", "nodata": 0}
    with rasterio.open(
        folder / "a.tif", "w", crs="EPSG:32617", transform=Affine(SIDE, 0, LEFT, 0, -SIDE, TOP), **profile
    ) as sink:
        sink.write(data)
    assets = Assets(folder / "assets")
    Ingestion(assets, folder).files(SCENE, [folder / "a.tif"], band_names=["red", "nir"])
    scene = ee.Image(SCENE)
    index = scene.normalizedDifference(["nir", "red"])
    made = {
        "nearest": scene,
        "bilinear": scene.resample("bilinear"),
        "arithmetic": scene.expression("(b('nir') - b('red')) / 3.7 + b('nir') ** 0.5"),
        "reprojected": scene.reproject("EPSG:32617", None, 70),
        "composite": ee.ImageCollection([scene, scene.add(7), scene.multiply(2)]).median(),
        "focal": scene.reproject("EPSG:32617", None, 30).focalMean(2, "square", "pixels"),
        "masked": index.updateMask(index.gt(0.1)).unmask(-1),
        "random": ee.Image.random(3),
    }
    evaluator = Evaluator(assets)
    return {
        name: evaluator.image_of(evaluator.evaluate(ee.serializer.encode(image, for_cloud_api=True)))
        for name, image in made.items()
    }


def request(crs, origin, scale, shape):
    x, y = origin
    sign = {"scaleX": scale[0], "scaleY": -scale[1], "translateX": x, "translateY": y}
    return {"dimensions": {"width": shape[1], "height": shape[0]}, "affineTransform": sign, "crsCode": crs}


def pixels(image, grid):
    data, _ = rendering.answer(image, Grid.from_request(grid), "NPY", limits=Limits())
    return np.load(io.BytesIO(data))


def cuts(draw, length):
    return sorted({0, length, *draw(st.lists(st.integers(1, length - 1), max_size=3))})


@settings(max_examples=60)
@given(st.data())
def test_a_random_tiling_equals_one_large_request_bit_for_bit(images, data):
    draw = data.draw
    name = draw(st.sampled_from(sorted(images)))
    image = images[name]
    crs = draw(st.sampled_from(SYSTEMS))
    to_crs = pyproj.Transformer.from_crs("EPSG:32617", crs, always_xy=True)
    x, y = to_crs.transform(LEFT + draw(st.floats(-900, 5_000)), TOP + draw(st.floats(-4_000, 900)))
    unit = 1.0 if crs != "EPSG:4326" else 1 / 111_319.49
    scale = tuple(draw(st.sampled_from([10.0, 28.5, 30.0, 47.3, 90.0])) * unit for _ in range(2))
    shape = (draw(st.integers(2, 70)), draw(st.integers(2, 70)))
    whole = pixels(image, request(crs, (x, y), scale, shape))
    rows, columns = cuts(draw, shape[0]), cuts(draw, shape[1])
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            origin = (x + left * scale[0], y - top * scale[1])
            tile = pixels(image, request(crs, origin, scale, (bottom - top, right - left)))
            part = whole[top:bottom, left:right]
            for band in whole.dtype.names:
                assert np.array_equal(tile[band], part[band], equal_nan=True), (name, crs, band)


def test_tiles_over_the_wire_equal_one_request_too(ee, landsat):
    image = ee.Image(landsat).select(["B3", "B4"]).resample("bilinear")
    crs, scale = "EPSG:32617", (31.7, 31.7)
    x, y = pyproj.Transformer.from_crs("EPSG:32119", crs, always_xy=True).transform(632_000, 225_000)

    def fetched(row, column, shape):
        origin = (x + column * scale[0], y - row * scale[1])
        grid = request(crs, origin, scale, shape)
        return ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid})

    whole = fetched(0, 0, (90, 110))
    assert whole["B3"].any()
    side = 37
    for row in range(0, 90, side):
        for column in range(0, 110, side):
            shape = (min(side, 90 - row), min(side, 110 - column))
            tile = fetched(row, column, shape)
            for band in ("B3", "B4"):
                part = whole[band][row : row + shape[0], column : column + shape[1]]
                assert np.array_equal(tile[band], part, equal_nan=True)
