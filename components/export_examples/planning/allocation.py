"""How many patches of each stratum: equal parts, in proportion, or where each one tells most. Pure arithmetic."""

from typing import Any

import numpy as np

from components.export_examples.planning import chance

Array = np.ndarray[Any, Any]

LEAST = 2
"""Patches of each stratum that there is: from one alone nobody could tell how much another would differ."""
_TINY = 1e-12
_RESERVE, _LARGE_RESERVE = 32, 10_000
"""Patches in reserve: four times what is wanted, at least and at most so many, and a tenth of it: where four fifths of
a region have no imagery, a few thousand patches are found all the same."""


def fill(weights: Array, room: Array, most: int) -> Array:
    """Deals a number of patches to strata by weights; what one has no room for goes to the others.

    Args:
        weights: At least 0, (strata,).
        room: Most of each, int64 (strata,).
        most: Sum, where there is room for it.

    Returns:
        int64 (strata,).
    """
    room = np.asarray(room, np.int64)
    if room.sum() <= most:
        return room
    weights = np.where(room > 0, np.asarray(weights, np.float64), 0.0)
    # Less than this much of the largest is no weight.
    weights = np.where(weights > _TINY * weights.max(), weights, 0.0) / max(weights.max(), np.finfo(float).tiny)
    least = np.minimum(room, min(LEAST, most // int((room > 0).sum())))
    fullest = np.where(weights > 0, room, least)
    if fullest.sum() == most:
        return fullest
    if fullest.sum() < most:
        # Nobody wants more of those with a weight; the others share what is left.
        return np.asarray(fullest + fill(np.ones(len(room)), room - fullest, most - int(fullest.sum())))

    def filled(level: float) -> Array:
        return np.clip(weights * level, least, fullest)

    # As water rises, each stratum fills in proportion to its weight, between its least and its room.
    low, high = 0.0, float((fullest[weights > 0] / weights[weights > 0]).max())
    for _ in range(200):
        level = (low + high) / 2
        low, high = (level, high) if filled(level).sum() < most else (low, level)
    return _rounded(filled(high), fullest, most)


def _rounded(exact: Array, room: Array, total: int) -> Array:
    """Whole numbers nearest to exact ones, with a sum: the largest remainders are rounded up."""
    found = np.minimum(np.floor(exact + 1e-6).astype(np.int64), room)
    left = total - int(found.sum())
    order = np.lexsort((np.arange(len(exact)), np.where(found < room, found - exact, np.inf)))
    found[order[:left]] += 1
    return found


def reserve(wanted: Array, frame: Array) -> Array:
    """Patches in reserve for those that turn out to have no imagery.

    Args:
        wanted: Patches to take, int64 (...).
        frame: Patches that there are, of the same shape.
    """
    extra = np.clip(4 * wanted, _RESERVE, _LARGE_RESERVE) + wanted // 10
    return np.asarray(np.where(wanted > 0, np.minimum(extra, frame - wanted), 0))


def spacing(frame: int, most: int) -> tuple[int, int]:
    """Rows and columns from node to node of a grid of about so many nodes, as square as whole pixels allow.

    Args:
        frame: Pixels on which a node counts.
        most: Nodes that are wanted.
    """
    per_node = max(1.0, frame / most)
    down = max(1, round(per_node**0.5))
    return down, max(1, round(per_node / down))


def begin(start: int, steps: tuple[int, int]) -> tuple[int, int]:
    """A random first row and column of a grid.

    Args:
        start: State of the random numbers.
        steps: Rows and columns from node to node.
    """
    rows, columns = (int(chance.below(chance.state(start, axis), step, 1)[0]) for axis, step in enumerate(steps))
    return rows, columns
