"""How far distributions are apart: by hand, and against what theory says of all of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthline import drift

shares = st.lists(st.floats(0.01, 1), min_size=2, max_size=12)


def test_the_index_and_the_divergence_of_two_coins() -> None:
    fair, bent = np.array([0.5, 0.5]), np.array([0.75, 0.25])
    # By hand: (.75 - .5) ln(.75/.5) + (.25 - .5) ln(.25/.5) = .25 ln 3.
    assert drift.psi(bent, fair) == pytest.approx(0.25 * math.log(3))
    middle = 0.625 * math.log2(1 / 0.625) + 0.375 * math.log2(1 / 0.375)
    assert drift.jensen_shannon(bent, fair) == pytest.approx(
        middle - (1 + 0.75 * math.log2(4 / 3) + 0.25 * math.log2(4)) / 2
    )


def test_nothing_in_common_is_one_bit_and_a_finite_index() -> None:
    one, two = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert drift.jensen_shannon(one, two) == pytest.approx(1)
    assert drift.MAJOR_PSI < drift.psi(one, two) < 20


@given(shares)
def test_equal_distributions_are_not_apart_and_order_does_not_matter(values: list[float]) -> None:
    one, two = np.array(values), np.array(values[::-1])
    assert drift.psi(one, 3 * one) == pytest.approx(0, abs=1e-12)
    assert drift.jensen_shannon(one, one) == pytest.approx(0, abs=1e-12)
    assert drift.psi(one, two) == pytest.approx(drift.psi(two, one))
    assert 0 <= drift.jensen_shannon(one, two) <= 1


@given(shares, st.integers(0, 2**32 - 1))
def test_limits_of_both_mean_the_same_where_differences_are_small(values: list[float], seed: int) -> None:
    one = np.array(values) / sum(values)
    two = one * (1 + 0.01 * np.random.default_rng(seed).uniform(-1, 1, len(one)))
    two /= two.sum()
    if drift.psi(two, one) < 1e-9:
        return
    ratio = drift.psi(two, one) / drift.jensen_shannon(two, one)
    assert ratio == pytest.approx(drift.MAJOR_PSI / drift.MAJOR_DIVERGENCE, rel=0.01)


@pytest.mark.parametrize(
    ("moved", "meaning"), [(0.0, "none"), (0.15, "none"), (0.4, "moderate"), (0.8, "major"), (3.0, "major")]
)
def test_a_normal_distribution_that_moves_is_told_by_its_quantiles(moved: float, meaning: str) -> None:
    """Of two normal distributions the index is the square of how many stds their means are apart."""
    values = np.sort(np.random.default_rng(1).normal(size=100_000))
    percents = np.arange(0, 101, 5) / 100
    before, now = (np.quantile(each, percents) for each in (values, values + moved))
    edges = np.interp(drift.DECILES, percents, before)
    below = [drift.between(drift.shares_below(edges, each, percents)) for each in (now, before)]
    assert drift.shift(drift.psi(*below)) == meaning
    assert drift.psi(*below) == pytest.approx(moved**2, rel=0.25, abs=1e-6) or moved > 1


def test_values_that_many_pixels_share_lie_below_their_own_edge() -> None:
    percents = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    quantiles = np.array([0.0, 0.0, 0.0, 5.0, 10.0])
    found = drift.shares_below(np.array([-1.0, 0.0, 5.0, 7.5, 10.0, 11.0]), quantiles, percents)
    np.testing.assert_allclose(found, [0, 0.5, 0.75, 0.875, 1, 1])
