"""However a request is cut into tiles, the pixels are the same."""

import io
import json
import os
from itertools import pairwise

import numpy as np
import pyproj
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine
from scipy import ndimage

from earthline_sandbox.earthengine.catalogue.assets import Assets
from earthline_sandbox.earthengine.catalogue.ingest import Ingestion
from earthline_sandbox.earthengine.evaluation.evaluation import Evaluator
from earthline_sandbox.earthengine.formats import rendering, tensors
from earthline_sandbox.earthengine.limits import Limits
from earthline_sandbox.earthengine.pixels.grid import Grid

SCENE = "projects/sandbox/assets/scene"
LEFT, TOP, SIDE = 600_000, 4_000_000, 30
SYSTEMS = ["EPSG:32617", "EPSG:4326", "EPSG:3857", "EPSG:5070", "EPSG:32618"]


ENDPOINT = "projects/sandbox/locations/us-central1/endpoints/7"
SHAPE = (300, 520)


class Smoothing:
    """A model in an endpoint's place: two layers of 3 x 3 weights, so that a pixel depends on two around it."""

    def predict(self, endpoint, instances):
        found = [{"smooth": tensors.encode_base64(self.answer(json.loads(each)))} for each in instances]
        return found, len(json.dumps(found))

    def answer(self, instance):
        planes = [tensors.decode_base64(text)[..., 0].astype("float64") / 10_000 for text in instance.values()]
        hidden = np.tanh(ndimage.uniform_filter(planes[0], 3, mode="constant") - planes[1])
        return ndimage.uniform_filter(hidden, 3, mode="constant")[..., None].astype("float32")


def made(ee):
    """Expressions over one scene, by what is special about them."""
    scene = ee.Image(SCENE)
    index = scene.normalizedDifference(["nir", "red"])
    pinned = scene.reproject("EPSG:32617", None, 30)
    kernel = ee.Kernel.gaussian(2, 1)
    model = ee.Model.fromVertexAi(
        endpoint=ENDPOINT,
        inputTileSize=[32, 24],
        inputOverlapSize=[4, 4],
        proj=ee.Projection("EPSG:32617", [SIDE, 0, LEFT, 0, -SIDE, TOP]),
        fixInputProj=True,
        outputBands={"smooth": {"type": ee.PixelType.float(), "dimensions": 0}},
    )
    collection = ee.ImageCollection([scene, scene.add(7), scene.multiply(2)])
    return {
        "nearest": scene,
        "bilinear": scene.resample("bilinear"),
        "bicubic": scene.resample("bicubic"),
        "arithmetic": scene.expression("(b('nir') - b('red')) / 3.7 + b('nir') ** 0.5"),
        "reprojected": scene.reproject("EPSG:32617", None, 70),
        "reprojected elsewhere": index.reproject("EPSG:3857", None, 45).multiply(2),
        "bilinear, then reprojected": scene.resample("bilinear").reproject("EPSG:5070", None, 40),
        "resolution reduced": pinned.reduceResolution("mean", False, 64).reproject("EPSG:32617", None, 120),
        "median": collection.median(),
        "mean": collection.map(lambda image: image.updateMask(image.gt(500))).mean(),
        "percentiles": collection.reduce(ee.Reducer.percentile([10, 75])),
        "mosaic": ee.ImageCollection([scene, scene.updateMask(index.gt(0)).add(1)]).mosaic(),
        "quality mosaic": collection.map(lambda image: image.addBands(index.rename("q"))).qualityMosaic("q"),
        "neighbourhood": scene.reduceNeighborhood(ee.Reducer.mean(), ee.Kernel.square(2)),
        "neighbourhood in metres": scene.reduceNeighborhood(ee.Reducer.stdDev(), ee.Kernel.circle(70, "meters")),
        "neighbourhood, pinned": pinned.reduceNeighborhood("median", ee.Kernel.plus(1)).reproject(
            "EPSG:32617", None, 30
        ),
        "convolved": scene.convolve(kernel),
        "focal": pinned.focalMean(2, "square", "pixels"),
        "focal maximum": scene.focalMax(90, "circle", "meters"),
        "masked": index.updateMask(index.gt(0.1)).unmask(-1),
        "clipped": scene.clip(ee.Geometry.Point([-79.85, 36.1]).buffer(2_000, 1)),
        "random": ee.Image.random(3),
        "predicted": model.predictImage(scene).select("smooth"),
        "predicted of a composite": model.predictImage(collection.median().toInt()).select("smooth"),
    }


