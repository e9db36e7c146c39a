"""Patches are dealt to strata by weights: all of them, never more than there are, and as evenly as that allows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.export_examples.planning import allocation

cells = st.lists(st.tuples(st.floats(0, 100), st.integers(0, 50)), min_size=1, max_size=7)


@given(cells, st.integers(1, 200))
def test_all_are_dealt_and_no_stratum_gives_more_than_it_has(found, most):
    weights, room = (np.array(each) for each in zip(*found, strict=True))
    dealt = allocation.fill(weights, room, most)
    assert dealt.sum() == min(most, room.sum())
    assert (dealt >= 0).all() and (dealt <= room).all()


def test_a_scarce_class_gives_what_it_has_and_the_others_share_the_rest():
    assert allocation.fill(np.ones(3), np.array([100, 4, 100]), 60).tolist() == [28, 4, 28]


def test_parts_are_as_the_weights_and_each_stratum_has_a_variance():
    assert allocation.fill(np.array([900, 90, 10]), np.array([9000, 900, 100]), 1000).tolist() == [900, 90, 10]
    assert allocation.fill(np.array([9000, 900, 1]), np.array([9000, 900, 100]), 100).tolist() == [89, 9, 2]
    assert allocation.fill(np.array([1.0, 0.0]), np.array([5, 100]), 50).tolist() == [5, 45]


def test_neymans_allocation_has_the_least_variance():
    sizes, spread = np.array([800, 150, 50]), np.array([0.1, 0.4, 0.5])

    def variance(drawn):
        return (sizes**2 * spread**2 / drawn).sum()

    best = variance(allocation.fill(sizes * spread, sizes, 60))
    for weights in (np.ones(3), sizes, sizes * spread * [1.3, 1, 1], sizes * spread * [1, 1, 1.3]):
        assert best <= variance(allocation.fill(weights, sizes, 60)) * 1.0001


@pytest.mark.parametrize(("frame", "most"), [(100, 100), (7, 100), (10_500, 100), (10**9, 37), (1, 1)])
def test_a_grid_has_about_so_many_nodes(frame, most):
    down, across = allocation.spacing(frame, most)
    assert frame / (down * across) == pytest.approx(min(frame, most), rel=0.1, abs=0.5)
    assert abs(down - across) <= 1 + 0.1 * down


def test_a_reserve_is_never_more_than_there_is():
    wanted, frame = np.array([0, 5, 100, 100, 1_000_000]), np.array([9, 20, 150, 10**9, 10**9])
    assert allocation.reserve(wanted, frame).tolist() == [0, 15, 50, 410, 110_000]
