"""Blocks are dealt so that every split can have every class, where the classes lie in places enough."""

import hashlib

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from components.export_examples.planning import blocks, census, dealing, plan
from components.export_examples.planning.dealing import Candidates
from components.export_examples.planning.label_tiles import NOTHING, LabelTiles
from earthline.config import Export
from earthline.formats.manifest import SPLITS
from earthline.grid import Grid

SHARES = {"train": 0.6, "validation": 0.15, "test": 0.25}


def usable(areas, export, corners):
    """Which patches lie in the area of which split, (patches, splits)."""
    height, width = export.patch_shape
    boxes = shapely.box(corners[:, 1], corners[:, 0], corners[:, 1] + width, corners[:, 0] + height)
    return np.stack([shapely.covers(areas[split], boxes) for split in SPLITS], axis=1)


@settings(max_examples=30)
@given(st.integers(40, 90), st.integers(40, 90), st.integers(1, 8), st.integers(0, 99))
def test_a_patch_counts_for_a_split_where_its_area_holds_it(height, width, patch, seed):
    export = Export(patch_shape=(patch, patch), block_shape=(2 * patch + 4, 2 * patch + 1), seed=seed)
    grid = Grid("EPSG:32119", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), (height, width))
    random = np.random.default_rng(seed)
    corners = np.stack([random.integers(0, side - patch + 1, 300) for side in grid.shape], axis=1)
    touched, count = dealing._touched(corners, grid.shape, export.block_shape, export.patch_shape, -(-patch // 2))
    owners = dealing.deal(count, SHARES, seed)
    cut = blocks.blocks(grid.shape, export.block_shape)
    assert count == len(cut)
    parts = {split: [cut[index] for index in np.flatnonzero(owners == place)] for place, split in enumerate(SPLITS)}
    inside = usable(blocks.areas(parts, plan.gap(export)), export, corners)
    mine = owners[touched]
    counted = (mine == mine[:, :1]).all(axis=1)
    np.testing.assert_array_equal(counted, inside.any(axis=1))
    assert inside[counted, mine[counted, 0]].all()


@pytest.mark.parametrize("seed", range(6))
def test_a_class_in_three_clusters_is_in_every_split(seed):
    grid, export = Grid("EPSG:32119", (1, 0, 0, 0, -1, 0), (400, 600)), Export(patch_shape=(16, 16), seed=seed)
    export = export.model_copy(update={"block_shape": (50, 50)})
    random = np.random.default_rng(seed)
    common = np.stack([random.integers(0, side - 16, 3000) for side in grid.shape], axis=1)
    clusters = [(20, 20), (170, 320), (365, 566)]
    rare = [(row + a, column + b) for row, column in clusters for a in range(4) for b in range(4)]
    candidates = Candidates.of({0: [tuple(each) for each in common.tolist()], 1: rare})
    areas = plan.split_areas(grid, export, candidates, 2)
    inside = usable(areas, export, candidates.corners)
    for class_id in (0, 1):
        assert inside[candidates.strata == class_id].any(axis=0).all(), f"class {class_id} lacks a split"
    without = plan.split_areas(grid, export)
    again = plan.split_areas(grid, export, candidates, 2)
    assert all(areas[split].equals(again[split]) for split in SPLITS)
    assert sum(area.area for area in areas.values()) <= 400 * 600
    assert set(without) == set(areas)


def test_a_class_in_one_cluster_goes_to_train():
    grid, export = Grid("EPSG:32119", (1, 0, 0, 0, -1, 0), (400, 600)), Export(patch_shape=(16, 16))
    export = export.model_copy(update={"block_shape": (50, 50)})
    rare = [(170 + a, 320 + b) for a in range(4) for b in range(4)]
    for seed in range(5):
        chosen = export.model_copy(update={"seed": seed})
        candidates = Candidates.of({0: [(0, 0), (100, 100), (384, 584)], 1: rare})
        areas = plan.split_areas(grid, chosen, candidates, 2)
        inside = usable(areas, chosen, candidates.corners)[candidates.strata == 1]
        assert inside[:, SPLITS.index("train")].any()


def test_so_many_blocks_that_nothing_could_hold_them_are_refused():
    grid = Grid("EPSG:32632", (10, 0, 0, 0, -10, 0), (200_000, 200_000))
    with pytest.raises(blocks.SplitError, match=r"export\.block_shape: \[128, 128\].*2,439,844 blocks; use larger"):
        plan.split_areas(grid, Export(block_shape=(128, 128)))


def test_the_same_seed_gives_the_same_splits_for_ever():
    grid, export = Grid("EPSG:32632", (10, 0, 0, 0, -10, 0), (400, 600)), Export(patch_shape=(16, 16), seed=5)
    export = export.model_copy(update={"block_shape": (50, 50)})
    corners = np.stack([each.ravel() for each in np.mgrid[0:384:7, 0:584:11]], axis=1)
    candidates = Candidates(corners, (corners[:, 0] // 60 + corners[:, 1] // 90) % 3)
    areas = plan.split_areas(grid, export, candidates, 3)
    owners = "".join(
        str([areas[split].contains(shapely.Point(column + 25, row + 25)) for split in SPLITS].index(True))
        for row in range(0, 400, 50)
        for column in range(0, 600, 50)
    )
    assert hashlib.sha256(owners.encode()).hexdigest()[:16] == "e1a8d6da62db0b96"
    assert "".join(map(str, dealing.deal(20, SHARES, 3))) == "21000000021000222001"


@pytest.mark.parametrize("seed", range(4))
def test_swaps_are_counted_as_a_whole_deal_is(seed):
    """What the deal is worth after many swaps is what a fresh count of it gives."""
    random = np.random.default_rng(seed)
    shape, block, patch = (300, 300), (30, 30), (10, 10)
    corners = random.integers(0, 290, (4000, 2))
    strata = (corners[:, 0] // 25 + corners[:, 1] // 40) % 5
    counts = random.integers(1, 9, 4000)
    once = dealing.deal_by_stratum(Candidates(corners, strata, counts), 5, shape, block, patch, 10, SHARES, seed)
    many = Candidates(np.repeat(corners, counts, axis=0), np.repeat(strata, counts))
    assert once.tolist() == dealing.deal_by_stratum(many, 5, shape, block, patch, 10, SHARES, seed).tolist()


@settings(max_examples=20)
@given(st.integers(40, 90), st.integers(40, 90), st.integers(1, 8), st.integers(0, 99))
def test_the_census_counts_every_patch_once_with_the_blocks_that_it_touches(height, width, patch, seed):
    block, gap = (2 * patch + 4, 2 * patch + 1), patch
    random = np.random.default_rng(seed)
    labels = random.choice([0, 1, 2, NOTHING], (height, width)).astype(np.uint8)
    tiles = LabelTiles((height, width), 4)
    for row, column in ((0, 0), (0, 20), (30, 0), (30, 20)):
        part = labels[row : row + 30 if row == 0 else None, column : column + 20 if column == 0 else None]
        tiles.add((row, column, part.shape), part)
    found = census.candidates(tiles, 3, block, (patch, patch), gap)
    rows, columns = np.mgrid[0 : height - patch + 1, 0 : width - patch + 1]
    every = np.column_stack([rows.ravel(), columns.ravel()])
    middle = labels[every[:, 0] + patch // 2, every[:, 1] + patch // 2]

    def tally(corners, strata, counts):
        touched, _ = dealing._touched(corners, (height, width), block, (patch, patch), -(-gap // 2))
        keys, inverse = np.unique(np.column_stack([touched, strata]), axis=0, return_inverse=True)
        return keys.tolist(), np.bincount(inverse.ravel(), weights=counts).tolist()

    known = middle != NOTHING
    assert tally(found.corners, found.strata, found.counts) == tally(every[known], middle[known], np.ones(known.sum()))
