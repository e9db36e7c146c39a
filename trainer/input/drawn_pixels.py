"""Labelled pixels of a split are drawn at random, balanced over strata or as they are."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from earthline.formats.examples import labelled
from earthline.task import Task

Array = np.ndarray[Any, Any]

_SPARE = 3
"""Pixels that are drawn for each that is kept: where patches overlap, some are the same ground."""


@dataclass(frozen=True)
class Draw:
    """Places of drawn pixels.

    Attributes:
        chosen: bool (patches, height, width).
        weights: As of `Sample`, in the order of the chosen ones.
    """

    chosen: Array
    weights: Array | None


def drawn(label: Array, corner: Array, task: Task, *, most: int, balance: float, seed: int) -> Draw:
    """Draws labelled pixels at random, none of the ground twice.

    Args:
        label: (patches, height, width), as examples hold it.
        corner: Row and column of each patch's first pixel, (patches, 2).
        task: Which knows the strata that are balanced.
        most: Most pixels.
        balance: 0 draws strata as often as they are, 1 equally often, as far as there are pixels.
        seed: Seed of the draw.

    Raises:
        ValueError: Nothing is labelled.
    """
    random = np.random.default_rng(seed)
    strata = len(task.strata)
    known = labelled(label)
    # By patch, so that no more than a patch is looked at, however many there are.
    counts = np.stack(
        [np.bincount(task.strata_of(each[seen]), minlength=strata) for each, seen in zip(label, known, strict=True)]
    )
    totals = counts.sum(axis=0)
    if not totals.any():
        raise ValueError("no pixel has a label; check `data.labels` and where the blocks of the splits lie")
    chosen = np.zeros(label.shape, bool)
    weight = np.zeros(strata)
    for stratum, quota in enumerate(quotas(totals, most, balance)):
        if quota == 0:
            continue
        ranks = np.sort(random.choice(totals[stratum], min(totals[stratum], _SPARE * quota), replace=False))
        places = _places(label, known, task, stratum, counts[:, stratum], ranks)
        random.shuffle(places)
        ground = corner[places[:, 0]] + places[:, 1:]
        _, first = np.unique(ground, axis=0, return_index=True)
        kept = places[np.sort(first)[:quota]]
        chosen[tuple(kept.T)] = True
        weight[stratum] = totals[stratum] / len(kept)
    if balance == 0:
        return Draw(chosen, None)
    weights = weight[task.strata_of(label[chosen])]
    return Draw(chosen, weights / weights.mean())


def quotas(totals: Array, most: int, balance: float) -> list[int]:
    """How many pixels each stratum gives.

    Args:
        totals: Pixels that it has, (strata,).
        most: Pixels of all together.
        balance: As of `drawn`: shares are frequency to the power of 1 - balance.
    """
    found = np.zeros(len(totals), np.int64)
    left = min(most, int(totals.sum()))
    # Strata that have too few give all; the others share what is left.
    while left > 0:
        room = totals - found
        shares = np.where(room > 0, totals.astype(np.float64) ** (1 - balance), 0.0)
        more = np.minimum(room, np.floor(left * shares / shares.sum()).astype(np.int64))
        if not more.any():
            more = np.zeros_like(found)
            more[np.argsort(-shares, kind="stable")[: min(left, int((room > 0).sum()))]] = 1
        found += more
        left -= int(more.sum())
    return [int(each) for each in found]


def _places(label: Array, known: Array, task: Task, stratum: int, counts: Array, ranks: Array) -> Array:
    """Patch, row and column of pixels of a stratum by their rank among all of it, (pixels, 3)."""
    ends = np.cumsum(counts)
    bounds = np.searchsorted(ranks, np.concatenate([[0], ends]))
    found = []
    for patch in np.flatnonzero(np.diff(bounds)):
        row, column = np.nonzero(known[patch])
        of_stratum = np.flatnonzero(task.strata_of(label[patch][known[patch]]) == stratum)
        inside = of_stratum[ranks[bounds[patch] : bounds[patch + 1]] - (ends[patch] - counts[patch])]
        found.append(np.stack([np.full(len(inside), patch), row[inside], column[inside]], axis=1))
    return np.concatenate(found)
