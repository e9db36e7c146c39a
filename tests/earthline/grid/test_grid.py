import math

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from earthline.grid import Grid, GridError

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


placements = st.tuples(
    st.sampled_from([0.5, 1.0, 10.0, 28.5]),
    st.sampled_from([(1, 1), (1, -1), (-1, -1)]),
    st.sampled_from([0.0, 30.0, 77.0]),
    st.integers(-100_000, 100_000),
    st.integers(-100_000, 100_000),
)


@st.composite
def planes(draw: st.DrawFn) -> Grid:
    """A grid of one pixel: north-up, south-up, columns to the west, or aslant."""
    side, (right, down), angle, x, y = draw(placements)
    turned = Affine.translation(x, y) @ Affine.rotation(angle) @ Affine.scale(right * side, down * side)
    return Grid("EPSG:32119", tuple(turned)[:6], (1, 1))


sides = st.tuples(st.floats(-500, 500), st.floats(0, 300))


@given(planes(), sides, sides)
def test_a_covering_grid_holds_the_rectangle_on_the_same_pixels(
    plane: Grid, across: tuple[float, float], down: tuple[float, float]
) -> None:
    bounds = (across[0], down[0], across[0] + across[1], down[0] + down[1])
    found = plane.covering(bounds)
    column, row = ~plane.affine @ (found.transform[2], found.transform[5])
    assert abs(column - round(column)) < 1e-4 and abs(row - round(row)) < 1e-4
    slack = 1e-4
    assert round(column) <= bounds[0] + slack and round(row) <= bounds[1] + slack
    assert round(column) + found.shape[1] >= bounds[2] - slack and round(row) + found.shape[0] >= bounds[3] - slack
    # Not a row or column more than that.
    assert bounds[0] - round(column) < 1 + slack
    assert across[1] < 1 or round(column) + found.shape[1] - bounds[2] < 1 + slack
    assert found.crs == plane.crs and np.allclose(found.transform[:2], plane.transform[:2])


@given(grids, sides, sides)
def test_a_cut_is_the_part_that_a_rectangle_touches(
    grid: Grid, across: tuple[float, float], down: tuple[float, float]
) -> None:
    bounds = (across[0], down[0], across[0] + across[1], down[0] + down[1])
    rows = [row for row in range(grid.shape[0]) if row + 1 > bounds[1] and row < bounds[3]]
    columns = [column for column in range(grid.shape[1]) if column + 1 > bounds[0] and column < bounds[2]]
    if not rows or not columns:
        with pytest.raises(GridError, match="the place lies outside the imagery"):
            grid.cut(bounds, "the place")
        return
    assert grid.cut(bounds, "the place") == grid.window(rows[0], columns[0], (len(rows), len(columns)))


@given(st.floats(170, 179.9), st.floats(-179.9, -170), st.floats(-60, 50))
def test_a_rectangle_across_the_antimeridian_is_as_wide_as_it_is(west: float, east: float, south: float) -> None:
    grid = Grid("EPSG:3832", (100.0, 0.0, 0.0, 0.0, -100.0, 0.0), (1, 1))
    left, bottom, right, top = grid.project((west, south, east, south + 5))
    metres = math.radians((east - west) % 360) * 6_378_137
    assert right - left == pytest.approx(metres, rel=1e-6) and top > bottom


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "SR-ORG:6974"])
def test_a_grid_that_is_torn_at_the_antimeridian_is_refused(crs: str) -> None:
    grid = Grid(crs, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), (1, 1))
    with pytest.raises(GridError, match="cut along the antimeridian"):
        grid.project((177, -20, -178, -15))
