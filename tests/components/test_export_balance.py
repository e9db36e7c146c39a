"""Chosen patches are balanced over classes, distinct, and the same for the same seed."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from components.export_examples.planning.points import balance

places = st.tuples(st.integers(0, 30), st.integers(0, 30))


@example({0: [(0, 0), (0, 3)], 1: [(0, 1), (0, 2)], 2: [(0, 0), (0, 1)]}, 4)
@given(st.dictionaries(st.integers(0, 5), st.lists(places, max_size=40), min_size=1), st.integers(1, 80))
def test_choice_is_distinct_bounded_and_reproducible(candidates, most):
    chosen = balance(candidates, most, np.random.default_rng(3))
    every = {place for of_class in candidates.values() for place in of_class}
    assert len(chosen) == len(set(chosen)) == min(most, len(every))
    assert set(chosen) <= every
    assert chosen == balance(candidates, most, np.random.default_rng(3))


def test_a_scarce_class_gives_what_it_has_and_the_others_share_the_rest():
    candidates = {
        0: [(0, column) for column in range(100)],
        1: [(1, column) for column in range(4)],
        2: [(2, column) for column in range(100)],
    }
    rows = [row for row, _ in balance(candidates, 60, np.random.default_rng(0))]
    assert [rows.count(class_id) for class_id in range(3)] == [28, 4, 28]
