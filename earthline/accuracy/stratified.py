"""Ratios estimated from a stratified random sample, with their standard errors.

Accuracy and area are all ratios of two totals: the area that is mapped right over all area, the area of a class over
all area, the area that is mapped right as a class over what is mapped as it. Units are pixels, or whole patches with
the totals of their pixels. Where units are pixels and strata are the map's classes these are the estimators of Olofsson
et al. 2014 (Good practices for estimating area and assessing accuracy of land change, Remote Sensing of
Environment 148), with other strata those of Stehman 2014 (Estimating area and map accuracy for stratified random
sampling when the strata are different from the map classes, International Journal of Remote Sensing 35).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Ratios:
    """Estimated ratios.

    Attributes:
        value: (...); not a number where the estimated whole is 0.
        error: Standard errors, (...); not a number likewise.
        freedom: Degrees of freedom of the errors: units less strata.
    """

    value: Array
    error: Array
    freedom: int

    def bounds(self, confidence: float) -> tuple[Array, Array]:
        """Lower and upper bounds of intervals by Student's distribution, cut to 0 and 1; not a number without any.

        An estimate without a spread has no interval: that a sample saw no error does not prove that there is none.

        Args:
            confidence: 0 to 1.
        """
        if self.freedom < 1:
            nothing = np.full(self.value.shape, np.nan)
            return nothing, nothing
        error = np.where(self.error > 0, self.error, np.nan)
        half = stats.t.ppf((1 + confidence) / 2, self.freedom) * error
        return np.clip(self.value - half, 0, 1), np.clip(self.value + half, 0, 1)


@dataclass(frozen=True)
class Sample:
    """A stratified random sample, drawn without replacement.

    Attributes:
        strata: Place of each unit's stratum, (units,).
        sizes: Units of the population in each stratum, (strata,); or in proportion to them, where `whole` is False.
        whole: Whether `sizes` are numbers of units. If so, variances shrink with the part of them that was drawn.
        outside: Units that were drawn as well from each stratum and turned out to be none of those that are asked
            about, such as ground without imagery, (strata,); None for none. What is asked about is then a domain of
            the population, whose size nobody knows (Cochran 1977, section 2.13 and 5A.14).
    """

    strata: Array
    sizes: Array
    whole: bool = True
    outside: Array | None = None

    @property
    def found(self) -> Array:
        """Units of the sample in each stratum, (strata,)."""
        return np.bincount(self.strata, minlength=len(self.sizes))

    @property
    def drawn(self) -> Array:
        """Units that were drawn from each stratum, those outside too, (strata,)."""
        return self.found if self.outside is None else self.found + self.outside

    @property
    def weights(self) -> Array:
        """Units of the population that each unit of the sample stands for, (units,)."""
        return np.asarray((self.sizes / np.maximum(self.drawn, 1))[self.strata])

    def ratios(self, part: Array, whole: Array) -> Ratios:
        """Total of one number over the total of another, in the population.

        The variance is that of the combined ratio estimator (Cochran 1977, Sampling Techniques, section 6.11). In a
        stratum of one drawn unit there is no spread to see; it counts with its distance from the estimate, which is
        more than its share. A stratum of which nothing was drawn is not part of the population.

        Args:
            part: Of each unit of the sample, (units, ...).
            whole: Likewise.
        """
        part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
        total = np.tensordot(self.weights, whole, axes=1)
        known = total > 0
        below = np.where(known, total, 1.0)
        value = np.tensordot(self.weights, part, axes=1) / below
        variance = np.zeros_like(below)
        for stratum, (size, drawn) in enumerate(zip(self.sizes, self.drawn, strict=True)):
            here = self.strata == stratum
            if not here.any():
                continue
            left = part[here] - value * whole[here]
            # Units outside count as nothing of both.
            mean = left.sum(axis=0) / drawn
            squares = ((left - mean) ** 2).sum(axis=0) + (drawn - here.sum()) * mean**2
            spread = squares / (drawn - 1) if drawn > 1 else left[0] ** 2
            remaining = 1 - drawn / size if self.whole else 1.0
            variance += size**2 * max(remaining, 0.0) * spread / drawn
        error = np.sqrt(variance) / below
        freedom = len(self.strata) - int((self.found > 0).sum())
        return Ratios(np.where(known, value, np.nan), np.where(known, error, np.nan), freedom)


def clusters(count: int) -> Sample:
    """Whole clusters of ground, such as blocks, of which the sample holds few of many: one stratum, with replacement.

    Their totals already hold whatever weights units inside have ("ultimate clusters", Hansen, Hurwitz & Madow 1953).

    Args:
        count: Number of clusters in the sample.
    """
    return Sample(np.zeros(count, np.int64), np.array([float(count)]), whole=False)
