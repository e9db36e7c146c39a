"""Means over seeds, and how far another draw of ground and seeds would move them.

Seeds deal the same ground anew: a block may be tested under several seeds. So neither blocks of different seeds nor
seeds are independent observations. Both are resampled, independently of each other, and each draw weighs a block with
the product of its own and its seed's times (Owen 2007, The pigeonhole bootstrap, Annals of Applied Statistics 1:386).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.accuracy.results import Result
from earthline.task import Task, task_of_record

Array = np.ndarray[Any, Any]

DRAWS = 4000
CONFIDENCE = 0.95
LEAST_SEEDS = 3
"""With fewer seeds, resampling them tells nothing."""


@dataclass(frozen=True)
class Figure:
    """A mean over seeds; the interval is None with fewer than `LEAST_SEEDS` seeds."""

    value: float
    low: float | None
    high: float | None
    seeds: int

    @property
    def above(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low is not None and self.low > 0

    @property
    def below(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.high is not None and self.high < 0


class Pool:
    """Resamples of the ground and the seeds of one set. Whatever shares one is paired."""

    def __init__(self, results: Sequence[Result]) -> None:
        """Draws them.

        Args:
            results: All of the set that are to be compared.
        """
        self._ground = np.unique(np.concatenate([np.asarray(result.ground) for result in results]))
        self._seeds = sorted({result.cell.seed for result in results})
        random = np.random.default_rng(0)
        self._times = _draws(random, len(self._ground))
        self.task: Task = task_of_record(results[0].task)

    def mean(self, results: Sequence[Result], metric: str) -> Figure:
        """A metric's mean over the seeds that are there.

        Args:
            results: Of one model, one for each seed.
            metric: Its name in the task's measures.
        """
        found = self._figure({result.cell.seed: self._drawn(result, metric) for result in results})
        if not self.task.measures[metric].share or found.low is None or found.high is None:
            return found
        return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))

    def gain(self, results: Sequence[Result], others: Sequence[Result], metric: str) -> Figure:
        """How much better one model is than another, as the mean over the seeds that both have; below 0 it is worse.

        Args:
            results: Of the one, one for each seed.
            others: Of the other.
            metric: Name of the metric.

        Raises:
            ValueError: Under the same seed they were tested on other ground.
        """
        sign = 1 if self.task.measures[metric].larger_is_better else -1
        theirs = {result.cell.seed: result for result in others}
        for result in results:
            other = theirs.get(result.cell.seed, result)
            if (result.ground, result.pixels) != (other.ground, other.pixels):
                raise ValueError(
                    f"{result.cell} and {other.cell} were not tested on the same ground: the way to split has changed "
                    "since one of them; remove the results of the older one and run again"
                )
        by_seed = {
            result.cell.seed: sign * (self._drawn(result, metric) - self._drawn(theirs[result.cell.seed], metric))
            for result in results
            if result.cell.seed in theirs
        }
        return self._figure(by_seed)

    def _drawn(self, result: Result, metric: str) -> Array:
        """The metric over all test blocks of a run, then in each draw of ground, (1 + DRAWS,)."""
        sums = np.asarray(result.sums)
        places = np.searchsorted(self._ground, np.asarray(result.ground))
        times = np.concatenate([np.ones((1, len(places))), self._times[:, places]])
        # A draw without any test block of this run has no figure.
        there = times.any(axis=1)
        found = np.full(len(times), np.nan)
        found[there] = self.task.gate_figure(times[there] @ sums, metric)
        return found

    def _figure(self, by_seed: dict[int, Array]) -> Figure:
        if not by_seed:
            return Figure(float("nan"), None, None, 0)
        stacked = np.stack([by_seed[seed] for seed in sorted(by_seed)])
        value = float(stacked[:, 0].mean())
        if len(stacked) < LEAST_SEEDS:
            return Figure(value, None, None, len(stacked))
        weights = _draws(np.random.default_rng(1), len(stacked)).T
        weights = np.where(np.isfinite(stacked[:, 1:]), weights, 0.0)
        totals = weights.sum(axis=0)
        means = (np.nan_to_num(stacked[:, 1:]) * weights).sum(axis=0)[totals > 0] / totals[totals > 0]
        tail = self._tail(stacked)
        # About the mean: draws that miss a rare class have a better macro-F1, and that is no property of the model.
        low, high = np.quantile(means - means.mean() + value, (tail, 1 - tail))
        return Figure(value, float(low), float(high), len(stacked))

    def _tail(self, stacked: Array) -> float:
        """Share of draws beyond each end: of few observations a percentile interval is too narrow.

        As in `earthline.task.bootstrap`, tails are those of Student's distribution; its degrees of freedom are
        Satterthwaite's (1946), of the variance between seeds and that between blocks.
        """
        seeds, blocks = len(stacked), len(self._ground)
        of_seeds = stacked[:, 0].var(ddof=1) / seeds
        of_blocks = np.nanvar(stacked[:, 1:][:, np.isfinite(stacked[:, 1:]).all(axis=0)].mean(axis=0))
        parts = of_seeds**2 / (seeds - 1) + of_blocks**2 / max(1, blocks - 1)
        freedom = (of_seeds + of_blocks) ** 2 / parts if parts > 0 else np.inf
        return float(stats.norm.cdf(-stats.t.ppf((1 + CONFIDENCE) / 2, freedom)))


def _draws(random: np.random.Generator, count: int) -> Array:
    """How many times each of `count` is drawn, (DRAWS, count)."""
    return random.multinomial(count, np.full(count, 1 / count), DRAWS).astype(np.float64)
