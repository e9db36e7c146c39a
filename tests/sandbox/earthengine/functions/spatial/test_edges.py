import ee
import numpy as np
import pytest

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

CRS = "EPSG:32617"
TRANSFORM = (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0)
SHAPE = (40, 48)
GRID = Grid(CRS, TRANSFORM, SHAPE)


def test_gradient_is_per_metre_and_derivative_per_pixel(world):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype("float32")
    world.add("ramp", {"b": 6 * x - 3 * y})
    gradient = ee.Image("ramp").gradient()
    assert world.compute(gradient.bandNames()) == ["x", "y"]
    east, north = world.pixels(gradient, GRID)
    assert np.allclose(east[1:-1, 1:-1], 0.2)
    assert np.allclose(north[1:-1, 1:-1], 0.1)
    derivative = ee.Image("ramp").derivative()
    assert world.compute(derivative.bandNames()) == ["b_x", "b_y"]
    right, down = world.pixels(derivative, GRID)
    assert np.allclose(right[1:-1, 1:-1], 6)
    assert np.allclose(down[1:-1, 1:-1], -3)


def test_zero_crossings_lie_on_the_nearer_side(world):
    row = np.array([[-5, -1, 2, 4, 0, 3, 1, -1]], "float32")
    world.add("crossing", {"b": np.repeat(row, 3, 0)})
    found = world.pixels(ee.Image("crossing").zeroCrossing(), Grid(CRS, TRANSFORM, (3, 8)))[0]
    assert found[1].tolist() == [0, 1, 0, 0, 1, 0, 1, 0]


def test_canny_finds_the_edge_of_a_square_and_nothing_else(world):
    square = np.zeros(SHAPE, "uint8")
    square[10:30, 12:36] = 200
    world.add("square", {"b": square})
    edge = world.pixels(ee.Algorithms.CannyEdgeDetector(ee.Image("square"), 10, 0), GRID)[0].filled(0)
    # A step between two pixels is as steep on both: one of them is kept, all around.
    assert (edge[12:28].astype(bool).sum(axis=1) == 2).all()
    assert (edge[14:26, 14:34] == 0).all()
    assert edge[20].max() == 100
    smooth = world.pixels(ee.Algorithms.CannyEdgeDetector(ee.Image("square"), 10, 2), GRID)[0].filled(0)
    middle = smooth[20]
    assert (middle > 0).sum() == 2
    # Half a step of 200 over two pixels of a bell curve with sigma 2.
    weights = np.exp(-(np.arange(-6, 7) ** 2) / 8)
    assert middle.max() == pytest.approx(100 * (weights[6] + weights[7]) / weights.sum(), rel=1e-6)
    assert not world.pixels(ee.Algorithms.CannyEdgeDetector(ee.Image("square"), 142, 0), GRID)[0].any()


def test_hough_finds_a_straight_line_among_specks(world):
    marks = np.zeros(SHAPE, "uint8")
    marks[17, :40] = 255
    marks[np.random.default_rng(3).random(SHAPE) < 0.02] = 255
    world.add("lines", {"b": marks})
    image = ee.Algorithms.HoughTransform(ee.Image("lines"), 256, 100, 35, False)
    assert world.compute(image.bandNames()) == ["b_lines"]
    found = world.pixels(image, GRID)[0].filled(0)
    assert (found[17] >= 35).all()
    assert (found[:16] == 0).all()


def test_edges_refuse_what_they_cannot_do(world):
    with pytest.raises(ApiError, match="sigma must be between"):
        world.compute(ee.Algorithms.CannyEdgeDetector(ee.Image("classes"), 1, 1e9))
    with pytest.raises(ApiError, match="gridSize must be between"):
        world.compute(ee.Algorithms.HoughTransform(ee.Image("classes"), 10**6))
    with pytest.raises(ApiError, match="are arrays"):
        world.pixels(ee.Image("classes").toArray().gradient(), GRID)
