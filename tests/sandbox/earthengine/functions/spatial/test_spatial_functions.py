"""Spatial functions over the real wire, on the real Landsat scene."""

import io

import numpy as np
import pytest


def numbers(ee, image, grid):
    answer = ee.data.computePixels({"expression": image, "fileFormat": "NPY", "grid": grid})
    found = np.load(io.BytesIO(answer))
    return [found[name] for name in found.dtype.names]


@pytest.fixture
def scene(ee, landsat):
    """(image of one band, a grid of its own pixels within it)."""
    image = ee.Image(landsat).select("B4")
    crs, transform = image.projection().getInfo()["crs"], image.projection().getInfo()["transform"]
    names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
    affine = dict(zip(names, transform, strict=True))
    affine["translateX"] += 120 * affine["scaleX"]
    affine["translateY"] += 150 * affine["scaleY"]
    return image, {"dimensions": {"width": 60, "height": 40}, "affineTransform": affine, "crsCode": crs}


def test_a_client_gets_slopes_means_and_counts(ee, scene):
    image, grid = scene
    (values,) = numbers(ee, image, grid)
    values = values.astype(float)
    (slope,) = numbers(ee, ee.Terrain.slope(image), grid)
    east, south = (values[1:-1, 2:] - values[1:-1, :-2]) / 57, (values[2:, 1:-1] - values[:-2, 1:-1]) / 57
    assert np.allclose(slope[1:-1, 1:-1], np.degrees(np.arctan(np.hypot(east, south))), rtol=1e-5)
    coarse = {**grid, "dimensions": {"width": 15, "height": 10}, "affineTransform": dict(grid["affineTransform"])}
    coarse["affineTransform"]["scaleX"] *= 4
    coarse["affineTransform"]["scaleY"] *= 4
    (mean,) = numbers(ee, image.reduceResolution(ee.Reducer.mean()), coarse)
    assert np.allclose(mean, values.reshape(10, 4, 15, 4).mean(axis=(1, 3)))


def test_a_client_gets_objects_as_features(ee, scene):
    image, grid = scene
    dark = image.lt(50).selfMask().rename("dark")
    affine = grid["affineTransform"]
    west, north = affine["translateX"], affine["translateY"]
    corners = [west, north + 40 * affine["scaleY"], west + 60 * affine["scaleX"], north]
    region = ee.Geometry.Rectangle(corners, grid["crsCode"], False)
    vectors = dark.addBands(image).reduceToVectors(
        ee.Reducer.count().combine(ee.Reducer.max(), None, True), region, eightConnected=False, maxPixels=1e6
    )
    answer = ee.Dictionary(
        {
            "pixels": vectors.aggregate_sum("count"),
            "most": vectors.aggregate_max("max"),
            "area": vectors.geometry(1).area(1),
            "largest": dark.connectedPixelCount(1_000, False).reduceRegion(ee.Reducer.max(), region).get("dark"),
            "back": vectors.reduceToImage(["count"], ee.Reducer.first()).reproject(image.projection())
            .reduceRegion(ee.Reducer.max(), region).get("first"),
        }
    ).getInfo()  # fmt: skip
    (values,) = numbers(ee, image, grid)
    count = int((values < 50).sum())
    assert 50 < count < 2_400
    assert answer["pixels"] == count
    assert answer["most"] == values[values < 50].max()
    assert answer["area"] == pytest.approx(count * 28.5**2, rel=0.01)
    assert answer["back"] <= answer["largest"]
    table = ee.data.computeFeatures({"expression": vectors.limit(3), "fileFormat": "PANDAS_DATAFRAME"})
    assert set(table.columns) >= {"label", "count", "max"}
