"""Which block belongs to which split: dealt at random, with an eye to where each stratum is. Pure arithmetic.

The strata are the task's: what patches are balanced over.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.export_examples.planning import chance
from components.export_examples.planning.blocks import SplitError
from earthline.blocks import edges
from earthline.formats.manifest import SPLITS

Array = np.ndarray[Any, Any]
Corner = tuple[int, int]

TRIES = 32
"""Deals that are drawn at random; the best one goes on."""
SWAPS = 400
"""Pairs of blocks that are tried for a change of places; each that makes the deal better is kept."""
FAIR = 0.5
"""A split has enough of a stratum with this part of what its share of the blocks would give it. More would make every
seed deal alike."""
_DEALING, _SWAPPING = 2, 3
"""Purposes of random numbers."""
_WEIGHTS = {"train": 3.0, "validation": 1.0, "test": 2.0}
"""What it is worth that a split has a stratum at all: without it in train nobody learns it, without it in test nobody
knows how well."""


@dataclass(frozen=True)
class Candidates:
    """Patches that could be taken, by the stratum of their middle pixel.

    Attributes:
        corners: First pixels (row, column), (patches, 2).
        strata: Place of each one's stratum, (patches,).
        counts: How many patches each stands for, all of them in the same blocks, (patches,); None for one each.
    """

    corners: Array
    strata: Array
    counts: Array | None = None

    @classmethod
    def of(cls, corners: Mapping[int, Sequence[Corner]]) -> "Candidates":
        """From first pixels by stratum."""
        return cls(
            np.array([corner for each in corners.values() for corner in each], np.int64).reshape(-1, 2),
            np.array([stratum for stratum, each in corners.items() for _ in each], np.int64),
        )


def deal(count: int, shares: Mapping[str, float], seed: int) -> Array:
    """Deals blocks to splits at random, in proportion to the shares and at least one to each.

    Args:
        count: Number of blocks.
        shares: Share of blocks by split; sum 1.
        seed: Seed of the order.

    Returns:
        Place in `SPLITS` of each block's split, (count,).

    Raises:
        SplitError: Fewer blocks than splits.
    """
    return _dealt(_cards(count, shares), seed, 0)


def deal_by_stratum(
    candidates: Candidates,
    strata: int,
    shape: tuple[int, int],
    block_shape: tuple[int, int],
    patch_shape: tuple[int, int],
    gap: int,
    shares: Mapping[str, float],
    seed: int,
    nearest: Array | None = None,
) -> Array:
    """Deals blocks so that every split has patches of every stratum, where their places allow it.

    The best of `TRIES` random deals is made better by swaps. A patch counts for a split where it and half the gap
    around it lie in blocks of that split alone. The same arguments give the same deal for ever.

    Args:
        candidates: Patches of the whole region.
        strata: Number of strata.
        shape: Shape of the grid in pixels `(height, width)`.
        block_shape: Least shape of a block in pixels `(height, width)`.
        patch_shape: Shape of a patch in pixels `(height, width)`.
        gap: Least distance in pixels between patches of different splits.
        shares: Share of blocks by split; sum 1.
        seed: Seed of deals and swaps.
        nearest: For each block the place of the one that it goes with among those that are dealt, (blocks,); None
            where each is dealt.

    Returns:
        As `deal`.

    Raises:
        SplitError: Fewer blocks than splits.
    """
    touched, count = _touched(candidates.corners, shape, block_shape, patch_shape, math.ceil(gap / 2))
    if nearest is not None:
        touched, count = nearest[touched], int(nearest.max()) + 1
    cards = _cards(count, shares)
    number = np.ones(len(touched)) if candidates.counts is None else candidates.counts.astype(np.float64)
    totals = np.bincount(candidates.strata, weights=number, minlength=strata)
    fair = np.maximum(1.0, FAIR * totals[:, None] * np.array([shares[split] for split in SPLITS]))
    weights = np.array([_WEIGHTS[split] for split in SPLITS])

    def inside(owners: Array, places: Array) -> Array:
        """How many of some candidates count for each split, (strata, splits)."""
        mine = owners[touched[places]]
        whole = (mine == mine[:, :1]).all(axis=1)
        cells = candidates.strata[places][whole] * len(SPLITS) + mine[whole, 0]
        found = np.bincount(cells, weights=number[places][whole], minlength=strata * len(SPLITS))
        return found.reshape(strata, len(SPLITS))

    def worth(counts: Array) -> float:
        return float(((counts > 0) * weights * 10 + np.minimum(1.0, counts / fair)).sum())

    every = np.arange(len(touched))
    deals = (_dealt(cards, seed, attempt) for attempt in range(TRIES))
    owners = max(deals, key=lambda each: worth(inside(each, every)))
    counts = inside(owners, every)
    best, perfect = worth(counts), _perfect(strata, totals)
    by_block = np.argsort(touched, axis=None, kind="stable")
    ends = np.searchsorted(touched.ravel()[by_block], np.arange(count + 1))
    pairs = chance.below(chance.state(seed, _SWAPPING), count, 2 * SWAPS).reshape(SWAPS, 2)
    for one, two in pairs.tolist():
        if best >= perfect:
            break
        if owners[one] == owners[two]:
            continue
        swapped = owners.copy()
        swapped[[one, two]] = owners[[two, one]]
        # Only what touches one of the two counts otherwise than before.
        near = np.unique(np.concatenate([by_block[ends[each] : ends[each + 1]] for each in (one, two)]) // 4)
        changed = counts - inside(owners, near) + inside(swapped, near)
        reached = worth(changed)
        if reached >= best:
            owners, counts, best = swapped, changed, reached
    return owners


def _dealt(cards: Array, seed: int, attempt: int) -> Array:
    return np.asarray(cards[chance.order(chance.state(seed, _DEALING, attempt), len(cards))])


def _perfect(strata: int, totals: Array) -> float:
    """The worth of a deal in which every split has enough of every stratum that is there."""
    there = int((totals[:strata] > 0).sum())
    return there * (10 * sum(_WEIGHTS.values()) + len(SPLITS))


def require_cards(count: int) -> None:
    """Checks that there are blocks to deal.

    Raises:
        SplitError: Fewer blocks than splits.
    """
    if count < len(SPLITS):
        raise SplitError(
            f"export.block_shape: empty split '{SPLITS[count]}': the region holds {count} block(s) of this shape and "
            f"each of {', '.join(SPLITS)} needs one; use smaller blocks or a larger region"
        )


def _cards(count: int, shares: Mapping[str, float]) -> Array:
    require_cards(count)
    exact = {split: shares[split] * count for split in SPLITS}
    counts = {split: max(1, math.floor(exact[split])) for split in SPLITS}
    while sum(counts.values()) < count:
        counts[max(SPLITS, key=lambda split: exact[split] - counts[split])] += 1
    while sum(counts.values()) > count:
        over = [split for split in SPLITS if counts[split] > 1]
        counts[max(over, key=lambda split: counts[split] - exact[split])] -= 1
    return np.repeat(np.arange(len(SPLITS)), [counts[split] for split in SPLITS])


def _touched(
    corners: Array, shape: tuple[int, int], block_shape: tuple[int, int], patch_shape: tuple[int, int], margin: int
) -> tuple[Array, int]:
    """The blocks at the four corners of each patch with its margin, (patches, 4), and the number of blocks.

    A patch with its margin is no larger than a block, so it touches no other ones.
    """
    sides = []
    for axis in (0, 1):
        cuts = edges(shape[axis], block_shape[axis])
        first = np.maximum(corners[:, axis] - margin, 0)
        last = np.minimum(corners[:, axis] + patch_shape[axis] - 1 + margin, shape[axis] - 1)
        inner = np.array(cuts[1:-1], np.int64)
        sides.append([np.searchsorted(inner, place, side="right") for place in (first, last)])
    (top, bottom), (left, right) = sides
    across = len(edges(shape[1], block_shape[1])) - 1
    down = len(edges(shape[0], block_shape[0])) - 1
    touched = np.stack([row * across + column for row in (top, bottom) for column in (left, right)], axis=1)
    return touched, down * across
