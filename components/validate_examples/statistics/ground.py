"""The ground that patches cover: each pixel counts once, however many patches hold it."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from earthline.formats.examples import labelled, no_label
from earthline.task import Task
from earthline.task.labels import LabelStatistics

Array = np.ndarray[Any, Any]
_Tile = tuple[Array, Array]
"""Labels, and where a patch was, each (TILE, TILE)."""

TILE = 256
"""Side in pixels of the pieces in which the ground is remembered."""


@dataclass
class Ground:
    """Labels of the ground, in tiles: its size is that of the ground that patches cover, not that of the patches.

    Attributes:
        data_type: NumPy name of the labels' type.
        tiles: By row and column of a tile.
        contradictions: Labels that differ from what another patch has at the same place.
    """

    data_type: str
    tiles: dict[tuple[int, int], _Tile] = field(default_factory=dict)
    contradictions: int = 0

    def add(self, label: Array, row: int, column: int) -> None:
        """Notes the labels of a patch.

        Args:
            label: (height, width).
            row: Row of its first pixel on the grid.
            column: Column of its first pixel on the grid.
        """
        for key, here, there in _pieces(row, column, (label.shape[0], label.shape[1])):
            if key not in self.tiles:
                nothing = np.full((TILE, TILE), no_label(self.data_type), self.data_type)
                self.tiles[key] = nothing, np.zeros((TILE, TILE), bool)
            labels, covered = self.tiles[key]
            labels[there] = self._joined(labels[there], label[here])
            covered[there] = True

    def __add__(self, other: "Ground") -> "Ground":
        """That of both."""
        total = Ground(self.data_type, dict(self.tiles), self.contradictions + other.contradictions)
        for key, (labels, covered) in other.tiles.items():
            if key in total.tiles:
                mine, seen = total.tiles[key]
                total.tiles[key] = total._joined(mine, labels), seen | covered
            else:
                total.tiles[key] = labels, covered
        return total

    def __getstate__(self) -> dict[str, Any]:
        """The same with packed tiles: Beam holds several copies of what travels between its stages."""
        packed = {
            key: (zlib.compress(labels.tobytes(), 1), np.packbits(covered))
            for key, (labels, covered) in self.tiles.items()
        }
        return {**vars(self), "tiles": packed}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Unpacks the tiles."""
        vars(self).update(state)
        self.tiles = {
            key: (
                np.frombuffer(zlib.decompress(labels), self.data_type).reshape(TILE, TILE).copy(),
                np.unpackbits(covered).astype(bool).reshape(TILE, TILE),
            )
            for key, (labels, covered) in state["tiles"].items()
        }

    @property
    def pixels(self) -> int:
        """Pixels of the ground that patches cover."""
        return sum(int(covered.sum()) for _, covered in self.tiles.values())

    def statistics(self, task: Task) -> LabelStatistics:
        """Statistics of the labels.

        Args:
            task: What they tell.
        """
        total = task.statistics(np.zeros(0, self.data_type))
        for key in sorted(self.tiles):
            labels, _ = self.tiles[key]
            total += task.statistics(labels[labelled(labels)])
        return total

    def _joined(self, mine: Array, theirs: Array) -> Array:
        """Labels of both; where they differ the smaller one, whichever came first."""
        known, new = labelled(mine), labelled(theirs)
        self.contradictions += int((known & new & (mine != theirs)).sum())
        return np.where(known & new, np.minimum(mine, theirs), np.where(new, theirs, mine))


def _pieces(row: int, column: int, shape: tuple[int, int]) -> Iterator[tuple[tuple[int, int], Any, Any]]:
    """The tiles that a patch lies in, with its part of each and theirs of it."""
    last_row, last_column = row + shape[0], column + shape[1]
    for down in range(row // TILE, (last_row - 1) // TILE + 1):
        for across in range(column // TILE, (last_column - 1) // TILE + 1):
            top, left = max(row, down * TILE), max(column, across * TILE)
            bottom, right = min(last_row, (down + 1) * TILE), min(last_column, (across + 1) * TILE)
            here = np.s_[top - row : bottom - row, left - column : right - column]
            there = np.s_[top - down * TILE : bottom - down * TILE, left - across * TILE : right - across * TILE]
            yield (down, across), here, there
