"""Distances between patches of different splits are exact: those that shapely finds among all pairs."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from earthline import separation
from earthline.grid import Grid

GRID = Grid("EPSG:32632", (10, 0, 6e5, 0, -20, 5e6), (3000, 3000))


def outlines(corners, shape):
    return shapely.box(corners[:, 1], corners[:, 0], corners[:, 1] + shape[1], corners[:, 0] + shape[0])


@given(st.integers(1, 400), st.integers(1, 60), st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6))
def test_the_nearest_is_found_among_all(count, others, height, width, seed):
    random = np.random.default_rng(seed)
    side = int(random.choice([50, 300, 2900]))
    train, other = random.integers(0, side, (count, 2)), random.integers(0, side, (others, 2))
    shape = (height, width)
    # Rows are twice as long as columns on the ground.
    ground = [outlines(each * [2, 1], (2 * height, width)) for each in (train, other)]
    expected = 10 * shapely.distance(ground[1][:, None], ground[0][None]).min(axis=1)
    np.testing.assert_allclose(separation.metres(GRID, shape, train, other), expected, atol=1e-6)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 30), st.integers(1, 30), st.integers(0, 40))
def test_every_patch_that_is_too_close_is_found(count, others, height, width, gap):
    random = np.random.default_rng(gap)
    one, other = random.integers(0, 200, (count, 2)), random.integers(0, 200, (others, 2))
    between = np.maximum(np.abs(one[:, None] - other[None]) - (height, width), -1).max(axis=-1)
    expected = (between < gap).any(axis=1)
    found, nearest = separation.too_close(one, other, (height, width), gap)
    assert found.tolist() == np.flatnonzero(expected).tolist()
    assert (between[found, nearest] < gap).all()


def test_a_turned_grid_measures_as_one_that_lies_straight():
    turned = Grid("EPSG:32632", (6.0, 8.0, 6e5, 8.0, -6.0, 5e6), (100, 100))
    straight = Grid("EPSG:32632", (10.0, 0.0, 6e5, 0.0, -10.0, 5e6), (100, 100))
    random = np.random.default_rng(1)
    train, other = random.integers(0, 90, (20, 2)), random.integers(0, 90, (20, 2))
    found = [separation.metres(grid, (5, 7), train, other) for grid in (turned, straight)]
    np.testing.assert_allclose(*found, atol=1e-6)


def test_without_training_patches_nothing_is_known():
    assert separation.least(GRID, (8, 8), {"test": np.array([[0, 0]])}) == {}
    there = {"train": np.array([[0, 0]]), "test": np.array([[0, 18]]), "validation": np.empty((0, 2), np.int64)}
    assert separation.least(GRID, (8, 8), there) == pytest.approx({"test": 100.0})
