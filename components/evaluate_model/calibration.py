"""How far a model's own certainty can be believed: of pixels it is 80 % sure of, 80 % should be right."""

from typing import Any

import numpy as np

from earthline.formats.evaluations import Calibration, Interval, Metric, ReliabilityBin
from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]

BINS = 10
"""Equal parts of 0 to 1."""


def calibration(
    certainty: Array, right: Array, block: Array, bootstrap: Bootstrap, weight: Array | None = None
) -> Calibration:
    """Reliability by bins of certainty, and the expected calibration error: the mean distance between both.

    The error is that of Guo et al. 2017, On Calibration of Modern Neural Networks.

    Args:
        certainty: Probability that the model gives its own map value, (pixels,).
        right: Whether that value is the label, bool (pixels,).
        block: Number of each pixel's block, (pixels,), from 0 without gaps.
        bootstrap: Of as many blocks.
        weight: Ground that each pixel stands for, (pixels,); None where nobody knows it.
    """
    part = np.clip((certainty * BINS).astype(np.int64), 0, BINS - 1)
    sums = _sums(part, np.ones(len(part)), certainty, right, block, bootstrap.blocks)
    whole = sums.sum(axis=0)
    return Calibration(
        bins=tuple(
            ReliabilityBin(
                low=place / BINS,
                high=(place + 1) / BINS,
                pixels=int(pixels),
                certainty=float(sure / pixels) if pixels else None,
                right=float(correct / pixels) if pixels else None,
            )
            for place, (pixels, sure, correct) in enumerate(whole.tolist())
        ),
        error=_metric(sums, bootstrap),
        ground=None
        if weight is None
        else _metric(_sums(part, weight, certainty, right, block, bootstrap.blocks), bootstrap),
    )


def _sums(part: Array, weight: Array, certainty: Array, right: Array, block: Array, blocks: int) -> Array:
    """Weight, certainty and share right by block and bin, (blocks, bins, 3)."""
    place = block * BINS + part
    return np.stack(
        [
            np.bincount(place, weights=weight * each, minlength=blocks * BINS)
            for each in (np.ones(len(part)), certainty, right)
        ],
        axis=-1,
    ).reshape(blocks, BINS, 3)


def _metric(sums: Array, bootstrap: Bootstrap) -> Metric:
    error = float(_error(sums.sum(axis=0)))
    return Metric(value=error, interval=_through(error, bootstrap.interval(_error(bootstrap.totals(sums)))))


def _through(error: float, drawn: Interval | None) -> Interval | None:
    """An interval that reaches down to the error itself.

    Distances never cancel out, so that what chance adds to each bin makes the error of a resample larger on average.
    The intervals of small errors would begin above them (Kumar, Liang and Ma 2019, Verified Uncertainty Calibration).
    """
    return drawn and Interval(low=min(error, drawn.low), high=drawn.high)


def _error(sums: Array) -> Array:
    """Expected calibration error of sums (..., bins, 3)."""
    apart, whole = np.abs(sums[..., 1] - sums[..., 2]).sum(axis=-1), sums[..., 0].sum(axis=-1)
    # A resample of blocks without any weight has no error.
    return np.asarray(np.divide(apart, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0))
