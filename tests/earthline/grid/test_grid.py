import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earthline.grid import Grid

shapes = st.tuples(st.integers(1, 300), st.integers(1, 300))
grids = st.builds(
    lambda scale, x, y, shape: Grid("EPSG:32119", (scale, 0.0, x, 0.0, -scale, y), shape),
    st.sampled_from([0.5, 1.0, 10.0, 28.5, 30.0]),
    st.integers(-500_000, 500_000).map(float),
    st.integers(-500_000, 500_000).map(float),
    shapes,
)


@given(grids, st.data())
def test_a_pixels_centre_lies_in_that_pixel(grid: Grid, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, grid.shape[0] - 1))
    column = data.draw(st.integers(0, grid.shape[1] - 1))
    assert grid.pixel(*grid.center(row, column)) == (row, column)


@given(grids, st.integers(-50, 50), st.integers(-50, 50), shapes)
def test_a_window_names_the_same_ground(grid: Grid, row: int, column: int, shape: tuple[int, int]) -> None:
    window = grid.window(row, column, shape)
    assert window.shape == shape
    assert window.center(0, 0) == grid.center(row, column)
    assert window.window(-row, -column, grid.shape) == grid


@given(grids, shapes)
def test_tiles_cover_every_pixel_once(grid: Grid, shape: tuple[int, int]) -> None:
    count = np.zeros(grid.shape, int)
    for row, column, (height, width) in grid.tiles(shape):
        assert 0 < height <= shape[0] and 0 < width <= shape[1]
        count[row : row + height, column : column + width] += 1
    assert (count == 1).all()


@given(grids)
def test_json_brings_the_same_grid_back(grid: Grid) -> None:
    assert Grid.from_json(grid.to_json()) == grid


@given(grids)
def test_bounds_span_the_grid(grid: Grid) -> None:
    left, bottom, right, top = grid.bounds
    scale = grid.transform[0]
    assert math.isclose(right - left, scale * grid.shape[1], rel_tol=1e-9)
    assert math.isclose(top - bottom, scale * grid.shape[0], rel_tol=1e-9)


def test_a_rotated_grids_bounds_hold_all_corners() -> None:
    grid = Grid("EPSG:3857", (0.0, 10.0, 100.0, 10.0, 0.0, 200.0), (2, 3))  # rows run east, columns run north
    assert grid.bounds == (100.0, 200.0, 120.0, 230.0)
    assert grid.pixel(*grid.center(1, 2)) == (1, 2)


def test_a_request_gives_dimensions_as_width_and_height() -> None:
    request = Grid("EPSG:32119", (28.5, 0.0, 630_000.0, 0.0, -28.5, 228_000.0), (489, 443)).to_request()
    assert request == {
        "dimensions": {"width": 443, "height": 489},
        "affineTransform": {
            "scaleX": 28.5,
            "shearX": 0.0,
            "translateX": 630_000.0,
            "shearY": 0.0,
            "scaleY": -28.5,
            "translateY": 228_000.0,
        },
        "crsCode": "EPSG:32119",
    }
