"""How the values of bands are distributed: histograms of fixed bins, so that two of them add up exactly.

A bin is what the first bits of a number's float32 tell: sign, exponent and the first ten bits of the fraction, as in
an HDR histogram. So quantiles are within 0.1 % of their value wherever values lie, whole numbers up to 2,048 have a bin
of their own, and no range must be known beforehand. Unlike sketches that merge bins as they go, such as a t-digest, the
result does not depend on the order in which values come.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_DROPPED_BITS = 13
"""Bits of a float32's fraction that a bin does not tell: ten of 23 are left."""
_MAGNITUDE = 0x7FFFFFFF


def bins_of(values: Array) -> Array:
    """The bin of each value, int64 of the same shape; larger values have larger bins.

    Args:
        values: Finite numbers.
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.int32)
    sizes = ((bits & _MAGNITUDE) >> _DROPPED_BITS).astype(np.int64)
    return np.where(bits < 0, -sizes, sizes)


def values_of(bins: Array) -> Array:
    """The value of each bin that is nearest to 0, float64 of the same shape.

    Args:
        bins: As `bins_of` gives them.
    """
    sizes = (np.abs(bins) << _DROPPED_BITS).astype(np.int32).view(np.float32)
    return np.where(bins < 0, -sizes.astype(np.float64), sizes.astype(np.float64))


@dataclass(frozen=True)
class Sketch:
    """How the values of one band are distributed.

    Attributes:
        bins: Of at least one value, increasing.
        counts: Values of each, int64.
    """

    bins: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    counts: Array = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of(cls, values: Array) -> "Sketch":
        """That of some values.

        Args:
            values: Finite numbers, (values,).
        """
        if not len(values):
            return cls()
        bins = bins_of(values)
        first = int(bins.min())
        width = int(bins.max()) - first + 1
        if width > 8 * len(bins):
            return cls(*np.unique(bins, return_counts=True))
        counts = np.bincount(bins - first, minlength=width)
        there = np.flatnonzero(counts)
        return cls(there + first, counts[there])

    def __add__(self, other: "Sketch") -> "Sketch":
        """That of both."""
        if not len(self.bins) or not len(other.bins):
            return self if len(self.bins) else other
        bins, place = np.unique(np.concatenate([self.bins, other.bins]), return_inverse=True)
        counts = np.zeros(len(bins), np.int64)
        np.add.at(counts, place, np.concatenate([self.counts, other.counts]))
        return Sketch(bins, counts)

    @property
    def total(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    def quantiles(self, shares: Array) -> Array:
        """Values that such shares of all do not exceed, (shares,); NaN where there is none.

        Args:
            shares: From 0 to 1.
        """
        if not len(self.bins):
            return np.full(len(shares), np.nan)
        reached = np.cumsum(self.counts)
        place = np.searchsorted(reached, np.asarray(shares) * reached[-1], side="left")
        return np.asarray(values_of(self.bins)[np.minimum(place, len(self.bins) - 1)])

    def counts_between(self, edges: Array) -> Array:
        """Values up to the first edge, then above each edge up to the next, and above the last, (edges + 1,).

        Args:
            edges: Increasing.
        """
        place = np.searchsorted(np.asarray(edges), values_of(self.bins), side="left")
        return np.bincount(place, weights=self.counts, minlength=len(edges) + 1).astype(np.int64)


@dataclass(frozen=True)
class Sketches:
    """Of each band, apart for the pixels of each stratum.

    Attributes:
        of_strata: By stratum a sketch for each band; pixels without a label are of stratum `UNLABELLED`.
    """

    of_strata: Mapping[int, tuple[Sketch, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Array, strata: Array) -> "Sketches":
        """Those of some pixels.

        Args:
            values: (pixels, bands); what is not finite is left out.
            strata: (pixels,).
        """
        order = np.argsort(strata, kind="stable")
        found, starts = np.unique(strata[order], return_index=True)
        parts = np.split(values[order], starts[1:]) if len(found) else []
        made = {}
        for stratum, part in zip(found.tolist(), parts, strict=True):
            columns = np.ascontiguousarray(part.T)
            made[stratum] = tuple(
                Sketch.of(column[np.isfinite(column)] if column.dtype.kind == "f" else column) for column in columns
            )
        return cls(made)

    def __add__(self, other: "Sketches") -> "Sketches":
        """Those of both."""
        joined = dict(self.of_strata)
        for stratum, theirs in other.of_strata.items():
            mine = joined.get(stratum)
            joined[stratum] = (
                theirs if mine is None else tuple(one + two for one, two in zip(mine, theirs, strict=True))
            )
        return Sketches(joined)

    def band(self, index: int) -> Sketch:
        """That of a band, whatever the label.

        Args:
            index: Of the band.
        """
        total = Sketch()
        for bands in self.of_strata.values():
            total += bands[index]
        return total


UNLABELLED = -1
"""Stratum of pixels without a label."""
