"""How often what looks beyond a pixel fetches its input: more than once, and stacks of it take exponential time."""

from dataclasses import replace

import ee
import numpy as np
import pytest

from earthline_sandbox.earthengine.functions.image import image_bands
from earthline_sandbox.earthengine.functions.image.lattice import blockwise
from earthline_sandbox.earthengine.pixels.grid import Grid

GRID = Grid("EPSG:32617", (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0), (32, 40))


def square():
    return ee.Kernel.square(1)


LAYERS = {
    "convolve": lambda image: image.convolve(square()),
    "reduceNeighborhood": lambda image: image.reduceNeighborhood(ee.Reducer.mean(), square()),
    "reduceNeighborhood of two bands": lambda image: image.addBands(image).reduceNeighborhood(
        ee.Reducer.pearsonsCorrelation(), square()
    ),
    "unmasked": lambda image: image.reduceNeighborhood(ee.Reducer.max(), square(), "mask", False),
    "neighborhoodToBands": lambda image: image.neighborhoodToBands(square()).reduce("sum"),
    "neighborhoodToArray": lambda image: (
        image.neighborhoodToArray(square()).arrayReduce("sum", [0, 1]).arrayGet([0, 0])
    ),
    "focalMedian": lambda image: image.focalMedian(1, iterations=2),
    "entropy": lambda image: image.toByte().entropy(square()),
    "texture": lambda image: image.toByte().glcmTexture(1),
    "gradient": lambda image: image.gradient(),
    "derivative": lambda image: image.derivative(),
    "zero crossings": lambda image: image.zeroCrossing(),
    "edges": lambda image: ee.Algorithms.CannyEdgeDetector(image, 1),
    "slope": lambda image: ee.Terrain.slope(image),
    "terrain": lambda image: ee.Terrain.products(image).reduce("sum"),
    "hillshade": lambda image: ee.Terrain.hillshade(image),
    "distance": lambda image: image.gt(2).distance(ee.Kernel.euclidean(3)),
    "fast distance": lambda image: image.gt(2).fastDistanceTransform(4),
    "count": lambda image: image.gt(2).connectedPixelCount(4),
    "objects": lambda image: image.gt(2).connectedComponents(square(), 4),
    "means of objects": lambda image: image.addBands(image.gt(2).rename("l")).reduceConnectedComponents(
        ee.Reducer.mean(), "l", 4
    ),
    "unmask": lambda image: image.unmask(image.add(1)),
    "where": lambda image: image.where(image.gt(1), image.add(1)),
    "blend": lambda image: image.blend(image.selfMask()),
    "resample": lambda image: image.resample("bicubic"),
    "coarse": lambda image: image.reduceResolution(ee.Reducer.mean()).reproject("EPSG:32617", None, 30),
}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_three_layers_fetch_their_input_once(world, monkeypatch, name):
    windows = []
    opened = image_bands.band_of

    def counted(record):
        band = opened(record)

        def source(grid):
            windows.append(grid)
            return band.source(grid)

        return replace(band, source=source)

    monkeypatch.setattr(image_bands, "band_of", counted)
    image = ee.Image("classes")
    for _ in range(3):
        image = ee.Image(LAYERS[name](image)).select([0])
    world.pixels(image, GRID)
    assert len(windows) == 1


def test_blocks_that_others_ask_for_are_computed_once():
    below, above = [], []

    def one(grid):
        below.append(grid)
        return [(np.zeros(grid.shape), np.ones(grid.shape, bool))]

    lower = blockwise("f", 8, 4, one)

    def two(grid):
        above.append(grid)
        return lower(grid)

    blockwise("f", 8, 4, two)(GRID)
    assert len(above) == len(set(above)) > 1
    assert len(below) == len(set(below)) > len(above)
