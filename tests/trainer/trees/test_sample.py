"""Which pixels trees learn from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthline.formats.task_record import TaskRecord
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification
from trainer.input import drawn_pixels
from trainer.trees import sample

TASK = Classification.of_record(
    TaskRecord(name="classification", output="probabilities", entries=("a", "b", "c"), kind="classes")
)


def label() -> np.ndarray:
    """Four patches: the first two lie on the same ground; one pixel in ten is of class 1, class 2 is rarer still."""
    random = np.random.default_rng(0)
    values = random.choice([0, 1, 2, UNLABELLED], size=(4, 20, 20), p=[0.6, 0.1, 0.01, 0.29]).astype(np.uint8)
    values[1] = values[0]
    return values


CORNER = np.array([(0, 0), (0, 0), (0, 20), (20, 0)])


def test_a_draw_takes_no_ground_twice_and_nothing_without_a_label() -> None:
    draw = drawn_pixels.drawn(label(), CORNER, TASK, most=10_000, balance=0.0, seed=1)
    assert draw.weights is None
    assert not draw.chosen[label() == UNLABELLED].any()
    assert not (draw.chosen[0] & draw.chosen[1]).any()
    every = label() != UNLABELLED
    assert draw.chosen.sum() == every[0].sum() + every[2:].sum()
    np.testing.assert_array_equal(
        draw.chosen, drawn_pixels.drawn(label(), CORNER, TASK, most=10_000, balance=0.0, seed=1).chosen
    )


def test_a_balanced_draw_weighs_each_pixel_by_what_it_stands_for() -> None:
    labels = label()
    draw = drawn_pixels.drawn(labels, CORNER, TASK, most=60, balance=1.0, seed=1)
    drawn = labels[draw.chosen]
    counts = np.bincount(drawn, minlength=3)
    assert counts[0] == counts[1] > 15 and counts[2] <= 20
    assert draw.weights is not None and draw.weights.mean() == pytest.approx(1)
    shares = np.bincount(drawn, weights=draw.weights, minlength=3) / draw.weights.sum()
    every = np.bincount(labels[labels != UNLABELLED], minlength=3)
    np.testing.assert_allclose(shares, every / every.sum(), atol=1e-12)


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=6).filter(any),
    st.integers(1, 2000),
    st.floats(0, 1),
)
def test_quotas_fill_the_sample_and_ask_no_stratum_for_more_than_it_has(
    totals: list[int], most: int, balance: float
) -> None:
    found = drawn_pixels.quotas(np.array(totals), most, balance)
    assert sum(found) == min(most, sum(totals))
    assert all(0 <= quota <= total for quota, total in zip(found, totals, strict=True))


def test_features_stand_with_the_label_of_their_pixel() -> None:
    labels = label()
    draw = drawn_pixels.drawn(labels, CORNER, TASK, most=50, balance=0.5, seed=2)
    image = np.stack([labels, np.indices(labels.shape)[0].astype(np.uint8)], axis=-1)
    found = sample.seen(draw, image, np.ones((*labels.shape, 1), np.uint8), labels, lambda inputs: inputs[0])
    np.testing.assert_array_equal(found.features[:, 0], found.labels)
    assert found.weights is not None and len(found.weights) == len(found.labels) == 50
    known = found.known_to(sample.Sample(found.features, np.array([0, 2]), None))
    assert set(known.labels) <= {0, 2} and known.weights is not None and len(known.weights) == len(known.features)


def test_no_label_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match=r"data\.labels"):
        drawn_pixels.drawn(np.full((1, 4, 4), UNLABELLED, np.uint8), CORNER[:1], TASK, most=5, balance=0.0, seed=0)
