"""Intervals by resampling blocks: pixels of one block are alike, so that a block, not a pixel, is an observation.

The block bootstrap of Lahiri (2003, Resampling Methods for Dependent Data), with blocks as they were dealt to splits.
A percentile interval of few observations is too narrow: its tails are widened to those of Student's distribution
(Hesterberg 2015, What Teachers Should Know About the Bootstrap, section 4.3, "expanded percentile interval").
"""

from typing import Any

import numpy as np
from scipy import stats

from earthline.formats.evaluations import Interval

Array = np.ndarray[Any, Any]

MIN_BLOCKS = 4
"""With fewer, no resampling tells how much another draw of blocks would change a metric."""
_ROUNDING = 1e-9
"""Share of a metric by which sums of other blocks may miss what they share."""
DRAWS = 4000
"""Resamples; the tail of an interval from the fewest blocks holds a dozen of them."""


class Bootstrap:
    """Resamples of a fixed number of blocks. Metrics that share one are paired: they saw the same blocks each time."""

    def __init__(self, blocks: int, confidence: float, seed: int) -> None:
        """Draws the resamples.

        Args:
            blocks: Number of blocks.
            confidence: Of the intervals, 0 to 1.
            seed: Seed of the draws.
        """
        self.blocks = blocks
        self.confidence = confidence
        even = np.full(blocks, 1 / blocks)
        self._times = np.random.default_rng(seed).multinomial(blocks, even, DRAWS).astype(np.float64)

    def totals(self, by_block: Array) -> Array:
        """Sums over the blocks of each resample.

        Args:
            by_block: What each block adds, (blocks, ...).

        Returns:
            (DRAWS, ...), float64.
        """
        return np.tensordot(self._times, by_block, axes=1)

    def interval(self, drawn: Array, blocks: int | None = None, *, paired: bool = False) -> Interval | None:
        """The interval of a metric.

        A metric that is the same in every resample has none: that a few blocks show no error does not prove that there
        is none (Hanley and Lippman-Hand 1983, If Nothing Goes Wrong, Is Everything All Right?).

        Args:
            drawn: Its value in each resample, (DRAWS,); not a number where it has none.
            blocks: Blocks that hold anything of the metric; left out, all.
            paired: Whether it is a difference of two models, which may well be the same on any block.

        Returns:
            None with fewer than `MIN_BLOCKS` blocks, and without a spread.
        """
        count = self.blocks if blocks is None else blocks
        values = drawn[np.isfinite(drawn)]
        if count < MIN_BLOCKS or not len(values):
            return None
        if not paired and np.ptp(values) <= _ROUNDING * np.abs(values).max():
            return None
        student = stats.t.ppf((1 + self.confidence) / 2, count - 1)
        tail = stats.norm.cdf(-np.sqrt(count / (count - 1)) * student)
        low, high = np.quantile(values, (tail, 1 - tail))
        return Interval(low=float(low), high=float(high))
