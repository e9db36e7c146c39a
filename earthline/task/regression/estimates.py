"""How right the map of a value is on all ground, and what the mean of the ground is: estimated, not of test pixels.

Test patches are drawn so that rare values are seen, so plain errors of test pixels say little about the map as a whole.
Here each pixel counts for the ground that it stands for. Blocks are the units of the sample: ultimate clusters (Hansen,
Hurwitz and Madow 1953), with the ratio estimator of Cochran 1977, Sampling Techniques, section 6.11.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from earthline.formats.evaluations import Interval

if TYPE_CHECKING:  # statistics take a second to load, and the config's schema needs none
    from earthline.accuracy.patch_sample import PatchSample

Array = np.ndarray[Any, Any]

CONFIDENCE = 0.95
"""Of these intervals, whatever that of the gate is: the convention of accuracy assessment."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GroundFigure(_Record):
    """A number of all ground."""

    value: float = Field(description="In the value's unit.")
    interval: Interval | None = Field(description="Had other test blocks been dealt; None with too few blocks.")


class GroundErrors(_Record):
    """Design-based estimates."""

    confidence: float = Field(description="Of all intervals, 0 to 1.")
    blocks: int = Field(description="Blocks: the units of the sample of the region.")
    unsampled: tuple[str, ...] = Field(description="Parts of the range that are on the test ground and in no patch.")
    rmse: GroundFigure = Field(description="Root mean square error of the map.")
    bias: GroundFigure = Field(description="Mean error of the map: map minus label.")
    label_mean: GroundFigure = Field(description="Mean of the labels of all ground.")
    map_mean: GroundFigure = Field(description="Mean of the map of all ground.")


def estimated(sample: "PatchSample", labels: Array, mapped: Array) -> GroundErrors:
    """All estimates.

    Args:
        sample: Of the test ground.
        labels: Of its pixels, (pixels,).
        mapped: What the model gives them, finite, (pixels,).
    """
    exact, given = labels.astype(np.float64), mapped.astype(np.float64)
    errors = given - exact
    squares = _figure(sample, errors**2)
    root = squares.interval and Interval(
        low=float(np.sqrt(max(squares.interval.low, 0.0))), high=float(np.sqrt(squares.interval.high))
    )
    return GroundErrors(
        confidence=CONFIDENCE,
        blocks=sample.blocks,
        unsampled=sample.unsampled,
        rmse=GroundFigure(value=float(np.sqrt(squares.value)), interval=root),
        bias=_figure(sample, errors),
        label_mean=_figure(sample, exact),
        map_mean=_figure(sample, given),
    )


def _figure(sample: "PatchSample", numbers: Array) -> GroundFigure:
    """The mean of numbers over the ground."""
    from scipy import stats

    from earthline.accuracy.stratified import clusters
    from earthline.task.bootstrap import MIN_BLOCKS

    part, whole = (
        np.bincount(sample.block, weights=weights, minlength=sample.blocks)
        for weights in (sample.weight * numbers, sample.weight)
    )
    found = clusters(sample.blocks).ratios(part, whole)
    value, error = float(found.value), float(found.error)
    if sample.blocks < MIN_BLOCKS or not error > 0:
        return GroundFigure(value=value, interval=None)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, found.freedom)) * error
    return GroundFigure(value=value, interval=Interval(low=value - half, high=value + half))
