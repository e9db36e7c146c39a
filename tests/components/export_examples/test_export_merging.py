"""Patches are merged into windows where that costs less, and only there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.export_examples.fetching.merging import DEFAULT, SMALL, SPARE, Costs, Limits, merge

CORNERS = st.lists(st.tuples(st.integers(-50, 900), st.integers(0, 900)), min_size=1, max_size=60, unique=True)
SHAPES = st.tuples(st.integers(1, 90), st.integers(1, 90))
COSTS = st.builds(Costs, request=st.floats(1e-3, 10), megapixel=st.floats(1e-3, 1e3))
LIMITS = st.builds(Limits, pixels=st.integers(0, 400_000), side=st.integers(1, 1000))


def sets(windows):
    return {(box, frozenset(places.tolist())) for box, places in windows}


@given(CORNERS, SHAPES, LIMITS, COSTS, st.integers(1, 40))
def test_every_patch_is_in_one_window_that_is_worth_it(corners, shape, limits, costs, concurrency):
    corners, (height, width) = np.array(corners), shape
    windows = merge(corners, shape, limits, costs, concurrency)
    assert sorted(np.concatenate([places for _, places in windows]).tolist()) == list(range(len(corners)))
    pixels = []
    for (top, left, bottom, right), places in windows:
        mine = corners[places]
        assert (top, left) == tuple(mine.min(axis=0)) and (bottom, right) == tuple(mine.max(axis=0) + shape)
        area = (bottom - top) * (right - left)
        pixels.append(area)
        if len(places) > 1:
            assert area <= limits.pixels and max(bottom - top, right - left) <= limits.side
            assert area <= max(SMALL, (1 + SPARE) * len(places) * height * width)
            assert costs.of(area) <= len(places) * costs.of(height * width) * (1 + 1e-9)
    assert pixels == sorted(pixels, reverse=True)
    assert windows.pixels == sum(pixels)


@given(CORNERS, SHAPES, st.randoms(use_true_random=False))
def test_the_order_of_patches_changes_nothing(corners, shape, random):
    order = list(range(len(corners)))
    random.shuffle(order)
    limits = Limits(100_000)
    straight = merge(np.array(corners), shape, limits, DEFAULT, 4)
    mixed = merge(np.array(corners)[order], shape, limits, DEFAULT, 4)
    assert sets(straight) == {(box, frozenset(order[place] for place in places)) for box, places in sets(mixed)}


def draw(number, side):
    return np.unique(np.random.default_rng(3).integers(0, side, (number, 2)), axis=0)


@pytest.mark.parametrize(
    ("side", "least", "most"),
    # 2,000 patches of 64 x 64 pixels: on ground that they cover a hundredth of, and on ground that they cover 8 times.
    [(30_000, 0.9, 1.0), (1_000, 0.0, 0.05)],
)
def test_scattered_patches_stay_single_and_dense_ones_are_merged(side, least, most):
    corners = draw(2_000, side)
    windows = merge(corners, (64, 64), Limits.of(52, 60, DEFAULT), DEFAULT, 20)
    assert least * len(corners) < len(windows) <= most * len(corners)
    # Where patches overlap, less is computed than for one after the other.
    assert windows.pixels <= 1.1 * len(corners) * 64 * 64


def test_neighbours_on_both_sides_of_any_line_are_merged():
    # Where the first grid's cells are parted, and somewhere else.
    for middle in (512, 341, 700):
        corners = np.array([[0, 0], [0, middle - 64], [0, middle], [0, 1024]])
        windows = merge(corners, (64, 64), Limits(10**6), DEFAULT, 1)
        assert (0, middle - 64, 64, middle + 64) in [box for box, _ in windows]


def test_little_work_is_spread_over_all_requests_that_may_be_under_way():
    corners = np.stack(np.mgrid[0:2048:64, 0:2048:64], axis=-1).reshape(-1, 2)
    for concurrency in (1, 8, 32):
        windows = merge(corners, (64, 64), Limits(10**9), DEFAULT, concurrency)
        assert 2 * concurrency <= len(windows) < len(corners) / 2


def test_limits_follow_bytes_and_seconds():
    assert Limits.of(4, 1, Costs(1, 1e-6)).pixels == 50_331_648 // 4
    assert Limits.of(4, 64, Costs(1, 1e-6)).pixels == (512 << 20) // 64 // 4
    assert Limits.of(4, 1, Costs(5, 100)).pixels == 250_000


def test_no_patches_are_no_windows():
    assert len(merge(np.zeros((0, 2), np.int32), (8, 8), Limits(100), DEFAULT, 4)) == 0
