"""Errors and means of all ground, from patches that were drawn so that rare values are seen."""

import numpy as np
import pytest

from earthline.accuracy.patch_sample import PatchSample
from earthline.accuracy.stratified import Sample
from earthline.task.bootstrap import Bootstrap
from earthline.task.regression.card import card_lines
from earthline.task.regression.errors import ErrorDetails
from earthline.task.regression.estimates import CONFIDENCE, GroundErrors, estimated
from earthline.task.regression.intervals import measured
from earthline.task.regression.task import Regression

PIXELS, BLOCKS = 16, 12


def drawn(random: np.random.Generator) -> tuple[PatchSample, np.ndarray, np.ndarray]:
    """Blocks of ground in which one patch in ten is high; as many high patches as low ones are drawn."""
    labels, mapped, block, strata, sizes = [], [], [], [], []
    for number in range(BLOCKS):
        level = random.normal(0, 1)
        for stratum, mean in enumerate((10.0, 40.0)):
            for _ in range(3):
                values = mean + level + random.normal(0, 2, PIXELS)
                labels.append(values)
                mapped.append(values + (-6 if stratum else 1) + random.normal(0, 1, PIXELS))
                block.append(number)
                strata.append(2 * number + stratum)
        sizes += [90.0, 10.0]
    patch = np.repeat(np.arange(len(labels)), PIXELS)
    sample = PatchSample(
        held=np.ones((len(labels), 4, 4), bool),
        patches=Sample(np.array(strata), np.array(sizes)),
        patch=patch,
        block=np.repeat(block, PIXELS),
        share=np.ones(len(patch)),
    )
    return sample, np.concatenate(labels).astype(np.float32), np.concatenate(mapped).astype(np.float32)


def test_rare_values_that_were_drawn_often_count_for_their_ground() -> None:
    sample, labels, mapped = drawn(np.random.default_rng(0))
    found = estimated(sample, labels, mapped)
    # Nine parts in ten are too high by 1, one is too low by 6; a plain mean of test pixels would be -2.5.
    assert found.bias.value == pytest.approx(0.9 * 1 - 0.1 * 6, abs=0.1)
    assert found.rmse.value == pytest.approx((0.9 * 2 + 0.1 * 37) ** 0.5, rel=0.05)
    assert found.label_mean.value == pytest.approx(0.9 * 10 + 0.1 * 40, abs=1)
    assert found.map_mean.value - found.label_mean.value == pytest.approx(found.bias.value, abs=1e-5)
    for each in (found.bias, found.rmse, found.label_mean):
        assert each.interval is not None and each.interval.low < each.value < each.interval.high
    assert GroundErrors.model_validate_json(found.model_dump_json()) == found


def test_intervals_hold_the_mean_as_often_as_they_say() -> None:
    held = 0
    for seed in range(300):
        found = estimated(*drawn(np.random.default_rng(seed))).label_mean
        assert found.interval is not None
        held += found.interval.low <= 13 <= found.interval.high
    assert 0.92 <= held / 300 <= 0.98 and CONFIDENCE == 0.95


def test_they_stand_beside_the_errors_of_test_pixels() -> None:
    task = Regression("height", "m", (0.0, 60.0), (25.0,))
    sample, labels, mapped = drawn(np.random.default_rng(1))
    scores = task.scores(task.tally(labels, mapped, sample.block), Bootstrap(BLOCKS, 0.9, 0))
    both = scores.model_copy(update={"details": {**scores.details, **task.estimates(sample, labels, mapped)}})
    assert ErrorDetails.of(both).estimated == estimated(sample, labels, mapped)


def test_the_card_tells_all_ground_intervals_and_where_the_map_is_not_to_be_believed() -> None:
    sample, labels, mapped = drawn(np.random.default_rng(0))
    task = Regression("height", "m", (0.0, 60.0), (), colors=("#000000", "#ffffff"))
    bootstrap = Bootstrap(BLOCKS, 0.9, 0)
    scores = task.scores(task.tally(labels, mapped, sample.block), bootstrap)
    details = ErrorDetails.of(scores)
    coverage = task.coverage(True)
    coverage.add(np.array([[-3.0, -1.0, 20.0, 61.0]], np.float32), np.full((1, 4), 0.01))
    bounds = np.stack([labels - 1, labels + (labels < 30)], axis=1)
    held = measured(labels, bounds, ("q0.05", "q0.95"), sample.block, bootstrap)
    known = details.model_copy(update={"estimated": estimated(sample, labels, mapped)})
    text = "\n".join(card_lines(known, held, coverage.shown()))
    assert (
        f"On all ground, 95 % intervals from {BLOCKS} test blocks" in text and "| bias (map minus label) | 0." in text
    )
    assert "Intervals of 90 % hold 100.0 % of the test labels" in text
    assert "mean 19.25 m" in text and "from -3 to 61 m" in text
    assert "- 2 of 4 mapped pixels (50.0 %) lie below the range of labels, 0 to 60 m" in text
    assert "- 1 of 4 mapped pixels (25.0 %) lie above" in text
    first, last = (part for part in (details.parts[0], [each for each in details.parts if each.pixels][-1]))
    assert first.bias > 0.5 and last.bias < -5
    assert f"ends: {first.bias:+.4g} m where labels are 0 to 6 ({first.pixels:,} pixels), {last.bias:+.4g} m" in text
    text = "\n".join(card_lines(details, None, coverage.shown()))
    assert "Nobody knows with what chance test patches were drawn" in text and "Intervals" not in text
