"""Whether what a model says of its own limits is true on the test ground: sets of entries, and where it applies."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from earthline.formats.certainty import DISSIMILARITY, Certainty
from earthline.formats.evaluations import Metric, PredictionSets
from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]


def prediction_sets(sets: Array, label: Array, coverage: float, block: Array, bootstrap: Bootstrap) -> PredictionSets:
    """How often the sets hold the label, and how large they are.

    Args:
        sets: Which entries belong to the set of each pixel, bool (pixels, entries).
        label: Their labels, (pixels,).
        coverage: How often they should hold it, 0 to 1.
        block: Number of each pixel's block, (pixels,), from 0 without gaps.
        bootstrap: Of as many blocks.
    """
    held = np.take_along_axis(sets, label[:, np.newaxis].astype(np.int64), axis=1)[:, 0]
    each = [np.bincount(block, weights=one, minlength=bootstrap.blocks) for one in (held, sets.sum(axis=1))]
    pixels = np.bincount(block, minlength=bootstrap.blocks)
    drawn = bootstrap.totals(pixels)
    found = [
        Metric(value=float(sums.sum() / pixels.sum()), interval=bootstrap.interval(bootstrap.totals(sums) / drawn))
        for sums in each
    ]
    return PredictionSets(coverage=coverage, held=found[0], size=found[1])


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
