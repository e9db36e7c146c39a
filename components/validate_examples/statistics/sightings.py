"""What is remembered of each patch, about half a kilobyte: where it lies and what it looks like."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

CELLS = 8
"""Cells a side in which a patch is looked at."""
MOST_BANDS = 4
"""Bands of a look, spread over all: others tell little more."""
WINDOW = 4
"""Side in pixels of the windows by which patches of unknown place are found to overlap."""
WINDOWS_KEPT = 64
"""Windows that are remembered of a patch, about."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Sightings:
    """Of the patches of a split, in order of shard and example.

    Attributes:
        shard: Place of the shard in the manifest's list, (patches,).
        example: Number of the record in it, (patches,).
        corner: First row and column on the grid, (patches, 2).
        look: Means of cells of some bands, float32 (patches, bands, rows, columns); NaN where a cell is masked.
        picture: Hash of all pixels, uint64 (patches,); 0 where all are the same.
        windows: Hashes of small windows, uint64 (windows,), of patches of unknown place.
        holder: The patch that each window is of, by its position, (windows,).
    """

    shard: Array
    example: Array
    corner: Array
    look: Array
    picture: Array
    windows: Array
    holder: Array

    @classmethod
    def of(cls, image: Array, valid: Array, corner: Array, shard: int, examples: Array, *, placed: bool) -> "Sightings":
        """Those of some patches.

        Args:
            image: (patches, height, width, bands).
            valid: bool (patches, height, width).
            corner: First row and column of each patch, (patches, 2).
            shard: Place of their shard.
            examples: Their numbers in it, (patches,).
            placed: Whether it is known where they lie; else windows are remembered as well.
        """
        pixels = _hashed(image)
        windows, holder = (np.zeros(0, np.uint64), np.zeros(0, np.int64)) if placed else _windows(pixels, valid)
        return cls(np.full(len(image), shard), examples, corner, _look(image, valid), _whole(pixels), windows, holder)

    def __add__(self, other: "Sightings") -> "Sightings":
        """Those of both."""
        shard, example, corner, look, picture = (
            np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("shard", "example", "corner", "look", "picture")
        )
        order = np.lexsort((example, shard))
        position = np.empty(len(order), np.int64)
        position[order] = np.arange(len(order))
        holder = np.concatenate([self.holder, other.holder + len(self.shard)])
        return Sightings(
            shard[order],
            example[order],
            corner[order],
            look[order],
            picture[order],
            np.concatenate([self.windows, other.windows]),
            position[holder],
        )

    def __len__(self) -> int:
        """Number of patches."""
        return len(self.shard)


def _look(image: Array, valid: Array) -> Array:
    height, width, bands = image.shape[1:]
    chosen = np.unique(np.linspace(0, bands - 1, min(bands, MOST_BANDS)).astype(int))
    rows, columns = (np.unique(np.arange(CELLS) * length // CELLS) for length in (height, width))
    seen = valid[..., np.newaxis]
    values = np.where(seen, image[..., chosen], 0).astype(np.float32)

    def summed(array: Array) -> Array:
        return np.asarray(np.add.reduceat(np.add.reduceat(array, rows, axis=1), columns, axis=2))

    counts = summed(seen.astype(np.float32))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(counts > 0, summed(values) / counts, np.nan)
    return np.moveaxis(means, 3, 1).astype(np.float32)


def _hashed(image: Array) -> Array:
    """A number for all bands of each pixel, uint64 (patches, height, width)."""
    kind = image.dtype
    bits = image.astype(np.float32).view(np.uint32) if kind.kind == "f" else image
    total = np.zeros(image.shape[:-1], np.uint64)
    for band in range(image.shape[-1]):
        # Two's complement of negative numbers is as good as any other number here.
        total = (total ^ bits[..., band].astype(np.int64).view(np.uint64)) * _FACTOR
        total ^= total >> np.uint64(29)
    return total


def _whole(pixels: Array) -> Array:
    """A number for all pixels of each patch; 0 where they are all the same, or so few that chance may do it."""
    flat = pixels.reshape(len(pixels), pixels.shape[1] * pixels.shape[2])
    places = np.arange(1, flat.shape[1] + 1, dtype=np.uint64) * _FACTOR
    mixed = (flat ^ places) * _FACTOR
    found = np.bitwise_xor.reduce(mixed ^ (mixed >> np.uint64(31)), axis=1)
    telling = (flat != flat[:, :1]).any(axis=1) & (flat.shape[1] >= CELLS**2)
    return np.where(telling, found, np.uint64(0))


def _windows(pixels: Array, valid: Array) -> tuple[Array, Array]:
    """Hashes of windows of valid pixels that are not all the same, and the patch of each.

    Of all windows those are kept whose hash divides by a number, so that the same ground is kept in every patch that
    holds it, wherever it lies in the patch (Manber 1994).
    """
    height, width = pixels.shape[1:]
    down, across = height - WINDOW + 1, width - WINDOW + 1
    if down < 1 or across < 1:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    total = np.zeros((len(pixels), down, across), np.uint64)
    varied = np.zeros(total.shape, bool)
    whole = np.ones(total.shape, bool)
    for row in range(WINDOW):
        for column in range(WINDOW):
            part = pixels[:, row : row + down, column : column + across]
            total = (total ^ part) * _FACTOR
            total ^= total >> np.uint64(32)
            varied |= part != pixels[:, :down, :across]
            whole &= valid[:, row : row + down, column : column + across]
    kept = varied & whole & (total % np.uint64(max(1, down * across // WINDOWS_KEPT)) == 0)
    return total[kept], np.nonzero(kept)[0]
