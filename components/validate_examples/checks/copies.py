"""The same picture in two splits: pixel for pixel, in part, or so much alike that it is likely a copy.

What two splits show must differ, or accuracy on one tells nothing about what was not seen. Where it is known where
patches lie their places say more; here it is what they show that counts, so examples from elsewhere are looked at too.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.validate_examples.findings import Findings
from components.validate_examples.statistics.sightings import Sightings
from components.validate_examples.statistics.split import SplitStatistics
from earthline.formats.manifest import SPLITS, Manifest

Array = np.ndarray[Any, Any]

ALIKE = 0.98
"""Correlation of two looks from which on they are called alike."""
LEAST_TEXTURE = 0.05
"""Least std of a look about its plane, in stds of the band over all patches: below it there is nothing to compare."""
COMMON = 20
"""A window that more patches hold than this is a texture and no place."""
LEAST_WINDOWS = 4
"""Fewer windows in common may be chance."""
LARGE_PART = 0.5
"""Share of a patch's windows from which on it is held to be mostly the same ground."""
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Pair:
    """Two patches that show the same.

    Attributes:
        split: Of the first patch.
        one: Its position in the split.
        other: The split of the second.
        two: Its position there.
        likeness: Correlation, or share of windows in common.
    """

    split: str
    one: int
    other: str
    two: int
    likeness: float


def check(manifest: Manifest, statistics: Mapping[str, SplitStatistics], findings: Findings) -> list[Pair]:
    """Looks for copies across splits.

    Args:
        manifest: The dataset's.
        statistics: By split.
        findings: Where they are noted.

    Returns:
        Pairs that are alike, the most alike first; not those that are equal.
    """
    sightings = {split: of_split.sightings for split, of_split in statistics.items()}
    if not manifest.placed:
        findings.warning("leakage", manifest.caveat)
        for one, other in itertools.combinations([split for split in SPLITS if split in sightings], 2):
            _check_equal(one, sightings[one], other, sightings[other], findings)
            _check_parts(manifest, one, sightings[one], other, sightings[other], findings)
    pairs = sorted(_alike(sightings, statistics), key=lambda pair: -pair.likeness)
    if pairs:
        first = pairs[0]
        findings.warning(
            "near-duplicates",
            f"{len(pairs):,} pairs of patches of different splits look nearly the same, such as "
            f"{_place(manifest, first.split, sightings[first.split], first.one)} and "
            f"{_place(manifest, first.other, sightings[first.other], first.two)} (correlation {first.likeness:.3f}): "
            "where they show the same ground, accuracy looks better than it is; leave one of each out",
        )
    return pairs


def _check_equal(one: str, mine: Sightings, other: str, theirs: Sightings, findings: Findings) -> None:
    both = np.intersect1d(mine.picture[mine.picture > 0], theirs.picture[theirs.picture > 0])
    if len(both):
        findings.error(
            "leakage",
            f"{len(both):,} patches are in {one} and, pixel for pixel, in {other}; split by a key that keeps "
            "them together, or leave them out",
        )


def _check_parts(
    manifest: Manifest, one: str, mine: Sightings, other: str, theirs: Sightings, findings: Findings
) -> None:
    """Finds patches of unknown place that share ground, by small windows that are equal."""
    shares, partner = _common(mine, theirs)
    equal = np.isin(theirs.picture, mine.picture[mine.picture > 0])
    shared = np.flatnonzero((shares > 0) & ~equal)
    if not len(shared):
        return
    most = int(shared[np.argmax(shares[shared])])
    text = (
        f"{len(shared):,} of {len(theirs):,} patches of {other} share pixels with patches of {one}, up to "
        f"{100 * shares[most]:.0f} % of a patch, such as {_place(manifest, other, theirs, most)} and "
        f"{_place(manifest, one, mine, int(partner[most]))}: they overlap on the ground; split by a key that keeps "
        "neighbours together, such as a region's name"
    )
    note = findings.error if shares[most] >= LARGE_PART else findings.warning
    note("leakage", text)


