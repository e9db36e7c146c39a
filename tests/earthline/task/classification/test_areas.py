"""Areas from a map and a sample of its errors."""

import numpy as np
import pytest

from earthline.task.classification.areas import adjusted

# Olofsson et al. 2014, table 8: rows are map classes, columns are the reference's; and the map's pixels.
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
MAPPED = np.array([200_000, 150_000, 3_200_000, 6_450_000])


def test_areas_are_those_of_olofsson_s_example() -> None:
    # Each pixel of the sample is a group of its own.
    cells = np.repeat(np.arange(16), COUNTS.ravel())
    groups = np.eye(16)[cells].reshape(-1, 4, 4)
    found = adjusted(MAPPED, groups)
    hectares = 30**2 / 10_000
    assert np.round(found.value * hectares).tolist() == [21_158, 11_686, 285_770, 581_386]
    # Groups do not know that each class had a fixed number of pixels; that makes next to no difference.
    assert 1.96 * found.error * hectares == pytest.approx([6_158, 3_756, 15_510, 16_282], rel=0.02)


def test_intervals_of_areas_hold_the_truth() -> None:
    random, held, draws = np.random.default_rng(5), np.zeros(2), 600
    # A map that takes a tenth of class 1 for class 0, and blocks that differ in how much there is of both.
    truth = np.array([0.64, 0.36])
    mapped = np.array([0.64 * 0.95 + 0.36 * 0.1, 0.64 * 0.05 + 0.36 * 0.9])
    for _ in range(draws):
        one = random.beta(3.6, 6.4, 12)
        ground = random.gamma(20, 1, 12)
        spread = random.beta(2, 18, 12)
        groups = np.zeros((12, 2, 2))
        groups[:, 0, 0], groups[:, 1, 0] = (1 - one) * 0.95 * ground, (1 - one) * 0.05 * ground
        groups[:, 0, 1], groups[:, 1, 1] = one * spread * ground, one * (1 - spread) * ground
        found = adjusted(mapped, groups)
        low, high = found.bounds(0.95)
        held += (low <= truth) & (truth <= high)
    assert (held / draws >= 0.92).all() and (held / draws <= 0.97).all()


def test_ground_that_the_sample_never_saw_mapped_stays_with_its_class() -> None:
    groups = np.zeros((5, 3, 3))
    groups[:, 0, 0], groups[:, 0, 1], groups[:, 1, 1] = 8, 2, 10
    found = adjusted(np.array([100.0, 50.0, 7.0]), groups)
    assert found.value == pytest.approx([80, 70, 7]) and found.value.sum() == pytest.approx(157)
    assert np.isnan(adjusted(np.array([100.0, 50.0, 7.0]), groups[:1]).error).all()
