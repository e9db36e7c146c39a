import ee
import numpy as np
import pytest
from scipy import ndimage

from earthline_sandbox.earthengine.functions.spatial.connected import EIGHT, FOUR, components
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

CRS = "EPSG:32617"
TRANSFORM = (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0)
SHAPE = (60, 80)
GRID = Grid(CRS, TRANSFORM, SHAPE)
SQUARE, PLUS = np.ones((3, 3)), ndimage.generate_binary_structure(2, 1)


def objects_of(values, structure):
    """(object, size) of every pixel, value by value."""
    found, sizes, last = np.zeros(values.shape, int), np.zeros(values.shape, int), 0
    for value in np.unique(values):
        labels, count = ndimage.label(values == value, structure)
        chosen = labels > 0
        found[chosen] = labels[chosen] + last
        sizes[chosen] = np.bincount(labels.ravel())[labels[chosen]]
        last += count
    return found, sizes


@pytest.mark.parametrize(("offsets", "structure"), [(FOUR, PLUS), (EIGHT, SQUARE)])
@pytest.mark.parametrize("kinds", [2, 3, 6])
def test_components_are_those_of_each_value(offsets, structure, kinds):
    values = np.random.default_rng(kinds).integers(0, kinds, (40, 31))
    valid = np.random.default_rng(1).random(values.shape) < 0.9
    found, count = components(values, valid, offsets)
    expected, _ = objects_of(np.where(valid, values, -1), structure)
    assert (found[~valid] == -1).all()
    pairs = set(zip(found[valid].tolist(), expected[valid].tolist(), strict=True))
    assert len(pairs) == count == len({one for one, _ in pairs}) == len({two for _, two in pairs})
    first = [np.flatnonzero(found.ravel() == number)[0] for number in range(count)]
    assert first == sorted(first)


@pytest.mark.parametrize(("eight", "structure"), [(True, SQUARE), (False, PLUS)])
def test_connected_pixels_are_counted_up_to_the_limit(world, eight, structure):
    _, sizes = objects_of(world.classes, structure)
    assert sizes.max() > 8
    found = world.pixels(ee.Image("classes").connectedPixelCount(8, eight), GRID)[0]
    assert (found == np.minimum(sizes, 8)).all()


def test_labels_tell_objects_apart_and_mask_large_ones(world):
    _, sizes = objects_of(world.classes, PLUS)
    image = ee.Image("classes").connectedComponents(ee.Kernel.plus(1), 6)
    assert world.compute(image.bandNames()) == ["class", "labels"]
    classes, labels = world.pixels(image, GRID)
    assert (labels.mask == (sizes > 6)).all()
    assert (classes.mask == labels.mask).all()
    expected, _ = objects_of(world.classes, PLUS)
    valid = ~labels.mask
    pairs = set(zip(labels.data[valid].tolist(), expected[valid].tolist(), strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({two for _, two in pairs})
    assert labels.data[valid].max() < 2**53


def test_a_wider_kernel_connects_over_gaps(world):
    marks = np.zeros(SHAPE, "uint8")
    marks[5, 5] = marks[5, 7] = marks[9, 5] = 1
    world.add("gaps", {"b": marks})
    image = ee.Image("gaps").selfMask().connectedComponents(ee.Kernel.square(2), 10).select("labels")
    labels = world.pixels(image, GRID)[0]
    assert labels.count() == 3
    assert labels[5, 5] == labels[5, 7] != labels[9, 5]


def test_objects_are_reduced_whole(world):
    expected, _ = objects_of(world.classes, SQUARE)
    extents = ndimage.find_objects(expected)
    wide = np.array([0] + [max(s.stop - s.start for s in extent) for extent in extents])[expected]
    red = np.ma.masked_equal(world.red[0], 0).astype(float)
    image = ee.Image("classes").addBands(ee.Image("C/s0").select("red"))
    mean = world.pixels(image.reduceConnectedComponents(ee.Reducer.mean(), "class", 6), GRID)[0]
    assert world.compute(image.reduceConnectedComponents(ee.Reducer.minMax(), "class").bandNames()) == [
        "red_min", "red_max"
    ]  # fmt: skip
    checked = 0
    for number in np.unique(expected)[::7]:
        chosen = expected == number
        if wide[chosen][0] > 6 or not red[chosen].count():
            assert mean.mask[chosen].all()
        else:
            assert np.allclose(mean[chosen], red[chosen].mean())
            checked += 1
    assert checked > 20


def test_objects_beyond_what_can_be_seen_are_refused(world):
    for image in (
        ee.Image("classes").connectedPixelCount(5_000),
        ee.Image("classes").connectedComponents(ee.Kernel.plus(1), 0),
        ee.Image("classes").reduceConnectedComponents(ee.Reducer.mean(), None, 10_000),
    ):
        with pytest.raises(ApiError, match="maxSize must be between 1 and 1024"):
            world.compute(image)
