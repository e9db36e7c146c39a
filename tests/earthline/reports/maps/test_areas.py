"""Areas against what is known in closed form: the ellipsoid's surface between two parallels, and equal-area grids."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from earthline.grid import Grid
from earthline.reports.maps.areas import PixelAreas
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

SEMI_MAJOR, FLATTENING = 6_378_137.0, 1 / 298.257223563
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"


def between_parallels(south: float, north: float, degrees: float) -> float:
    """Hectares of WGS 84 between two parallels over some degrees of longitude (Snyder 1987, equation 3-12)."""
    square = FLATTENING * (2 - FLATTENING)
    eccentricity = np.sqrt(square)
    semi_minor = SEMI_MAJOR * (1 - FLATTENING)

    def zone(latitude: float) -> float:
        sine = np.sin(np.radians(latitude))
        return sine / (1 - square * sine**2) + np.arctanh(eccentricity * sine) / eccentricity

    return float(semi_minor**2 / 2 * (zone(north) - zone(south)) * np.radians(degrees) / 10_000)


def hectares(grid: Grid) -> np.ndarray:
    return PixelAreas(grid).window(0, 0, grid.shape)


@pytest.mark.parametrize("step", [0.25, 1.0, 5.0])
def test_degrees_are_the_ellipsoids_zones_from_pole_to_pole(step: float) -> None:
    rows = round(180 / step)
    grid = Grid("EPSG:4326", (step, 0, -180, 0, -step, 90), (rows, 2 * rows))
    expected = [between_parallels(90 - (row + 1) * step, 90 - row * step, step) for row in range(rows)]
    found = hectares(grid)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-3)
    np.testing.assert_allclose(found[:, -1], expected, rtol=1e-3)
    assert found.sum() == pytest.approx(2 * rows * sum(expected), rel=2e-4)


@settings(max_examples=10)
@given(st.floats(-75, 75), st.floats(-170, 160), st.sampled_from([10.0, 300.0]), st.booleans())
def test_mercator_is_the_ellipsoids_zones_anywhere(latitude: float, longitude: float, scale: float, up: bool) -> None:
    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(longitude, latitude)
    grid = Grid("EPSG:3857", (scale, 0, x, 0, scale if up else -scale, y), (50, 40))
    left, bottom, right, top = grid.bounds
    back = Transformer.from_crs(3857, 4326, always_xy=True)
    (west, south), (east, north) = back.transform(left, bottom), back.transform(right, top)
    assert hectares(grid).sum() == pytest.approx(between_parallels(south, north, east - west), rel=5e-4)


@pytest.mark.parametrize(
    ("crs", "transform", "true"),
    [
        ("EPSG:6933", (1000, 0, 1_000_000, 0, -1000, 6_000_000), 100.0),
        (SINUSOIDAL, (463.3127, 0, 1_111_950, 0, -463.3127, 5_559_752), 463.3127**2 / 10_000),
        ("EPSG:5070", (30, 0, 1_500_000, 0, -30, 1_800_000), 0.09),
        # A rotated grid of an equal-area projection, 25 m along both of its axes.
        ("EPSG:3035", (20, 15, 4_321_000, 15, -20, 3_210_000), 0.0625),
    ],
)
def test_equal_area_grids_keep_their_pixels(crs: str, transform: tuple[float, ...], true: float) -> None:
    found = hectares(Grid(crs, transform, (150, 130)))
    np.testing.assert_allclose(found, true, rtol=1e-4)


def test_feet_are_not_metres() -> None:
    found = hectares(Grid("EPSG:2264", (100, 0, 2_000_000, 0, -100, 700_000), (40, 50)))
    np.testing.assert_allclose(found, (100 * 1200 / 3937) ** 2 / 10_000, rtol=3e-4)


def test_utm_far_from_its_meridian() -> None:
    x, y = Transformer.from_crs(4326, 32632, always_xy=True).transform(18.0, 48.0)
    found = hectares(Grid("EPSG:32632", (10, 0, x, 0, -10, y), (100, 100)))
    # Snyder 1987, equation 8-11, to its second term.
    scale = 0.9996 * (1 + (np.radians(18 - 9) * np.cos(np.radians(48))) ** 2 / 2)
    assert found.sum() == pytest.approx(100 / scale**2, rel=5e-4)


def test_pixels_around_a_pole_are_whole() -> None:
    grid = Grid("EPSG:3031", (25_000, 0, -500_000, 0, -25_000, 500_000), (40, 40))
    found = hectares(grid)
    assert np.isfinite(found).all() and found.std() / found.mean() < 0.01
    # True scale is at 71 degrees south; at the pole the projection makes everything smaller.
    assert 62_500 < found[20, 20] < 62_500 * 1.06


def test_pixels_outside_the_projection_do_no_harm() -> None:
    # The corners of a world in Mollweide are no place on the Earth.
    found = hectares(Grid("ESRI:54009", (100_000, 0, -18_100_000, 0, -100_000, 9_050_000), (181, 362)))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, 1e6, rtol=0.08)


def test_a_crs_without_an_ellipsoid_has_shares_alone() -> None:
    local = 'LOCAL_CS["site",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
    areas = PixelAreas(Grid(local, (1, 0, 0, 0, -1, 0), (2, 2)))
    coverage = Classification(("a", "b"), ("#000000", "#ffffff")).coverage(areas.known)
    coverage.add(np.array([[0, 0], [0, 1]], np.uint8), areas.window(0, 0, (2, 2)))
    found = coverage.by_class()
    assert [(each.pixels, each.share, each.hectares) for each in found] == [(3, 0.75, None), (1, 0.25, None)]


def test_coverage_sums_the_pixels_of_each_class_over_blocks() -> None:
    grid = Grid("EPSG:4326", (0.5, 0, 0, 0, -0.5, 70), (100, 40))
    ids = np.random.default_rng(0).integers(0, 3, grid.shape).astype(np.uint8)
    ids[:5] = UNLABELLED
    areas = PixelAreas(grid)
    coverage = Classification(tuple("abc"), ("#000000",) * 3).coverage(areas.known)
    for row, column, (height, width) in grid.tiles((30, 17)):
        block = ids[row : row + height, column : column + width]
        coverage.add(block, areas.window(row, column, block.shape))
    true = np.array([between_parallels(70 - (row + 1) / 2, 70 - row / 2, 0.5) for row in range(100)])
    for class_id, each in enumerate(coverage.by_class()):
        assert each.pixels == (ids == class_id).sum()
        expected = (true[:, np.newaxis] * (ids == class_id)).sum()
        assert each.hectares == pytest.approx(expected, rel=1e-3)
        assert each.share == pytest.approx(expected / (true[:, np.newaxis] * (ids != UNLABELLED)).sum(), rel=1e-3)
