"""The tiles of an image, as `Model.predictImage` cuts them, and the groups of them that are predicted together.

Which tiles are predicted together is settled by the image alone, never by what is left to do: the last bits of a
network's numbers may depend on it, and a map that was interrupted must come out the same.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from earthline.formats.served.contract import Contract
from earthline.local_map.placement import Placement

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Group:
    """Neighbouring tiles of one row of the lattice.

    Attributes:
        number: Its place among all groups of the image.
        row: Image row of the tiles' first pixel, which may lie outside.
        column: Image column of the first tile's first pixel, likewise.
        tiles: How many.
    """

    number: int
    row: int
    column: int
    tiles: int


@dataclass(frozen=True)
class Sent:
    """What is predicted of a group: the tiles that show anything.

    Attributes:
        group: Which one.
        places: Of the tiles among the group's, from 0.
        inputs: float32 (tiles, height, width) by input of the contract, overlap included.
        valid: bool (height, width) of the whole group, without overlap.
    """

    group: Group
    places: tuple[int, ...]
    inputs: Mapping[str, Array]
    valid: Array


class Lattice:
    """The groups of an image."""

    def __init__(self, shape: tuple[int, int], placement: Placement, contract: Contract, batch: int) -> None:
        """Cuts the image.

        Args:
            shape: Of the image in pixels `(height, width)`.
            placement: Where it lies.
            contract: Has tile and overlap.
            batch: Most tiles of a group.
        """
        self._contract = contract
        self._tile = contract.tile_shape
        first = placement.row // self._tile[0], placement.column // self._tile[1]
        self.start = first[0] * self._tile[0] - placement.row, first[1] * self._tile[1] - placement.column
        self._rows, self._columns = (
            math.ceil((side - start) / tile) for side, start, tile in zip(shape, self.start, self._tile, strict=True)
        )
        self._batch = max(1, min(batch, self._columns))
        self._across = math.ceil(self._columns / self._batch)

    @property
    def tiles(self) -> int:
        """Tiles of the image."""
        return self._rows * self._columns

    @property
    def rows(self) -> int:
        """Rows of pixels that a row of tiles needs, overlap included."""
        return self._tile[0] + self._contract.overlap[0]

    def __len__(self) -> int:
        """Groups of the image."""
        return self._rows * self._across

    def count(self, done: Array) -> int:
        """Tiles of groups.

        Args:
            done: bool (groups,), True for those that count.
        """
        return sum(self[int(number)].tiles for number in np.flatnonzero(done))

    def __getitem__(self, number: int) -> Group:
        """A group by its number."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        down, across = divmod(number, self._across)
        return Group(
            number,
            self.start[0] + down * self._tile[0],
            self.start[1] + across * self._batch * self._tile[1],
            min(self._batch, self._columns - across * self._batch),
        )

    def sent(self, group: Group, read: Callable[[int, int, tuple[int, int]], tuple[Array, Array]]) -> Sent:
        """Reads what a group's tiles are predicted from; a tile without a valid pixel is left out.

        Args:
            group: Which one.
            read: Gives a window as `Images.read` does.
        """
        (tall, wide), overlap = self._tile, self._contract.overlap
        before = overlap[0] // 2, overlap[1] // 2
        shape = tall + overlap[0], group.tiles * wide + overlap[1]
        values, valid = read(group.row - before[0], group.column - before[1], shape)
        inner = valid[before[0] : before[0] + tall, before[1] : before[1] + group.tiles * wide]
        places = tuple(place for place in range(group.tiles) if inner[:, place * wide : (place + 1) * wide].any())
        inputs = {}
        if places:
            cuts = [slice(place * wide, (place + 1) * wide + overlap[1]) for place in places]
            for band, plane in zip(self._contract.bands, values, strict=True):
                cast = self._cast(band, plane)
                inputs[band] = np.stack([cast[:, cut] for cut in cuts])
            inputs[self._contract.valid] = np.stack([valid[:, cut] for cut in cuts]).astype(np.float32)
        return Sent(group, places, inputs, inner)

    def _cast(self, band: str, plane: Array) -> Array:
        """Values as Earth Engine sends them: whole numbers are cut towards zero and held to the range of their type."""
        kind = self._contract.typed(band, np.zeros(0)).dtype
        if kind.kind == "f":
            return plane
        limits = np.iinfo(kind)
        return np.clip(np.trunc(plane), limits.min, limits.max)

    def trimmed(self, sent: Sent, answer: Array, nothing: Any) -> Array:
        """The answers of a group's tiles side by side, without their overlap.

        Args:
            sent: What was predicted.
            answer: (tiles, height, width) of these tiles, overlap included.
            nothing: What stands where nothing is predicted or the image is not valid.

        Returns:
            (height, width) of the group.
        """
        (tall, wide), overlap = self._tile, self._contract.overlap
        rows = slice(overlap[0] // 2, overlap[0] // 2 + tall)
        whole = np.full((tall, sent.group.tiles * wide), nothing, answer.dtype)
        for place, tile in zip(sent.places, answer, strict=True):
            whole[:, place * wide : (place + 1) * wide] = tile[rows, overlap[1] // 2 : overlap[1] // 2 + wide]
        return np.where(sent.valid, whole, np.asarray(nothing, answer.dtype))