NAMES = [
    "nearest",
    "bilinear",
    "bicubic",
    "arithmetic",
    "reprojected",
    "reprojected elsewhere",
    "bilinear, then reprojected",
    "resolution reduced",
    "median",
    "mean",
    "percentiles",
    "mosaic",
    "quality mosaic",
    "neighbourhood",
    "neighbourhood in metres",
    "neighbourhood, pinned",
    "convolved",
    "focal",
    "focal maximum",
    "masked",
    "clipped",
    "random",
    "predicted",
    "predicted of a composite",
]


@pytest.fixture(scope="module")
def images(ee, tmp_path_factory):
    """The images of those expressions; the scene is large enough to have overviews."""
    folder = tmp_path_factory.mktemp("scene")
    generator = np.random.default_rng(11)
    data = generator.integers(1, 10_000, (2, *SHAPE)).astype("uint16")
    data[:, generator.random(SHAPE) < 0.1] = 0
    profile = {"driver": "GTiff", "count": 2, "height": SHAPE[0], "width": SHAPE[1], "dtype": "uint16", "nodata": 0}
    with rasterio.open(
        folder / "a.tif", "w", crs="EPSG:32617", transform=Affine(SIDE, 0, LEFT, 0, -SIDE, TOP), **profile
    ) as sink:
        sink.write(data)
    assets = Assets(folder / "assets")
    Ingestion(assets, folder).files(SCENE, [folder / "a.tif"], band_names=["red", "nir"])
    evaluator = Evaluator(assets, Smoothing())
    found = {
        name: evaluator.image_of(evaluator.evaluate(ee.serializer.encode(image, for_cloud_api=True)))
        for name, image in made(ee).items()
    }
    assert list(found) == NAMES
    return found


def request(crs, origin, scale, shape):
    x, y = origin
    sign = {"scaleX": scale[0], "scaleY": -scale[1], "translateX": x, "translateY": y}
    return {"dimensions": {"width": shape[1], "height": shape[0]}, "affineTransform": sign, "crsCode": crs}


def pixels(image, grid):
    data, _ = rendering.answer(image, Grid.from_request(grid), "NPY", limits=Limits())
    return np.load(io.BytesIO(data))


def cuts(draw, length):
    return sorted({0, length, *draw(st.lists(st.integers(1, length - 1), max_size=3))})


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5)
@given(data=st.data())
def test_a_random_tiling_equals_one_large_request_bit_for_bit(images, name, data):
    draw = data.draw
    image = images[name]
    crs = draw(st.sampled_from(SYSTEMS))
    to_crs = pyproj.Transformer.from_crs("EPSG:32617", crs, always_xy=True)
    x, y = to_crs.transform(LEFT + draw(st.floats(-900, 12_000)), TOP + draw(st.floats(-8_000, 900)))
    unit = 1.0 if crs != "EPSG:4326" else 1 / 111_319.49
    # From a third of the scene's pixels to beyond those of its coarsest overview.
    scale = tuple(draw(st.sampled_from([10.0, 28.5, 30.0, 47.3, 90.0, 130.0])) * unit for _ in range(2))
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


@pytest.mark.parametrize("name", ["bicubic", "median", "neighbourhood in metres", "predicted", "reprojected elsewhere"])
def test_pixels_do_not_depend_on_the_number_of_cores(images, monkeypatch, name):
    grid = request("EPSG:32618", (62_000, 4_010_000), (29.0, 31.0), (290, 530))
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    alone = pixels(images[name], grid)
    assert alone[alone.dtype.names[0]].any()
    for cores in (2, 3):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert pixels(images[name], grid).tobytes() == alone.tobytes()
