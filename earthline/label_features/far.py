"""Labels that lie far from all others, as a slip of the unit does."""

from collections.abc import Mapping

import numpy as np

_FAR = 10
"""Widths of the nine labels in ten by which another one lies far from all."""


def far_from_all(counts: Mapping[float, float]) -> tuple[float, ...]:
    """The lowest or highest labels, where they lie far from all others; in ascending order.

    Args:
        counts: How often each is there.
    """
    if not counts:
        return ()
    ordered = sorted(counts)
    below = np.cumsum([counts[number] for number in ordered]) / sum(counts.values())
    low, high = (ordered[min(int(np.searchsorted(below, share)), len(ordered) - 1)] for share in (0.05, 0.95))
    reach = _FAR * (high - low)
    return tuple(number for number in ordered if high > low and not low - reach <= number <= high + reach)
