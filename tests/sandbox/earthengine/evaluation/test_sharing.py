"""What several results need is computed once, and tiles that do not need each other at the same time."""

import os
import threading
from collections import Counter

import numpy as np
import pytest

from earthline_sandbox.earthengine.language import registry
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Band, Pixels
from earthline_sandbox.earthengine.values.values import Image

GRID = Grid("EPSG:32617", (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0), (8, 8))


def observed(seen):
    """An image that tells of every grid that its pixels are computed on."""

    def source(grid):
        seen(grid)
        return Pixels(np.ones(grid.shape), np.ones(grid.shape, dtype=bool))

    return Image(bands=(Band("seen", DOUBLE, Projection("EPSG:32617"), source),))


def call(name, **arguments):
    return registry.call(None, name, arguments)


def test_pixels_that_many_bands_need_are_computed_once_per_grid():
    counts = Counter()
    image = observed(lambda grid: counts.update([grid]))
    for _ in range(20):
        image = call("Image.add", image1=image, image2=image)
    image = call("Image.addBands", dstImg=image, srcImg=call("Image.multiply", image1=image, image2=image))
    first, second = image.fetch(GRID)
    assert float(first.values[0, 0]) == 2.0**20 and float(second.values[0, 0]) == 2.0**40
    assert counts == {GRID: 1}


def test_tiles_of_a_large_request_are_computed_once_each():
    counts = Counter()
    image = observed(lambda grid: counts.update([grid]))
    image = call("Image.add", image1=image, image2=image)
    whole = Grid(GRID.crs, GRID.transform, (1100, 700))
    assert float(image.fetch(whole)[0].values.min()) == 2
    assert sum(grid.size for grid in counts) == whole.size and set(counts.values()) == {1}


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core computes one tile at a time")
def test_independent_tiles_are_computed_at_the_same_time():
    both = threading.Barrier(2, timeout=30)
    image = observed(lambda grid: both.wait())
    whole = Grid(GRID.crs, GRID.transform, (512, 1024))
    assert image.fetch(whole)[0].mask.all()
    assert not both.broken
