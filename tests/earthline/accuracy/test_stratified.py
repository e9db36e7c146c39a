"""Ratios from stratified samples: the papers' worked examples, to their printed digits or by their equations."""

import numpy as np
import pytest

from earthline.accuracy.stratified import Sample, clusters

Z = 1.96

# Olofsson et al. 2014, table 8: rows are map classes, which are the strata; columns are the reference's.
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
MAPPED = np.array([200_000, 150_000, 3_200_000, 6_450_000])


def olofsson() -> tuple[Sample, np.ndarray, np.ndarray]:
    """The sample, and each pixel's map and reference class as indicators (pixels, classes)."""
    mapped, reference = (np.repeat(np.indices((4, 4))[axis].ravel(), COUNTS.ravel()) for axis in (0, 1))
    return Sample(mapped, MAPPED, whole=False), np.eye(4)[mapped], np.eye(4)[reference]


def test_accuracy_of_olofsson_s_example() -> None:
    sample, mapped, reference = olofsson()
    right = mapped * reference
    overall = sample.ratios(right.sum(axis=1), np.ones(len(right)))
    assert (round(float(overall.value), 2), round(Z * float(overall.error), 2)) == (0.95, 0.02)
    user = sample.ratios(right, mapped)
    assert np.round(user.value, 2).tolist() == [0.88, 0.73, 0.93, 0.96]
    assert np.round(Z * user.error, 2).tolist() == [0.07, 0.10, 0.04, 0.02]
    producer = sample.ratios(right, reference)
    assert np.round(producer.value, 2).tolist() == [0.75, 0.85, 0.93, 0.96]
    # Their errors by the paper's equation 7, written out.
    each, of_map = COUNTS / COUNTS.sum(axis=1, keepdims=True), COUNTS.sum(axis=1) - 1
    of_class, users = MAPPED @ each, np.diagonal(each)
    spread = MAPPED[:, np.newaxis] ** 2 * each * (1 - each) / of_map[:, np.newaxis]
    producers = MAPPED * users / of_class
    others = spread.sum(axis=0) - np.diagonal(spread)
    variance = ((1 - producers) ** 2 * np.diagonal(spread) + producers**2 * others) / of_class**2
    assert producer.error == pytest.approx(np.sqrt(variance))


def test_areas_of_olofsson_s_example() -> None:
    sample, mapped, reference = olofsson()
    area = sample.ratios(reference, np.ones_like(reference))
    assert round(float(area.value[0]) * MAPPED.sum()) == 235_086
    assert (round(float(area.value[0]), 3), round(float(area.error[0]), 4)) == (0.024, 0.0035)
    hectares = MAPPED.sum() * 30**2 / 10_000
    assert np.round(area.value * hectares).tolist() == [21_158, 11_686, 285_770, 581_386]
    assert np.round(Z * area.error * hectares).tolist() == [6_158, 3_756, 15_510, 16_282]
    shares = sample.ratios(mapped, np.ones_like(mapped))
    assert shares.value == pytest.approx(MAPPED / MAPPED.sum()) and shares.error == pytest.approx(0, abs=1e-12)


# Stehman 2014, table 2: stratum, map class and reference class of 40 sampled pixels.
STRATA = "A" * 10 + "B" * 10 + "C" * 10 + "D" * 10
MAP = "AAAAAAABBB" + "ABBBBBBBBB" + "BBCCCCCCBB" + "DDDDDDDDDD"
REFERENCE = "AAAAACBABC" + "ABBBBBAABB" + "CCCCCDDBBA" + "DDDDDDDCCB"
PIXELS = np.array([40_000, 30_000, 20_000, 10_000])


def test_stehman_s_example() -> None:
    strata, mapped, reference = (np.array(["ABCD".index(name) for name in text]) for text in (STRATA, MAP, REFERENCE))
    sample, every = Sample(strata, PIXELS), np.ones(40)
    is_map, is_reference = np.eye(4)[mapped], np.eye(4)[reference]
    right = is_map * is_reference
    found = {
        "area of A": sample.ratios(is_reference[:, 0], every),
        "area of C": sample.ratios(is_reference[:, 2], every),
        "overall accuracy": sample.ratios(right.sum(axis=1), every),
        "user's accuracy of B": sample.ratios(right[:, 1], is_map[:, 1]),
        "producer's accuracy of B": sample.ratios(right[:, 1], is_reference[:, 1]),
        "cell (B, C)": sample.ratios(is_map[:, 1] * is_reference[:, 2], every),
    }
    assert {name: (round(float(each.value), 3), round(float(each.error), 3)) for name, each in found.items()} == {
        "area of A": (0.35, 0.082),
        "area of C": (0.2, 0.064),
        "overall accuracy": (0.63, 0.085),
        "user's accuracy of B": (0.574, 0.125),
        "producer's accuracy of B": (0.794, 0.117),
        "cell (B, C)": (0.08, 0.048),
    }


def test_what_a_sample_cannot_tell_is_not_told() -> None:
    strata = np.array([0, 0, 0, 1])
    sample = Sample(strata, np.array([30, 10, 5]))
    nothing = sample.ratios(np.zeros(4), np.zeros(4))
    assert np.isnan(nothing.value) and np.isnan(nothing.error)
    # Of the third stratum nothing was drawn, of the second one unit, which counts with its distance.
    one = sample.ratios(np.array([1.0, 0.0, 1.0, 1.0]), np.ones(4))
    assert float(one.value) == pytest.approx(0.75) and float(one.error) > 0
    perfect = sample.ratios(np.ones(4), np.ones(4))
    assert float(perfect.value) == 1 and np.isnan(perfect.bounds(0.95)).all()
    assert np.isnan(clusters(1).ratios(np.array([0.5]), np.array([1.0])).bounds(0.95)).all()
    # All of the ground was looked at: nothing is left to chance.
    census = Sample(np.zeros(4, int), np.array([4])).ratios(np.array([1.0, 0.0, 1.0, 1.0]), np.ones(4))
    assert (float(census.value), float(census.error)) == (0.75, 0)
