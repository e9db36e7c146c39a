"""An outline on a grid: its edges bend as they should, and its extent holds its pixels."""

import math

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.features import rasterize

from earthline.grid import Grid, GridError
from earthline.outlines import on_grid


def plane(crs: str, scale: float) -> Grid:
    return Grid(crs, (scale, 0.0, 0.0, 0.0, -scale, 0.0), (1, 1))


@pytest.mark.parametrize(
    ("crs", "west"), [("EPSG:32632", 7.0), ("EPSG:3035", 10.0), ("SR-ORG:6974", 20.0), ("EPSG:32760", 179.0)]
)
@pytest.mark.parametrize("scale", [10.0, 500.0])
def test_edges_keep_their_course_to_a_thousandth_of_a_pixel(crs: str, west: float, scale: float) -> None:
    south = -20.0 if crs == "EPSG:32760" else 50.0
    shape = shapely.box(west, south, west + 3, south + 2)
    grid = plane(crs, scale)
    found = on_grid.in_crs(shape, grid)
    to_crs = Transformer.from_crs("EPSG:4326", grid.pyproj_crs, always_xy=True)
    fine = shapely.transform(shapely.segmentize(shape, 0.002), lambda xy: np.column_stack(to_crs.transform(*xy.T)))
    distances = shapely.distance(found.exterior, shapely.points(shapely.get_coordinates(fine)))
    assert distances.max() < 0.0025 * scale
    assert shapely.get_num_coordinates(found) < 2500


def test_a_region_around_a_pole_is_whole_on_a_polar_map() -> None:
    cap = shapely.box(-180, 80, 180, 90)
    found = on_grid.in_crs(cap, plane("EPSG:3413", 1000))
    assert found.contains(shapely.Point(0, 0))
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:3413", always_xy=True).transform(30, 80)
    radius = math.hypot(x, y)
    assert found.area == pytest.approx(math.pi * radius**2, rel=1e-4)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "SR-ORG:6974"])
def test_a_map_that_ends_at_the_antimeridian_is_refused_with_one_that_does_not(crs: str) -> None:
    with pytest.raises(GridError, match=r"cut along the antimeridian.*'EPSG:32760'"):
        on_grid.in_crs(shapely.box(177, -20, 182, -15), plane(crs, 1))


@given(
    st.floats(6, 11),
    st.floats(44, 55),
    st.floats(0.001, 0.05),
    st.integers(3, 8),
    st.sampled_from([10.0, 30.0, 100.0]),
    st.sampled_from(["EPSG:32632", "EPSG:3035", "SR-ORG:6974"]),
)
def test_the_extent_holds_every_pixel_that_the_outline_covers_and_is_no_wider_than_it(
    x: float, y: float, size: float, count: int, scale: float, crs: str
) -> None:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False) + 0.1
    shape = shapely.Polygon(np.column_stack([x + size * np.cos(angles), y + size * np.sin(angles)]))
    endless = plane(crs, scale)
    try:
        left, top, right, bottom = on_grid.extent(shape, endless)
    except GridError:
        assert size < 0.01
        return
    around = endless.window(top - 3, left - 3, (bottom - top + 6, right - left + 6))
    burnt = rasterize([on_grid.in_crs(shape, endless)], around.shape, transform=around.affine)
    assert burnt[3:-3, 3:-3].sum() == burnt.sum()
    pixels = on_grid.in_pixels(shape, endless)
    assert left >= pixels.bounds[0] - 0.5 and right <= pixels.bounds[2] + 0.5


@given(st.floats(0, 360), st.booleans(), st.floats(0.01, 0.05), st.integers(3, 8))
def test_the_extent_is_right_where_a_grid_lies_aslant_or_runs_north(
    angle: float, south_up: bool, size: float, count: int
) -> None:
    turned = Affine.translation(500_000, 5_000_000) @ Affine.rotation(angle) @ Affine.scale(30, 30 if south_up else -30)
    endless = Grid("EPSG:32632", tuple(turned)[:6], (1, 1))
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False) + 0.1
    shape = shapely.Polygon(np.column_stack([9 + size * np.cos(angles), 45 + size * np.sin(angles)]))
    left, top, right, bottom = on_grid.extent(shape, endless)
    # In pixels the grid is upright, so that rasterio burns it as any other.
    pixels = on_grid.in_pixels(shape, endless)
    burnt = rasterize([pixels], (bottom - top + 6, right - left + 6), transform=Affine.translation(left - 3, top - 3))
    assert burnt[3:-3, 3:-3].sum() == burnt.sum() > 0


def test_an_outline_between_pixels_is_refused() -> None:
    with pytest.raises(GridError, match="holds no pixel's centre"):
        on_grid.extent(shapely.box(9, 50, 9.00001, 50.00001), plane("EPSG:32632", 1000))


def test_pixels_outside_are_those_whose_centre_is(monkeypatch):
    grid = Grid("EPSG:32633", (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_500_000.0), (7, 9))
    shape = shapely.Polygon([(1.2, 0.8), (8.3, 2.1), (4.4, 6.7)], [[(4, 2), (5, 2), (4.5, 3.2)]])
    rows, columns = np.mgrid[0:7, 0:9] + 0.5
    expected = int((~shapely.contains_xy(shape, columns, rows)).sum())
    assert 30 < expected < 60
    assert on_grid.pixels_outside(shape, grid) == expected
    monkeypatch.setattr(on_grid, "_STRIP", 20)
    assert on_grid.pixels_outside(shape, grid) == expected