def _common(mine: Sightings, theirs: Sightings) -> tuple[Array, Array]:
    """Of each of their patches the largest share of its windows that a patch of mine has, and that patch."""
    shares, partner = np.zeros(len(theirs)), np.zeros(len(theirs), np.int64)
    hashes = np.concatenate([mine.windows, theirs.windows])
    holders = np.concatenate([mine.holder, theirs.holder + len(mine)])
    pairs = np.unique(np.stack([hashes, holders.astype(np.uint64)], axis=1), axis=0)
    _, place, counts = np.unique(pairs[:, 0], return_inverse=True, return_counts=True)
    telling = pairs[(counts[place] > 1) & (counts[place] <= COMMON)]
    left = telling[telling[:, 1] < len(mine)]
    right = telling[telling[:, 1] >= len(mine)]
    low, high = (np.searchsorted(left[:, 0], right[:, 0], side=side) for side in ("left", "right"))
    lengths = high - low
    if not lengths.sum():
        return shares, partner
    starts = np.repeat(low - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    met = np.stack([np.repeat(right[:, 1], lengths), left[starts, 1]], axis=1).astype(np.int64)
    couples, common = np.unique(met, axis=0, return_counts=True)
    held = np.bincount(pairs[:, 1].astype(np.int64), minlength=len(mine) + len(theirs))
    for (two, one), count in zip(couples.tolist(), common.tolist(), strict=True):
        share = count / held[two]
        if count >= LEAST_WINDOWS and share > shares[two - len(mine)]:
            shares[two - len(mine)], partner[two - len(mine)] = share, one
    return shares, partner


def _alike(sightings: Mapping[str, Sightings], statistics: Mapping[str, SplitStatistics]) -> Iterator[Pair]:
    """Pairs of patches of different splits whose looks correlate, each patch of the later split with its likest one."""
    looks = {split: each.look for split, each in sightings.items() if len(each)}
    if len(looks) < 2:
        return
    every = np.concatenate(list(looks.values()))
    with np.errstate(invalid="ignore"):
        spread = np.nanstd(every, axis=(0, 2, 3)) if np.isfinite(every).any() else np.ones(every.shape[1])
    unit = {split: _unit(look, np.maximum(spread, 1e-12)) for split, look in looks.items()}
    for one, other in itertools.combinations([split for split in SPLITS if split in unit], 2):
        (mine, places), (theirs, numbers) = unit[one], unit[other]
        if not len(mine):
            continue
        equal = statistics[one].sightings.picture
        for start in range(0, len(theirs), _ROWS_AT_ONCE):
            correlation = theirs[start : start + _ROWS_AT_ONCE] @ mine.T
            likest = correlation.argmax(axis=1)
            for row in np.flatnonzero(correlation[np.arange(len(likest)), likest] >= ALIKE).tolist():
                two, first = int(numbers[start + row]), int(places[likest[row]])
                picture = statistics[other].sightings.picture[two]
                if picture == 0 or picture != equal[first]:
                    yield Pair(one, first, other, two, float(correlation[row, likest[row]]))


def _unit(look: Array, spread: Array) -> tuple[Array, Array]:
    """Looks of one length each, without what a plane explains, and the positions of the patches that have a texture.

    A slope or a gradient of light makes any two patches alike, so it is taken out; so are gain and offset.
    """
    count, bands, rows, columns = look.shape
    flat = look.reshape(count, bands, rows * columns) / spread[:, np.newaxis]
    whole = np.flatnonzero(np.isfinite(flat).all(axis=(1, 2)))
    down, across = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    plane = np.linalg.qr(np.stack([np.ones(rows * columns), down.ravel(), across.ravel()], axis=1))[0]
    values = flat[whole].astype(np.float64)
    values -= (values @ plane) @ plane.T
    joined = values.reshape(len(whole), bands * rows * columns)
    length = np.linalg.norm(joined, axis=1)
    textured = length > LEAST_TEXTURE * np.sqrt(joined.shape[1])
    return (joined[textured] / length[textured, np.newaxis]).astype(np.float32), whole[textured]


def _place(manifest: Manifest, split: str, sightings: Sightings, position: int) -> str:
    shard = manifest.splits[split].shards[int(sightings.shard[position])].name
    return f"{shard}, record {int(sightings.example[position])}"
