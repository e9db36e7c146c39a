"""Intervals and the gate: what they hold, how often, and how a model passes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from components.evaluate_model.gate import decide
from earthline.formats.evaluations import Gate
from earthline.task.bootstrap import MIN_BLOCKS, Bootstrap
from earthline.task.classification.accuracy import ClassDetails, accuracy, confusion
from earthline.task.classification.task import Classification

NAMES = ("a", "b", "c")


def pixels(blocks: int, each: int, right: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, predictions and blocks of pixels of which each block's share `right` is right."""
    random = np.random.default_rng(seed)
    block = np.repeat(np.arange(blocks), each)
    label = random.integers(0, 3, blocks * each)
    wrong = random.random(blocks * each) >= right[block]
    return label, np.where(wrong, (label + 1) % 3, label), block


@settings(max_examples=50)
@given(st.integers(MIN_BLOCKS, 9), st.integers(0, 99), st.sampled_from([0.5, 0.8, 0.9, 0.99]))
def test_equal_models_have_an_interval_that_holds_0_and_neither_is_promoted(
    blocks: int, seed: int, confidence: float
) -> None:
    label, one, block = pixels(blocks, 30, np.linspace(0.4, 0.9, blocks), seed)
    # The same mistakes in other places of the same blocks: no block tells the two apart.
    order = np.concatenate(
        [np.random.default_rng(seed).permutation(np.flatnonzero(block == each)) for each in range(blocks)]
    )
    counts = confusion(label, one, block, 3)
    bootstrap = Bootstrap(blocks, confidence, seed)
    gate = decide(
        counts,
        confusion(label[order], one[order], block, 3),
        task=Classification(NAMES),
        metric="accuracy",
        bootstrap=bootstrap,
        min_gain=0.0,
        compared_with="x",
        shown="x",
    )
    assert gate.gain == 0 and not gate.blessed
    assert gate.gain_interval is not None and gate.gain_interval.low == gate.gain_interval.high == 0


@settings(max_examples=30)
@given(npst.arrays(np.float64, st.integers(MIN_BLOCKS, 12), elements=st.floats(0.1, 0.95)), st.integers(0, 9))
def test_an_interval_holds_its_figure_and_grows_with_the_confidence(right: np.ndarray, seed: int) -> None:
    counts = confusion(*pixels(len(right), 40, right, seed), 3)
    found = [accuracy(counts, NAMES, Bootstrap(len(right), confidence, 1)) for confidence in (0.6, 0.9)]
    for each in found:
        for figure, interval in (
            (each.metrics["accuracy"].value, each.metrics["accuracy"].interval),
            (each.metrics["macro_f1"].value, each.metrics["macro_f1"].interval),
            (each.metrics["mean_iou"].value, each.metrics["mean_iou"].interval),
        ):
            assert interval is not None and 0 <= interval.low <= interval.high <= 1
            assert interval.low - 0.02 <= figure <= interval.high + 0.02
    narrow, wide = (each.metrics["accuracy"].interval for each in found)
    assert narrow is not None and wide is not None
    assert wide.low <= narrow.low and narrow.high <= wide.high


def test_what_every_resample_shows_alike_has_no_interval() -> None:
    label = np.array([0] * 12 + [1] * 12 + [2] * 12)
    block = np.tile(np.arange(6), 6)
    mapped = np.where((label == 2) & (block < 3), 1, label)  # the first class has no error, the last one some
    found = accuracy(confusion(label, mapped, block, 3), NAMES, Bootstrap(6, 0.9, 0))
    first, _, last = ClassDetails.of(found).classes
    assert first.f1 == first.recall == 1
    assert first.f1_interval is first.recall_interval is first.iou_interval is None
    assert last.f1_interval is not None and found.metrics["macro_f1"].interval is not None
    right = accuracy(confusion(label, label, block, 3), NAMES, Bootstrap(6, 0.9, 0))
    assert all(metric.value == 1 and metric.interval is None for metric in right.metrics.values())
    wrong = accuracy(confusion(label, (label + 1) % 3, block, 3), NAMES, Bootstrap(6, 0.9, 0))
    assert wrong.metrics["accuracy"].value == 0 and wrong.metrics["accuracy"].interval is None


