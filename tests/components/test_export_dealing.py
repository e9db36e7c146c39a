"""Blocks are dealt so that every split can have every class, where the classes lie in places enough."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from components.export_examples.planning import blocks, dealing, plan
from components.export_examples.planning.dealing import Candidates
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
