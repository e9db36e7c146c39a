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

_CODES = 1 << 16
"""Codes of a pixel's owner and stratum together, one byte each."""
_NEVER = np.uint64(0)
_ALWAYS = np.uint64(0xFFFFFFFFFFFFFFFF)


def frame(tiles: LabelTiles, ground: Ground, strata: int) -> Array:
    """How many pixels there are on which a patch can be centred, int64 (splits, strata).

    Args:
        tiles: The labels.
        ground: Where patches may be centred.
        strata: Number of strata of the labels.
    """
    found = np.zeros(_CODES, np.int64)
    for _, _, codes in _coded(tiles, ground):
        found += np.bincount(codes.ravel(), minlength=_CODES)
    return found.reshape(256, 256)[: len(SPLITS), :strata].copy()


def first(tiles: LabelTiles, ground: Ground, most: Array, frame: Array, start: int) -> dict[Cell, Array]:
    """The first pixels of the random order of each split and stratum.

    Args:
        tiles: The labels.
        ground: Where patches may be centred.
        most: How many of each, int64 (splits, strata), none more than there are; with one stratum, labels do not count.
        frame: How many there are, of the same shape.
        start: State of the random numbers.

    Returns:
        Middle pixels (row, column) in order, int32 (pixels, 2), of each cell of `most`.
    """
    # Of a stratum the least numbers lie below the part of all numbers that it takes, but for chance. Six standard
    # deviations more leave one draw in a billion with too few; it is drawn again without that bound.
    part = (most + 6 * np.sqrt(most) + 20) / np.maximum(frame, 1)
    limits = np.where(most == 0, 0.0, np.minimum(part, 1.0))
    found = _below(tiles, ground, limits, start)
    if any(len(found[place]) < number for place, number in np.ndenumerate(most)):
        found = _below(tiles, ground, np.where(most == 0, 0.0, 1.0), start)
    return {place: _spots(start, np.sort(found.pop(place))[:number]) for place, number in np.ndenumerate(most)}


def _below(tiles: LabelTiles, ground: Ground, parts: Array, start: int) -> dict[tuple[int, ...], Array]:
    """The numbers of each split and stratum that lie in the first part of all, uint64 (numbers,)."""
    strata = parts.shape[1]
    limits: Array = np.full((256, 256), _NEVER)
    for (split, stratum), part in np.ndenumerate(parts):
        mine = stratum if strata > 1 else slice(0, NOTHING)
        limits[split, mine] = _ALWAYS if part >= 1 else np.uint64(int(part * float(_ALWAYS)))
    limits = limits.ravel()
    kept: dict[tuple[int, ...], list[Array]] = {place: [np.empty(0, np.uint64)] for place in np.ndindex(*parts.shape)}
    for row, column, codes in _coded(tiles, ground):
        numbers = chance.numbers(start, _places(row, column, (codes.shape[0], codes.shape[1])))
        near = numbers < limits[codes]
        if near.any():
            split, stratum = np.divmod(codes[near], 256)
            cells = split.astype(np.int64) * strata + (stratum if strata > 1 else 0)
            for cell in np.unique(cells).tolist():
                kept[divmod(cell, strata)].append(numbers[near][cells == cell])
    return {place: _joined(parts) for place, parts in kept.items()}


def _joined(parts: list[Array]) -> Array:
    found = np.concatenate(parts)
    parts.clear()
    return found


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
    kept: list[list[Array]] = [[np.empty(0, np.uint64)] for _ in SPLITS]
    for row, column, codes in _coded(tiles, ground):
        rows, columns = row + np.arange(codes.shape[0]), column + np.arange(codes.shape[1])
        for split in range(len(SPLITS)):
            down = np.flatnonzero((rows - begin[split, 0]) % spacing[split, 0] == 0)
            across = np.flatnonzero((columns - begin[split, 1]) % spacing[split, 1] == 0)
            mine = codes[np.ix_(down, across)]
            on = (mine >> 8 == split) & (mine & 255 != NOTHING)
            at_row, at_column = np.nonzero(on)
            kept[split].append(chance.numbers(start, _packed(rows[down[at_row]], columns[across[at_column]])))
    return {(split, 0): _spots(start, np.sort(np.concatenate(of_split))) for split, of_split in enumerate(kept)}


def _coded(tiles: LabelTiles, ground: Ground) -> Iterator[tuple[int, int, Array]]:
    """Strips: first row and column, and of each pixel 256 times its owner and its stratum, uint16 (height, width)."""
    for row, column, strata in tiles.strips():
        owners = ground.within(row, column, (strata.shape[0], strata.shape[1]))
        if (owners != NOBODY).any():
            yield row, column, (owners.astype(np.uint16) << 8) | strata


def _places(row: int, column: int, shape: tuple[int, int]) -> Array:
    rows, columns = row + np.arange(shape[0]), column + np.arange(shape[1])
    return _packed(rows[:, None], columns[None, :])


def _packed(rows: Array, columns: Array) -> Array:
    return np.asarray((rows.astype(np.uint64) << np.uint64(32)) | columns.astype(np.uint64))


def _spots(start: int, numbers: Array) -> Array:
    places = chance.places(start, numbers)
    found = np.empty((len(places), 2), np.int32)
    found[:, 0], found[:, 1] = places >> np.uint64(32), places & np.uint64(0xFFFFFFFF)
    return found
