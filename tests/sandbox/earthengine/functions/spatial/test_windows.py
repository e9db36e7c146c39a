import ee
import numpy as np


def test_arrays_of_bands_and_of_neighbours(world):
    array = ee.Image([1, 2, 3]).toArray()
    assert world.pixel(array.arrayGet(1)) == 2
    assert world.compute(array.arrayProject([0]).arrayFlatten([["a", "b", "c"]]).bandNames()) == ["a", "b", "c"]
    windows = world.pixels(ee.Image("classes").neighborhoodToArray(ee.Kernel.rectangle(1, 2), 99))[0]
    padded = np.pad(world.classes, ((2, 2), (1, 1)), constant_values=99)
    assert windows.shape == (60, 80, 5, 3)
    assert np.array_equal(windows[10, 0], padded[10:15, 0:3])
    for given, held in ((-7, 0), (999, 255), (3.9, 3)):
        filled = world.pixels(ee.Image("classes").neighborhoodToArray(ee.Kernel.square(1), given))[0]
        assert filled.dtype == np.uint8 and filled[0, 0, 0, 0] == held
    even = world.pixels(ee.Image("classes").neighborhoodToArray(ee.Kernel.fixed(4, 4, [[1] * 4] * 4)))[0]
    assert np.array_equal(even[20, 20], world.classes[18:22, 18:22])


def test_neighbourhoods(world):
    kernel = ee.Kernel.square(1)
    mean = world.pixels(ee.Image("classes").reduceNeighborhood(ee.Reducer.mean(), kernel))[0]
    windows = np.lib.stride_tricks.sliding_window_view(world.classes.astype(float), (3, 3))
    assert np.allclose(mean[1:-1, 1:-1], windows.mean(axis=(2, 3)))
    highest = world.pixels(ee.Image("classes").focal_max(1, "square"))[0]
    assert np.array_equal(highest[1:-1, 1:-1], windows.max(axis=(2, 3)))
    assert world.compute(ee.Image("classes").reduceNeighborhood(ee.Reducer.mean(), kernel).bandNames()) == [
        "class_mean"
    ]
    edges = world.pixels(ee.Image("classes").convolve(ee.Kernel.laplacian8()))[0]
    assert np.allclose(edges[1:-1, 1:-1], windows.sum(axis=(2, 3)) - 9 * windows[:, :, 1, 1])
