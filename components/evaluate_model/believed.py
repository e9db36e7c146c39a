"""Whether what a model says of its own limits is true on the test ground: sets of entries, and where it applies."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from earthline.formats.certainty import DISSIMILARITY, Certainty
from earthline.formats.evaluations import Metric, PredictionSets
from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]


def prediction_sets(
    sets: Array,
    label: Array,
    coverage: float,
    block: Array,
    bootstrap: Bootstrap,
    names: Sequence[str],
    weight: Array | None = None,
) -> PredictionSets:
    """How often the sets hold the label, and how large they are.

    What holds for all pixels together need not hold for those of a rare label (Vovk 2012, "Conditional validity of
    inductive conformal predictors"), nor for the ground, of which test pixels are no even sample.

    Args:
        sets: Which entries belong to the set of each pixel, bool (pixels, entries).
        label: Their labels, (pixels,).
        coverage: How often they should hold it, 0 to 1.
        block: Number of each pixel's block, (pixels,), from 0 without gaps.
        bootstrap: Of as many blocks.
        names: Of the entries.
        weight: Ground that each pixel stands for, (pixels,); None where nobody knows it.
    """
    held = np.take_along_axis(sets, label[:, np.newaxis].astype(np.int64), axis=1)[:, 0]
    every = np.ones(len(label))
    by_label = {
        name: _mean(held, (label == place).astype(np.float64), block, bootstrap) for place, name in enumerate(names)
    }
    return PredictionSets(
        coverage=coverage,
        held=_told(_mean(held, every, block, bootstrap)),
        size=_told(_mean(sets.sum(axis=1), every, block, bootstrap)),
        ground=None if weight is None else _mean(held, weight, block, bootstrap),
        by_label={name: found for name, found in by_label.items() if found is not None},
    )


def _mean(values: Array, weight: Array, block: Array, bootstrap: Bootstrap) -> Metric | None:
    """A weighted mean over pixels, with its interval; None where nothing has a weight."""
    sums, whole = (np.bincount(block, weights=each, minlength=bootstrap.blocks) for each in (weight * values, weight))
    if not whole.sum():
        return None
    drawn = bootstrap.totals(whole)
    ratio = np.divide(bootstrap.totals(sums), drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)
    return Metric(value=float(sums.sum() / whole.sum()), interval=bootstrap.interval(ratio, int((whole > 0).sum())))


def _told(found: Metric | None) -> Metric:
    assert found is not None, "there is a test pixel"
    return found


def applicability(further: Array, names: Sequence[str], certainty: Certainty) -> Mapping[str, Array]:
    """Which pixels lie inside and outside of the area of applicability, bool (pixels,); empty where nobody knows.

    Args:
        further: What the model gives after the task's entries, (pixels, names).
        names: Their names.
        certainty: The model's limits.
    """
    if DISSIMILARITY not in names or certainty.dissimilarity_limit is None:
        return {}
    inside = further[:, list(names).index(DISSIMILARITY)] <= certainty.dissimilarity_limit
    return {"inside": inside, "outside": ~inside}
