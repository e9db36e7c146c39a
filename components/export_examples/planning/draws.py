"""Patches drawn from label tiles, in one pass over them: memory grows with the patches that are kept, not with pixels.

Each pixel has a random number of its own, which its place and the seed tell. The first patches of a draw are those with
the least numbers: a simple random sample without replacement, whatever the tiles are and in whichever order they come
(bottom-k sampling, Cohen & Kaplan 2007, Summarizing data using bottom-k sketches).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from components.export_examples.planning import chance
from components.export_examples.planning.ground import NOBODY, Ground
from components.export_examples.planning.label_tiles import NOTHING, LabelTiles
from earthline.formats.manifest import SPLITS

Array = np.ndarray[Any, Any]
Cell = tuple[int, int]
"""Place of a split and of a stratum."""

_SLACK = 1 << 14
"""Numbers that wait at least before a reservoir is sifted."""


class Reservoir:
    """The least of many numbers."""

    def __init__(self, most: int) -> None:
        """Keeps nothing yet.

        Args:
            most: Numbers that are kept.
        """
        self._most, self._held = most, 0
        self._numbers = np.empty(most + max(most // 4, _SLACK) if most else 0, np.uint64)
        self._limit = np.uint64(0xFFFFFFFFFFFFFFFF)

    def add(self, numbers: Array) -> None:
        """Takes those that are small enough.

        Args:
            numbers: Distinct, uint64 (numbers,).
        """
        if not self._most:
            return
        numbers = numbers[numbers <= self._limit]
        while len(numbers):
            room = len(self._numbers) - self._held
            taken = numbers[:room]
            self._numbers[self._held : self._held + len(taken)] = taken
            self._held += len(taken)
            numbers = numbers[room:]
            if self._held == len(self._numbers):
                self._sift()
                numbers = numbers[numbers <= self._limit]

    def _sift(self) -> None:
        self._numbers[: self._held].partition(self._most - 1)
        self._held = self._most
        self._limit = self._numbers[self._most - 1]

    def take(self) -> Array:
        """The numbers that were kept, upwards; the reservoir is empty then."""
        if self._held > self._most:
            self._sift()
        found = self._numbers[: self._held]
        found.sort()
        self._numbers, self._held = np.empty(0, np.uint64), 0
        return found


def frame(tiles: LabelTiles, ground: Ground, strata: int) -> Array:
    """How many pixels there are on which a patch can be centred, int64 (splits, strata).

    Args:
        tiles: The labels.
        ground: Where patches may be centred.
        strata: Number of strata of the labels.
    """
    found = np.zeros((len(SPLITS), NOTHING + 1), np.int64)
    for _, _, owners, labels, _ in _eligible(tiles, ground):
        cell = owners.astype(np.int64) * (NOTHING + 1) + labels
        found += np.bincount(cell, minlength=found.size).reshape(found.shape)
    return found[:, :strata]


def first(tiles: LabelTiles, ground: Ground, most: Array, start: int) -> dict[Cell, Array]:
    """The first pixels of the random order of each split and stratum.

    Args:
        tiles: The labels.
        ground: Where patches may be centred.
        most: How many of each, int64 (splits, strata); with one stratum, labels do not count.
        start: State of the random numbers.

    Returns:
        Middle pixels (row, column) in order, int32 (pixels, 2), of each cell of `most`.
    """
    strata = most.shape[1]
    reservoirs = {place: Reservoir(int(number)) for place, number in np.ndenumerate(most)}
    for row, column, owners, labels, where in _eligible(tiles, ground):
        numbers = chance.numbers(start, _places(row, column, where))
        cell = owners.astype(np.uint16) * strata + (labels if strata > 1 else 0)
        for value in np.unique(cell).tolist():
            reservoirs[value // strata, value % strata].add(numbers[cell == value])
    return {(place[0], place[1]): _spots(start, reservoir.take()) for place, reservoir in reservoirs.items()}


def nodes(tiles: LabelTiles, ground: Ground, spacing: Array, begin: Array, start: int) -> dict[Cell, Array]:
    """The pixels of a systematic grid in each split, in a random order.

    Args:
        tiles: The labels.
        ground: Where patches may be centred.
        spacing: Rows and columns from node to node, int64 (splits, 2).
        begin: First row and column of the grid, int64 (splits, 2).
        start: State of the random numbers.

    Returns:
        As `first`, of stratum 0.
    """
    kept: list[list[Array]] = [[] for _ in SPLITS]
    for row, column, owners, _, where in _eligible(tiles, ground):
        rows, columns = row + where[0], column + where[1]
        on = ((rows - begin[owners, 0]) % spacing[owners, 0] == 0) & (
            (columns - begin[owners, 1]) % spacing[owners, 1] == 0
        )
        numbers = chance.numbers(start, _packed(rows[on], columns[on]))
        for split in np.unique(owners[on]).tolist():
            kept[split].append(numbers[owners[on] == split])
    empty = np.empty(0, np.uint64)
    return {
        (split, 0): _spots(start, np.sort(np.concatenate([empty, *of_split]))) for split, of_split in enumerate(kept)
    }


def _eligible(tiles: LabelTiles, ground: Ground) -> Iterator[tuple[int, int, Array, Array, tuple[Array, Array]]]:
    """Strips: first row and column, and of the pixels on which a patch can be centred owner, stratum and place."""
    for row, column, strata in tiles.strips():
        owners = ground.within(row, column, (strata.shape[0], strata.shape[1]))
        there = (owners != NOBODY) & (strata != NOTHING)
        where = np.nonzero(there)
        if len(where[0]):
            yield row, column, owners[where], strata[where], (where[0], where[1])


def _places(row: int, column: int, where: tuple[Array, Array]) -> Array:
    return _packed(row + where[0], column + where[1])


def _packed(rows: Array, columns: Array) -> Array:
    return (rows.astype(np.uint64) << np.uint64(32)) | columns.astype(np.uint64)


def _spots(start: int, numbers: Array) -> Array:
    places = chance.places(start, numbers)
    found = np.empty((len(places), 2), np.int32)
    found[:, 0], found[:, 1] = places >> np.uint64(32), places & np.uint64(0xFFFFFFFF)
    return found
