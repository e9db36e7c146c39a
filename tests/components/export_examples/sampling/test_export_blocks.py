"""Splits never touch, patches never leave the region: for any shape of region, blocks and patches."""

from itertools import combinations

import numpy as np
import pytest
import shapely
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from components.export_examples.planning import blocks, dealing, plan
from components.export_examples.planning.blocks import SplitError
from earthline.config import Export
from earthline.formats.manifest import SPLITS
from earthline.grid import Grid

sides = st.integers(1, 9)


def covered(shape, polygon):
    """Middle pixels (row, column) of the grid whose centre lies in the polygon."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    inside = shapely.contains_xy(polygon, columns.ravel() + 0.5, rows.ravel() + 0.5)
    return np.argwhere(inside.reshape(shape))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.integers(1, 40))
def test_blocks_cover_the_grid_once(height, width, block_height, block_width):
    cut = blocks.blocks((height, width), (block_height, block_width))
    assert shapely.union_all(cut).equals(shapely.box(0, 0, width, height))
    assert sum(block.area for block in cut) == height * width
    for block in cut:
        left, top, right, bottom = block.bounds
        assert bottom - top >= min(block_height, height)
        assert right - left >= min(block_width, width)


@given(
    st.integers(3, 400), st.integers(0, 5), st.sampled_from([(0.6, 0.15, 0.25), (0.98, 0.01, 0.01), (0.4, 0.3, 0.3)])
)
def test_blocks_are_dealt_by_shares_and_none_goes_without(count, seed, shares):
    dealt = dealing.deal(count, dict(zip(SPLITS, shares, strict=True)), seed).tolist()
    assert dealt == dealing.deal(count, dict(zip(SPLITS, shares, strict=True)), seed).tolist()
    for place, share in enumerate(shares):
        assert dealt.count(place) >= 1
        if all(share * count >= 1 for share in shares):
            assert abs(dealt.count(place) - share * count) <= 1


def test_too_few_blocks_name_the_split_and_the_key():
    with pytest.raises(SplitError, match=r"export\.block_shape: empty split 'test'.*2 block"):
        dealing.deal(2, {"train": 0.6, "validation": 0.15, "test": 0.25}, 0)


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 70), st.integers(20, 70), sides, sides, st.integers(0, 50))
@example(60, 60, 7, 2, 1)
@example(60, 60, 1, 9, 1)
def test_patches_of_different_splits_keep_the_gap_and_stay_inside(height, width, patch_height, patch_width, seed):
    export = Export(
        patch_shape=(patch_height, patch_width), block_shape=(2 * patch_height + 3, 2 * patch_width + 5), seed=seed
    )
    grid = Grid("EPSG:32119", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), (height, width))
    try:
        areas = plan.split_areas(grid, export)
    except SplitError as error:
        assume("empty split" not in str(error))
        raise
    corners = {}
    for split in SPLITS:
        middle = covered(grid.shape, blocks.centers(areas[split], export.patch_shape))
        corners[split] = middle - (patch_height // 2, patch_width // 2)
        assert len(middle), "a split that has room has a patch"
        for row, column in corners[split]:
            patch = shapely.box(column, row, column + patch_width, row + patch_height)
            assert areas[split].covers(patch)
        assert corners[split].min() >= 0
        assert (corners[split] <= np.array(grid.shape) - export.patch_shape).all()
    for one, two in combinations(SPLITS, 2):
        apart = np.abs(corners[one][:, None] - corners[two][None]) - export.patch_shape
        assert apart.max(axis=-1).min() >= plan.gap(export)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 12)] * 4), min_size=1, max_size=4), sides, sides)
def test_centers_hold_exactly_the_patches_that_fit(corners, patch_height, patch_width):
    rectangles = [shapely.box(x, y, x + w + 1, y + h + 1) for x, y, w, h in corners]
    area = shapely.union_all(rectangles)
    shape = (40, 40)
    allowed = {tuple(place) for place in covered(shape, blocks.centers(area, (patch_height, patch_width))).tolist()}
    for row in range(shape[0] - patch_height):
        for column in range(shape[1] - patch_width):
            fits = area.covers(shapely.box(column, row, column + patch_width, row + patch_height))
            assert fits == ((row + patch_height // 2, column + patch_width // 2) in allowed)


def test_given_regions_keep_the_whole_gap_from_each_other():
    parts = {
        "train": [shapely.box(0, 0, 50, 100)],
        "validation": [shapely.box(50, 0, 100, 50)],
        "test": [shapely.box(53, 53, 100, 100)],
    }
    areas = blocks.separated(parts, 8)
    for one, two in combinations(SPLITS, 2):
        assert areas[one].distance(areas[two]) >= 8
    assert areas["test"].equals(parts["test"][0])


def test_a_patch_larger_than_the_region_is_refused():
    grid = Grid("EPSG:32119", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), (60, 40))
    with pytest.raises(SplitError, match=r"export\.patch_shape: \[64, 64\] is larger than the region.*60 x 40"):
        plan.split_areas(grid, Export(patch_shape=(64, 64)))


def test_a_split_without_room_for_a_patch_is_named():
    grid = Grid("EPSG:32119", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), (18, 54))
    with pytest.raises(SplitError, match=r"export\.block_shape: empty split '\w+'"):
        plan.split_areas(grid, Export(patch_shape=(9, 9), block_shape=(18, 18)))


def test_blocks_and_buffer_in_metres_are_pixels_of_the_ground():
    export = Export(block_size=1000.0, buffer=95.0, patch_shape=(16, 16))
    metric = Grid("EPSG:32632", (10.0, 0.0, 500_000, 0.0, -20.0, 5_000_000), (200, 200))
    found = plan.settled(export, metric)
    # Rows of 20 m and columns of 10 m, and a little more on the ground: the projection is 0.9996 of it.
    assert found.block_shape == (50, 100) and plan.gap(found) == 10
    degrees = Grid("EPSG:4326", (0.0001, 0.0, 10.0, 0.0, -0.0001, 60.0), (200, 200))
    found = plan.settled(export, degrees)
    # At 60 degrees north a ten-thousandth of a degree is 11.1 m of latitude and 5.6 m of longitude.
    assert found.block_shape == (90, 180) and plan.gap(found) == 18
    assert plan.settled(found, degrees) == found
    assert plan.gap(plan.settled(Export(), metric)) == 64
    assert plan.gap(Export(buffer_pixels=0)) == 0


def test_blocks_in_metres_that_hold_no_patch_beside_the_buffer_are_refused():
    grid = Grid("EPSG:32119", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0), (400, 400))
    with pytest.raises(
        SplitError, match=r"export\.block_size: .*blocks are 31 x 31 pixels.*64 x 64.*blocks of 1,2\d\d m"
    ):
        plan.settled(Export(block_size=300.0), grid)
    with pytest.raises(SplitError, match=r"export\.buffer: .*a buffer of \d+ need.*or a smaller buffer"):
        plan.split_areas(grid, Export(buffer=5000.0), None)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(0, 20), st.integers(0, 50))
def test_any_buffer_is_kept(patch, buffer, seed):
    export = Export(patch_shape=(patch, patch), buffer_pixels=buffer, block_shape=(2 * patch + buffer,) * 2, seed=seed)
    grid = Grid("EPSG:32119", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), (90, 90))
    areas = plan.split_areas(grid, export)
    corners = {
        split: covered(grid.shape, blocks.centers(areas[split], export.patch_shape)) - patch // 2 for split in SPLITS
    }
    for one, two in combinations(SPLITS, 2):
        between = (np.abs(corners[one][:, None] - corners[two][None]) - patch).max(axis=-1).min()
        assert between >= buffer