@pytest.mark.parametrize("blocks", [5, 12])
def test_nine_of_ten_intervals_hold_the_truth(blocks: int) -> None:
    # Blocks differ far more than chance among their pixels would have it: taking pixels for observations, the
    # interval would be a few times too narrow.
    random = np.random.default_rng(3)
    held = 0
    for seed in range(300):
        rights = np.clip(random.normal(0.7, 0.1, blocks), 0, 1)
        counts = np.zeros((blocks, 3, 3), int)
        counts[:, 0, 0] = np.rint(400 * rights)
        counts[:, 0, 1] = 400 - counts[:, 0, 0]
        drawn = Bootstrap(blocks, 0.9, seed)
        interval = drawn.interval(drawn.totals(counts[:, 0, 0]) / drawn.totals(counts.sum(axis=(1, 2))))
        assert interval is not None
        held += interval.low <= 0.7 <= interval.high
    assert 0.84 <= held / 300 <= 0.96


def test_the_interval_of_an_even_figure_is_that_of_student() -> None:
    values = np.random.default_rng(1).normal(size=60)
    bootstrap = Bootstrap(60, 0.9, 0)
    interval = bootstrap.interval(bootstrap.totals(values) / 60)
    assert interval is not None
    half = 1.671 * values.std(ddof=1) / np.sqrt(60)
    assert (interval.low, interval.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_too_few_blocks_give_no_interval_and_a_class_in_few_of_many_gives_none_either() -> None:
    counts = confusion(*pixels(3, 30, np.full(3, 0.8)), 3)
    found = accuracy(counts, NAMES, Bootstrap(3, 0.9, 0))
    assert found.metrics["accuracy"].interval is None and ClassDetails.of(found).classes[0].f1_interval is None
    counts = confusion(*pixels(8, 30, np.full(8, 0.8)), 3)
    counts[2:, 2] = 0  # class c has labels in two blocks only
    found = accuracy(counts, NAMES, Bootstrap(8, 0.9, 0))
    assert found.metrics["accuracy"].interval is not None and found.metrics["macro_f1"].interval is not None
    classes = ClassDetails.of(found).classes
    assert [each.f1_interval is None for each in classes] == [False, False, True]
    # It is shown in all eight, so that it can be told how often that is right.
    (shown,) = (each for each in classes if each.name == "c")
    assert shown.precision is not None and shown.precision_interval is not None
    assert shown.precision_interval.low < shown.precision < shown.precision_interval.high
    assert classes[2].blocks == 2


def gate(gains: list[int], min_gain: float, **changes: object) -> Gate:
    """The gate where the model is right about this many more of a block's 100 pixels than the other, about 60."""
    mine, other = np.zeros((len(gains), 2, 2), int), np.zeros((len(gains), 2, 2), int)
    mine[:, 0, 0], other[:, 0, 0] = 60 + np.array(gains), 60
    mine[:, 0, 1], other[:, 0, 1] = 100 - mine[:, 0, 0], 40
    bootstrap = Bootstrap(len(gains), 0.9, 0)
    named = {"task": Classification(NAMES), "metric": "accuracy", "compared_with": "m@1", "shown": "the champion"}
    return decide(mine, other, bootstrap=bootstrap, min_gain=min_gain, **{**named, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gains", "min_gain", "blessed", "words"),
    [
        ([4, 5, 6, 5, 4], 0.0, True, "all of it above evaluate.min_gain 0"),
        ([4, 5, 6, 5, 4], 0.045, False, "another draw of test blocks might bring down"),
        ([30, -10, 12, -9, 5], 0.0, False, "another draw of test blocks might bring down"),
        ([30, -10, 12, -9, 5], -0.2, True, "all of it above evaluate.min_gain -0.2"),
        ([0, 0, 0, 0, 0], 0.0, False, "too little where evaluate.min_gain is 0"),
        ([-3, -2, -3, -4, -3], 0.0, False, "too little"),
        ([5, 5, 5], 0.0, False, "with 3 test block(s) it cannot be told from chance; 4 are needed"),
        ([5, 5, 5], -0.9, False, "evaluate.min_gain: -1 to deploy all the same"),
        ([-60, -60], -1.0, True, "deployed whatever the gain, as evaluate.min_gain is -1"),
        ([-60, -60, -60, -60, -60], -1.0, True, "deployed whatever the gain"),
        ([40, 40, 40, 40, 40], 1.0, False, "too little"),
    ],
)
def test_the_gate(gains: list[int], min_gain: float, blessed: bool, words: str) -> None:
    found = gate(gains, min_gain)
    assert found.blessed == blessed, found.reason
    assert words in found.reason
    assert found.gain == pytest.approx(np.mean(gains) / 100)
    assert f"a gain of {found.gain:+.4f}" in found.reason
    assert (found.gain_interval is None) == (len(gains) < MIN_BLOCKS)


def test_the_model_that_serves_passes_though_it_gains_nothing() -> None:
    # Else the same config, run again, would end without a map.
    for gains in ([0, 0, 0, 0, 0], [0, 0]):
        found = gate(gains, 0.0, same=True)
        assert found.blessed and "the very model that serves" in found.reason


def test_the_gate_pairs_blocks() -> None:
    # Blocks differ by tens of percent, the two models by one percent in each block: paired, that is beyond chance.
    rights = np.array([20, 40, 60, 80, 90])
    mine, other = np.zeros((5, 2, 2), int), np.zeros((5, 2, 2), int)
    mine[:, 0, 0], other[:, 0, 0] = rights + 1, rights
    mine[:, 0, 1], other[:, 0, 1] = 99 - rights, 100 - rights
    named = {"task": Classification(NAMES[:2]), "metric": "accuracy", "compared_with": "x", "shown": "x", "note": "n"}
    found = decide(mine, other, bootstrap=Bootstrap(5, 0.9, 0), min_gain=0.0, **named)
    assert found.blessed and found.reason.endswith("(n)")


def test_the_gate_takes_the_metric_that_is_asked_for() -> None:
    # `b` is rare: a model that never finds it is right more often, and worse by the mean over classes.
    mine, other = np.zeros((5, 2, 2), int), np.zeros((5, 2, 2), int)
    mine[:, 0, 0], mine[:, 1, 0] = 95, 5
    other[:, 0, 0], other[:, 0, 1], other[:, 1, 1] = 88, 7, 5
    named = {"task": Classification(NAMES[:2]), "min_gain": 0.0, "compared_with": "x", "shown": "x"}
    overall, mean = (
        decide(mine, other, metric=metric, bootstrap=Bootstrap(5, 0.9, 0), **named)  # type: ignore[arg-type]
        for metric in ("accuracy", Classification.gate_metric)
    )
    assert overall.blessed and overall.gain == pytest.approx(0.02)
    assert not mean.blessed and mean.metric == "macro_f1" and mean.reason.startswith("macro-F1 0.4872 against")


@pytest.mark.parametrize(
    ("floors", "blessed", "words"),
    [
        ({"a": 0.6}, True, "all of it above evaluate.min_gain 0"),
        ({"a": 0.99}, False, "evaluate.min_gain 0, but F1 of 'a' is 0.784, below evaluate.floors 0.99"),
        ({"c": 0.1}, False, "F1 of 'c' is unknown, as no test pixel has this label"),
    ],
)
def test_a_class_below_its_floor_stops_a_model_that_gains(floors: dict[str, float], blessed: bool, words: str) -> None:
    parts = {"a": 0.784, "b": None, "c": None}
    found = gate([4, 5, 6, 5, 4], 0.0, parts=parts, floors=floors)
    assert found.blessed == blessed and words in found.reason
    # A floor was asked for, so it holds also where any gain will do; but the model that serves stays.
    assert gate([-60, -60], -1.0, parts=parts, floors=floors).blessed == blessed
    assert gate([0, 0, 0, 0], 0.0, parts=parts, floors=floors, same=True).blessed
