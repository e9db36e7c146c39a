"""The picture of a map is right side up, whatever way its rows run."""

import math
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from earthline.grid import Grid
from earthline.reports import pictures
from earthline.reports.maps import figure
from earthline.task.classification.task import Classification

RED = (215, 48, 31)


def with_red_start(height: int = 60, width: int = 80) -> np.ndarray:
    """A white picture whose first rows and, darker, first columns are red."""
    picture = np.full((height, width, 3), 255, np.uint8)
    picture[:, : width // 4] = (100, 0, 0)
    picture[: height // 4] = RED
    return picture


@pytest.mark.parametrize("down", [-10, 10])
@pytest.mark.parametrize("across", [10, -10])
def test_the_first_row_lies_where_the_grid_says(across: float, down: float) -> None:
    grid = Grid("EPSG:32632", (across, 0, 600_000, 0, down, 5_000_000), (60, 80))
    shown, (left, bottom, right, top) = pictures.north_up(with_red_start(), grid)
    assert (right - left, top - bottom) == (800, 600)

    def at(x: float, y: float) -> tuple[int, ...]:
        row, column = int((top - y) // 10), int((x - left) // 10)
        return tuple(shown[row, column].tolist())

    for row, column in ((0, 79), (14, 40), (15, 40), (59, 0), (30, 19), (30, 20)):
        assert at(*grid.center(row, column)) == tuple(with_red_start()[row, column].tolist())


@pytest.mark.parametrize("degrees", [20, 100, 200, 300])
@pytest.mark.parametrize("thinned", [1, 2])
def test_a_grid_that_lies_aslant_is_turned(degrees: float, thinned: int) -> None:
    cosine, sine = 10 * math.cos(math.radians(degrees)), 10 * math.sin(math.radians(degrees))
    grid = Grid("EPSG:32632", (cosine, sine, 600_000, sine, -cosine, 5_000_000), (60, 80))
    picture = with_red_start()
    shown, (left, bottom, _, top) = pictures.north_up(picture[::thinned, ::thinned], grid)
    side = (top - bottom) / shown.shape[0]
    right_places = 0
    for row in range(0, 60, 4):
        for column in range(0, 80, 4):
            x, y = grid.center(row, column)
            found = shown[int((top - y) / side), int((x - left) / side)]
            right_places += tuple(found.tolist()) == tuple(picture[row, column].tolist())
    assert right_places > 0.85 * 15 * 20  # at the seams a neighbour may be shown
    assert tuple(shown[0, 0].tolist()) == tuple(shown[-1, -1].tolist()) == pictures.MISSING_COLOR


def test_the_png_of_a_south_up_map_has_its_first_rows_below(tmp_path: Path) -> None:
    legend = Classification(("a",), ("#123456",))
    reds = []
    for down in (10, -10):
        grid = Grid("EPSG:32632", (10, 0, 600_000, 0, down, 5_000_000), (60, 80))
        figure.write(tmp_path / "map.png", with_red_start(), grid, legend, "title", "")
        image = matplotlib.image.imread(tmp_path / "map.png")[..., :3] * 255
        rows = np.nonzero((abs(image - RED) < 2).all(axis=-1).sum(axis=1) > 100)[0]
        reds.append(rows.mean() / image.shape[0])
    assert reds[0] > 0.6 and reds[1] < 0.4


def test_a_crs_without_a_code_is_named_shortly(tmp_path: Path) -> None:
    from pyproj import CRS

    wkt = CRS("+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs").to_wkt()
    grid = Grid(wkt, (463.3, 0, 1_111_950, 0, -463.3, 5_559_752), (60, 80))
    assert grid.crs_name == "Sinusoidal"
    figure.write(
        tmp_path / "map.png", with_red_start(), grid, Classification(("a",), ("#123456",)), "title", "source " * 90
    )
    assert matplotlib.image.imread(tmp_path / "map.png").shape[1] < 1.2 * figure.WIDTH * figure.DPI


def test_degrees_are_shown_as_wide_as_they_are(tmp_path: Path) -> None:
    # At 60 degrees north a degree of longitude is half as long as one of latitude.
    grid = Grid("EPSG:4326", (0.002, 0, 10, 0, -0.001, 60.03), (60, 60))
    figure.write(tmp_path / "map.png", with_red_start(60, 60), grid, Classification(("a",), ("#123456",)), "title", "")
    image = matplotlib.image.imread(tmp_path / "map.png")[..., :3] * 255
    red = (abs(image - RED) < 2).all(axis=-1)
    dark = (abs(image - (100, 0, 0)) < 2).all(axis=-1)
    width, height = red.sum(axis=1).max(), red.sum(axis=0).max() + dark.sum(axis=0).max()
    assert width / height == pytest.approx(1.0, abs=0.03)
