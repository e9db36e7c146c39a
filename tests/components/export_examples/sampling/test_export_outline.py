"""Planning inside an outline: only blocks that it touches are dealt, and patches are centred inside. Pure."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from components.export_examples.planning import blocks, features, plan
from components.export_examples.planning.blocks import SplitError
from components.export_examples.planning.dealing import Candidates
from components.export_examples.planning.features import LabelPixels
from earthline.config import Export
from earthline.formats.manifest import SPLITS
from earthline.grid import Grid

GRID = Grid("EPSG:32632", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0), (120, 160))
EXPORT = Export.model_validate({"patch_shape": [4, 4], "block_shape": [20, 20]})
CORNER = shapely.Polygon([(0, 0), (100, 0), (0, 100)])


def test_blocks_outside_go_with_the_nearest_one_inside() -> None:
    cut = blocks.blocks((60, 60), (20, 20))
    dealt, nearest = blocks.touched(cut, shapely.box(0, 0, 40, 20))
    assert dealt == 2 and nearest.tolist() == [0, 1, 1, 0, 1, 1, 0, 1, 1]
    assert blocks.touched(cut, None)[1].tolist() == list(range(9))
    assert blocks.touched(cut, shapely.box(100, 100, 110, 110))[0] == 0


def test_shares_hold_inside_the_outline() -> None:
    areas = plan.split_areas(GRID, EXPORT, outline=CORNER)
    whole = plan.split_areas(GRID, EXPORT)
    inside = {split: areas[split].intersection(CORNER).area for split in SPLITS}
    assert min(inside.values()) > 0
    # Of 15 blocks that the triangle touches, not of the grid's 48.
    assert inside["train"] > inside["test"] > 0
    assert areas != whole


@given(st.integers(0, 1000))
def test_every_split_has_ground_inside_whatever_the_seed(seed: int) -> None:
    export = EXPORT.model_copy(update={"seed": seed})
    random = np.random.default_rng(seed)
    corners = random.integers(0, 60, (200, 2))
    centred = shapely.contains_xy(CORNER, corners[:, 1] + 2.5, corners[:, 0] + 2.5)
    candidates = Candidates(corners[centred], random.integers(0, 2, int(centred.sum())))
    areas = plan.split_areas(GRID, export, candidates, 2, CORNER)
    for split in SPLITS:
        assert blocks.centers(areas[split], export.patch_shape).intersection(CORNER).area > 0


def test_an_outline_of_too_few_blocks_is_refused() -> None:
    with pytest.raises(SplitError, match=r"export.block_shape: empty split .* the region holds 2 block"):
        plan.split_areas(GRID, EXPORT, outline=shapely.box(2, 2, 38, 18))


def test_check_counts_the_blocks_that_are_dealt() -> None:
    assert plan.require_blocks(GRID, EXPORT) == 48
    assert plan.require_blocks(GRID, EXPORT, CORNER) == 15
    with pytest.raises(SplitError, match="the region holds 2 block"):
        plan.require_blocks(GRID, EXPORT, shapely.box(2, 2, 38, 18))


def test_label_pixels_outside_are_left_out() -> None:
    rows, columns = (each.ravel() for each in np.mgrid[0:120, 0:160])
    every = LabelPixels(rows, columns, np.zeros(len(rows), int), np.zeros(len(rows), int))
    chosen = features.inside(every, CORNER)
    assert len(chosen) == ((columns + rows + 1) < 100).sum()
    assert features.inside(every, None) is every
