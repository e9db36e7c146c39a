"""What looks beyond a pixel gives the same pixel however the request is cut."""

import ee
import numpy as np
import pytest

from earthline_sandbox.earthengine.pixels.grid import Grid

CRS = "EPSG:32617"
ORIGIN = (600_000.0, 4_000_000.0)
SHAPE = (60, 80)
CUTS = [((0, 0), (23, 31)), ((23, 31), (37, 49)), ((11, 40), (1, 1)), ((-7, 60), (20, 37))]


def scene():
    return ee.Image("C/s0").select("red")


def marks():
    return ee.Image("classes").eq(4)


def places():
    generator = np.random.default_rng(2)
    points = np.column_stack([generator.uniform(-79.892, -79.864, 40), generator.uniform(36.122, 36.142, 40)])
    features = [ee.Feature(ee.Geometry.Point(point), {"a": n}) for n, point in enumerate(points.tolist())]
    features.append(ee.Feature(ee.Geometry.Polygon([points[:5].tolist()], None, False), {"a": 50}))
    return ee.FeatureCollection(features)


IMAGES = {
    "texture": lambda: ee.Image("classes").glcmTexture(1),
    "entropy": lambda: ee.Image("classes").entropy(ee.Kernel.circle(2)),
    "erosion": lambda: ee.Image("C/s0").spectralErosion("sam", ee.Kernel.square(1), True),
    "gradient of spectra": lambda: ee.Image("C/s0").spectralGradient("sid"),
    "unmixed": lambda: ee.Image("C/s0").unmix([[1, 2], [3, 1]], True, True),
    "colours": lambda: ee.Image("classes").randomVisualizer(),
    "seeds": lambda: ee.Algorithms.Image.Segmentation.seedGrid(6, "hex"),
    "clusters": lambda: ee.Algorithms.Image.Segmentation.KMeans(scene(), 3, 20, 9),
    "cells": lambda: ee.Algorithms.Image.Segmentation.KMeans(scene(), 3, 20, 0, 20, False, True),
    "superpixels": lambda: ee.Algorithms.Image.Segmentation.SNIC(scene(), 8, 5_000),
    "correlated": lambda: ee.Algorithms.CrossCorrelation(
        scene(), scene().translate(30, 0).add(ee.Image("C/s1").select("red")), 2, 5, 0.5
    ),
    "kriged": lambda: places().limit(12).kriging("a", "spherical", 800, 50, 1),
    "estimated": lambda: places().limit(12).inverseDistance(900, "a", 6, 3, 2),
    "registered": lambda: scene().translate(30, -30).register(scene(), 60, 300),
    "count": lambda: ee.Image("classes").connectedPixelCount(9, False),
    "labels": lambda: ee.Image("classes").connectedComponents(ee.Kernel.plus(1), 7),
    "objects": lambda: ee.Image("classes").addBands(scene()).reduceConnectedComponents(ee.Reducer.mean(), None, 5),
    "distance": lambda: marks().distance(ee.Kernel.euclidean(3)),
    "metres": lambda: marks().distance(ee.Kernel.manhattan(75, "meters"), False),
    "odd kernel": lambda: marks().distance(ee.Kernel.fixed(3, 2, [[3, 1, 2], [5, 0, 4]], 1, 1)),
    "directed": lambda: marks().rename("m").addBands(scene()).directionalDistanceTransform(75, 9, "m"),
    "parabolas": lambda: marks().multiply(17).rsedTransform(20),
    "cost": lambda: scene().cumulativeCost(marks(), 200),
    "flat cost": lambda: scene().cumulativeCost(marks(), 200, False),
    "far": lambda: places().distance(600),
    "rasterized": lambda: places().reduceToImage(["a"], ee.Reducer.mean()),
    "styled": lambda: places().style("red", 5, "star5", 1.5, "0000FF80"),
    "terrain": lambda: ee.Terrain.products(scene()),
    "shadow": lambda: ee.Terrain.hillShadow(scene(), 250, 60, 9),
    "minima": lambda: ee.Terrain.fillMinima(scene(), None, 20),
    "gradient": lambda: scene().gradient(),
    "derivative": lambda: scene().derivative(),
    "crossing": lambda: scene().subtract(2_000).zeroCrossing(),
    "canny": lambda: ee.Algorithms.CannyEdgeDetector(scene(), 300, 1.5),
    "resolution": lambda: scene().reduceResolution(ee.Reducer.mean(), False, 1024),
    "coarse": lambda: ee.Image("classes").reduceResolution(ee.Reducer.mode()).reproject(CRS, None, 80),
    "bicubic": lambda: scene().resample("bicubic"),
    "displaced": lambda: scene().displace(ee.Image.random(1).multiply(90).addBands(20).reproject(CRS, None, 30)),
    "translated": lambda: scene().translate(44, 71).addBands(scene().translate(2, 1, "pixels", "EPSG:3857")),
    "hough": lambda: ee.Algorithms.HoughTransform(marks(), 32, 1, 5, True),
}


@pytest.mark.parametrize("name", sorted(IMAGES))
@pytest.mark.parametrize("crs", [CRS, "EPSG:4326"])
def test_a_pixel_does_not_depend_on_its_tile(world, name, crs):
    image = world.evaluator.image_of(world.evaluate(IMAGES[name]()))
    x, y, unit = (*ORIGIN, 30.0) if crs == CRS else (-79.8912, 36.1401, 0.00031)
    whole = Grid(crs, (unit, 0.0, x, 0.0, -unit, y), SHAPE).padded(20, 20, 20, 20)
    expected = image.fetch(whole)
    assert any((band.mask > 0).any() and np.ptp(band.values[band.mask > 0]) for band in expected)
    for (top, left), shape in CUTS:
        block = np.s_[20 + top : 20 + top + shape[0], 20 + left : 20 + left + shape[1]]
        window = whole.window(20 + top, 20 + left, shape)
        # The second way is a client's: a grid of its own, whose origin it computed.
        moved = Grid(crs, (unit, 0.0, x + unit * left, 0.0, -unit, y - unit * top), shape)
        for grid, same in ((window, np.array_equal), (moved, np.allclose)):
            for found, band in zip(image.fetch(grid), expected, strict=True):
                valid = found.mask > 0
                assert same(found.mask, band.mask[block])
                assert same(found.values[valid], band.values[block][valid])
