"""How far two distributions are apart: the population stability index and the Jensen-Shannon divergence.

The index is the symmetric divergence of Kullback and Leibler, which Jeffreys (1946) described first. Credit scoring
reads it by a rule of thumb (Lewis 1994, Siddiqi 2006): below 0.1 the populations are alike, from 0.25 on they are
not. The divergence (Lin 1991) is between 0 and 1 and needs no care for empty bins. For small differences the index is
8 ln 2 = 5.5 times the divergence in bits, so the same rule is 0.018 and 0.045 there.
"""

import math
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]

MODERATE_PSI, MAJOR_PSI = 0.1, 0.25
"""From which index on a shift is moderate, or major."""
MODERATE_DIVERGENCE, MAJOR_DIVERGENCE = (limit / (8 * math.log(2)) for limit in (MODERATE_PSI, MAJOR_PSI))
"""The same for the Jensen-Shannon divergence, in bits."""
LEAST_SHARE = 1e-4
"""What an empty bin counts as, so that the index stays finite."""
DECILES = tuple(share / 10 for share in range(1, 10))
"""Shares below the edges of the bins: ten with as many values each in the distribution that is compared with."""

Shift = Literal["none", "moderate", "major"]


def psi(now: Array, before: Array) -> float:
    """The population stability index.

    Args:
        now: Shares of each bin, (bins,).
        before: Those of the distribution that is compared with, (bins,).
    """
    one, two = (np.maximum(_normalized(shares), LEAST_SHARE) for shares in (now, before))
    one, two = one / one.sum(), two / two.sum()
    return float(((one - two) * np.log(one / two)).sum())


def jensen_shannon(now: Array, before: Array) -> float:
    """The Jensen-Shannon divergence in bits, from 0 (equal) to 1 (nothing in common).

    Args:
        now: Shares of each bin, (bins,).
        before: Those of the other distribution, (bins,).
    """
    one, two = _normalized(now), _normalized(before)
    middle = (one + two) / 2
    total = 0.0
    for each in (one, two):
        there = each > 0
        total += float((each[there] * np.log2(each[there] / middle[there])).sum()) / 2
    return max(0.0, total)


def shift(index: float) -> Shift:
    """What an index means.

    Args:
        index: As `psi` gives it.
    """
    return "major" if index >= MAJOR_PSI else "moderate" if index >= MODERATE_PSI else "none"


def shares_below(edges: Array, quantiles: Array, shares: Array) -> Array:
    """The shares of a distribution, known by some quantiles, that do not exceed such edges, (edges,).

    Between two quantiles values are taken to lie evenly; beyond the first and the last there are none.

    Args:
        edges: Increasing.
        quantiles: Not decreasing, (quantiles,); the first is the minimum, the last the maximum.
        shares: Of each quantile, from 0 to 1, increasing.
    """
    quantiles, shares = np.asarray(quantiles, float), np.asarray(shares, float)
    # A value that many have is several quantiles: all of them lie at or below an edge of that value.
    after = np.searchsorted(quantiles, edges, side="right")
    low, high = np.clip(after - 1, 0, None), np.clip(after, None, len(quantiles) - 1)
    width = quantiles[high] - quantiles[low]
    part = np.where(width > 0, (np.asarray(edges) - quantiles[low]) / np.where(width > 0, width, 1), 0.0)
    between = shares[low] + np.clip(part, 0, 1) * (shares[high] - shares[low])
    return np.where(after == 0, 0.0, np.where(after == len(quantiles), 1.0, between))


def between(below: Array) -> Array:
    """The shares of bins: up to the first edge, from each edge to the next, above the last, (edges + 1,).

    Args:
        below: Shares that do not exceed each edge, (edges,).
    """
    return np.diff(np.concatenate([[0.0], np.asarray(below, float), [1.0]]))


def _normalized(shares: Array) -> Array:
    values = np.asarray(shares, np.float64)
    total = values.sum()
    if not total > 0:
        raise ValueError("a distribution of no value can be compared with none")
    return np.asarray(values / total)
