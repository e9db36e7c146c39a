"""Errors of predicted values against scikit-learn's, and what the gate makes of them."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from earthline.task.bootstrap import Bootstrap
from earthline.task.regression import figures, intervals
from earthline.task.regression.errors import ErrorDetails
from earthline.task.regression.intervals import IntervalDetails
from earthline.task.regression.losses import Quantile
from earthline.task.regression.task import Regression

TASK = Regression("height", "m", (0.0, 60.0), (20.0, 40.0))
BLOCKS = 6
RANDOM = np.random.default_rng(4)
LABELS = RANDOM.uniform(0, 60, 3000).astype(np.float32)
BLOCK = np.arange(3000) % BLOCKS
GOOD = (0.9 * LABELS + RANDOM.normal(1, 4, 3000)).astype(np.float32)


def test_metrics_are_scikit_learn_s_and_lie_in_their_intervals() -> None:
    found = TASK.scores(TASK.tally(LABELS, GOOD, BLOCK), Bootstrap(BLOCKS, 0.9, 0)).metrics
    expected = {
        "rmse": mean_squared_error(LABELS, GOOD) ** 0.5,
        "mae": mean_absolute_error(LABELS, GOOD),
        "r2": r2_score(LABELS, GOOD),
        "bias": float(np.mean(GOOD.astype(float) - LABELS)),
    }
    assert list(found) == list(TASK.measures)
    for name, value in expected.items():
        metric = found[name]
        assert metric.value == pytest.approx(value, rel=1e-5), name
        assert metric.interval is not None and metric.interval.low < metric.value < metric.interval.high


def test_r2_keeps_its_digits_where_labels_are_large_and_alike() -> None:
    task = Regression("height", "m", (100_000.0, 100_060.0), ())
    labels = LABELS.astype(np.float64) + 100_000
    scores = task.scores(task.tally(labels, GOOD.astype(np.float64) + 100_000, BLOCK), Bootstrap(BLOCKS, 0.9, 0))
    assert scores.metrics["r2"].value == pytest.approx(r2_score(LABELS, GOOD), rel=1e-5)


def test_errors_are_told_by_label_and_drawn() -> None:
    scores = TASK.scores(TASK.tally(LABELS, GOOD, BLOCK), Bootstrap(BLOCKS, 0.9, 0))
    details = ErrorDetails.of(scores)
    first = (LABELS >= 0) & (LABELS < 6)
    assert details.parts[0].pixels == first.sum() and details.parts[0].blocks == BLOCKS
    assert details.parts[0].bias == pytest.approx((GOOD - LABELS)[first].mean(), rel=1e-4)
    assert details.parts[0].bias > 0 > details.parts[-1].bias
    assert np.array(details.scatter).sum() == 3000
    assert figures.scatter(scores, TASK).startswith(b"\x89PNG")


def test_a_gain_is_the_share_by_which_an_error_is_smaller() -> None:
    half = (LABELS + (GOOD - LABELS) / 2).astype(np.float32)
    sums, other = (TASK.gate_sums(TASK.tally(LABELS, each, BLOCK)).sum(axis=0) for each in (half, GOOD))
    assert float(TASK.gain(sums, other, "rmse")) == pytest.approx(0.5, abs=1e-6)
    assert float(TASK.gain(other, sums, "rmse")) == pytest.approx(-1, abs=1e-5)
    assert float(TASK.gain(sums, other, "bias")) == pytest.approx(0.5, abs=1e-5)
    gained = float(TASK.gain(sums, other, "r2"))
    assert gained == pytest.approx(r2_score(LABELS, half) - r2_score(LABELS, GOOD), abs=1e-6) and gained > 0
    right = TASK.gate_sums(TASK.tally(LABELS, LABELS, BLOCK)).sum(axis=0)
    assert [float(TASK.gain(*pair, "rmse")) for pair in ((right, right), (sums, right))] == [0, -1]


def test_a_pixel_without_a_number_is_told() -> None:
    for nothing in (TASK.no_data, np.nan, np.inf):
        with pytest.raises(ValueError, match="no finite number for 1 of 2 test pixels"):
            TASK.tally(np.zeros(2, np.float32), np.array([0, nothing], np.float32), np.zeros(2, int))


def test_intervals_that_are_too_narrow_are_told() -> None:
    names = Quantile(interval=0.8).further
    assert names == ("q0.1", "q0.9")
    wide = np.stack([LABELS - 1.0, LABELS + 1.0], axis=1)
    wide[BLOCK < BLOCKS // 2] += 10
    found = intervals.measured(LABELS, wide, names, BLOCK, Bootstrap(BLOCKS, 0.9, 0))
    assert (found.wanted, found.held, found.below, found.above) == (0.8, 0.5, 0.5, 0)
    assert found.width == pytest.approx(2, rel=1e-5) and found.held_interval is not None
    assert "intervals of 80 % hold 50.0 %" in found.told(" m")
    assert found.told(" m").endswith("they are 2 m wide on average")
    beside = np.concatenate([wide, wide[:, :1]], axis=1)
    details = TASK.further_details(LABELS, beside, (*names, "dissimilarity"), BLOCK, Bootstrap(BLOCKS, 0.9, 0))
    assert IntervalDetails.model_validate(details["intervals"]) == found
    assert TASK.further_details(LABELS, wide[:, :0], (), BLOCK, Bootstrap(BLOCKS, 0.9, 0)) == {}
