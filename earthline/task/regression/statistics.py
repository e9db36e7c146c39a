"""Statistics of a continuous label, of any number of pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from earthline.task.labels import LabelStatistics
from earthline.task.regression.values import Ends

Array = np.ndarray[Any, Any]

BINS = 256
"""Equal parts of the range in which values are counted: quantiles are right to one of them."""
SHOWN_BINS = 32
"""Of a histogram in files and reports."""
QUANTILES = (5, 25, 50, 75, 95)
"""In percent."""
_ROUNDING = 1e-6
"""Relative difference of means and deviations that comes of another order of additions."""


@dataclass(frozen=True)
class ValueStatistics(LabelStatistics):
    """Count, mean, deviation, extremes and a histogram.

    Attributes:
        ends: The value's range, over which the histogram reaches.
        pixels_by_stratum: Pixels of each of the task's strata, (strata,).
        count: Pixels.
        mean: Of their values; 0 where there is none.
        square: Sum of squared differences to the mean.
        least: Lowest value; infinity where there is none.
        most: Highest value; minus infinity where there is none.
        bins: Pixels by part of the range, (BINS,); what lies outside counts in the outermost.
    """

    ends: Ends
    pixels_by_stratum: Array
    count: int
    mean: float
    square: float
    least: float
    most: float
    bins: Array

    @classmethod
    def of(cls, values: Array, ends: Ends, strata: Array, number: int) -> Self:
        """Those of pixels.

        Args:
            values: Their labels, finite, (pixels,).
            ends: The value's range.
            strata: The stratum of each, (pixels,).
            number: Of strata.
        """
        exact = values.astype(np.float64)
        low, high = ends
        place = np.clip(((exact - low) / (high - low) * BINS).astype(np.int64), 0, BINS - 1)
        mean = float(exact.mean()) if len(exact) else 0.0
        return cls(
            ends,
            np.bincount(strata, minlength=number),
            len(exact),
            mean,
            float(((exact - mean) ** 2).sum()),
            float(exact.min(initial=np.inf)),
            float(exact.max(initial=-np.inf)),
            np.bincount(place, minlength=BINS),
        )

    @property
    def pixels(self) -> int:
        """As `LabelStatistics.pixels`."""
        return self.count

    @property
    def by_stratum(self) -> tuple[int, ...]:
        """As `LabelStatistics.by_stratum`."""
        return tuple(self.pixels_by_stratum.tolist())

    @property
    def std(self) -> float:
        """Standard deviation; 0 where there is no pixel."""
        return float(np.sqrt(self.square / self.count)) if self.count else 0.0

    def __add__(self, other: Self) -> Self:
        """As `LabelStatistics.__add__`, by the pairwise update of Chan, Golub and LeVeque 1983."""
        count = self.count + other.count
        apart = other.mean - self.mean
        share = other.count / count if count else 0.0
        return type(self)(
            self.ends,
            self.pixels_by_stratum + other.pixels_by_stratum,
            count,
            self.mean + apart * share,
            self.square + other.square + apart**2 * self.count * share,
            min(self.least, other.least),
            max(self.most, other.most),
            self.bins + other.bins,
        )

    def quantile(self, percent: float) -> float:
        """The value below which a share of the pixels lies, from the histogram, between the extremes.

        Args:
            percent: The share, 0 to 100; there must be a pixel.
        """
        low, high = self.ends
        edges = np.linspace(low, high, BINS + 1)
        below = np.concatenate([[0], np.cumsum(self.bins)])
        found = np.interp(percent / 100 * self.count, below, edges)
        return float(np.clip(found, self.least, self.most))

    def to_json(self) -> dict[str, Any]:
        """Pixels, mean, std, extremes, quantiles by percent, and a histogram of the range."""
        there = self.count > 0
        return {
            "pixels": self.count,
            "mean": self.mean if there else None,
            "std": self.std if there else None,
            "minimum": self.least if there else None,
            "maximum": self.most if there else None,
            "quantiles": {str(percent): self.quantile(percent) if there else None for percent in QUANTILES},
            "histogram": self.bins.reshape(SHOWN_BINS, -1).sum(axis=1).tolist(),
        }

    def differences(self, claimed: Mapping[str, Any]) -> list[str]:
        """As `LabelStatistics.differences`."""
        mine = self.to_json()
        if mine["pixels"] != claimed.get("pixels", 0):
            return [f"{self.count:,} labelled pixels, the manifest says {claimed.get('pixels', 0):,}"]
        return [
            f"{key} {mine[key]:.6g} of the labels, the manifest says {claimed.get(key)}"
            for key in ("mean", "std", "minimum", "maximum")
            if mine[key] is not None and not self._is_near(mine[key], claimed.get(key))
        ]

    def _is_near(self, value: float, claimed: Any) -> bool:
        slack = _ROUNDING * max(abs(value), self.ends[1] - self.ends[0])
        return isinstance(claimed, int | float) and abs(value - claimed) <= slack
