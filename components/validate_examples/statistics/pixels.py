"""A sample of labelled pixels with what is around them, which does not depend on how patches lie in files."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from earthline.formats.examples import labelled
from earthline.task import Task

Array = np.ndarray[Any, Any]

MOST_PIXELS = 8_000
"""Pixels of a split's sample over all strata: what forests learn and judge in seconds."""
MOST_NUMBERS = 8_000_000
"""Features of a sample in all, so that images of hundreds of bands take no more memory."""
REACH = 2
"""Pixels to each side whose mean and std are features: windows of 5 x 5."""
_COLUMN_BITS = np.uint64(32)


@dataclass(frozen=True)
class PixelSample:
    """The pixels of each stratum whose places have the least hashes (bottom-k sampling, Cohen and Kaplan 2007).

    Attributes:
        rank: Hash of the place, uint64 (pixels,), increasing.
        row: On the grid, (pixels,).
        column: On the grid, (pixels,).
        patch: First row and column of the patch, (pixels, 2).
        label: (pixels,).
        stratum: Of the label, (pixels,).
        features: Values of the bands, their means and their stds around, float32 (pixels, 3 * bands).
        most: Most pixels of a stratum.
    """

    rank: Array
    row: Array
    column: Array
    patch: Array
    label: Array
    stratum: Array
    features: Array
    most: int

    @classmethod
    def of(cls, image: Array, valid: Array, label: Array, corner: Array, task: Task, most: int) -> "PixelSample":
        """That of some patches.

        Args:
            image: (patches, height, width, bands).
            valid: bool (patches, height, width).
            label: (patches, height, width).
            corner: First row and column of each patch, int64 (patches, 2).
            task: What labels tell.
            most: Most pixels of a stratum.
        """
        patch, row, column = np.nonzero(labelled(label))
        values = label[patch, row, column]
        places = corner[patch] + np.stack([row, column], axis=1)
        rank, stratum = _hashed(places), task.strata_of(values)
        chosen = _chosen(rank, stratum, corner[patch], most)
        patch, row, column = patch[chosen], row[chosen], column[chosen]
        return cls(
            rank=rank[chosen],
            row=places[chosen, 0],
            column=places[chosen, 1],
            patch=corner[patch],
            label=values[chosen],
            stratum=stratum[chosen],
            features=_around(image, valid, patch, row, column),
            most=most,
        )

    def __add__(self, other: "PixelSample") -> "PixelSample":
        """That of both; of a pixel that two patches hold, the first patch counts."""
        joined = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("rank", "row", "column", "patch", "label", "stratum", "features")
        }
        kept = _chosen(joined["rank"], joined["stratum"], joined["patch"], self.most)
        return PixelSample(**{name: values[kept] for name, values in joined.items()}, most=self.most)

    def __len__(self) -> int:
        """Number of pixels."""
        return len(self.rank)


def most_of_stratum(strata: int, bands: int) -> int:
    """Most pixels of a stratum in a sample.

    Args:
        strata: How many there are.
        bands: Of the image.
    """
    return max(1, min(MOST_PIXELS, MOST_NUMBERS // (3 * bands)) // max(1, strata))


def _hashed(places: Array) -> Array:
    """A well-mixed number for each place, the same wherever the place comes up (splitmix64, Steele et al. 2014)."""
    mixed = (places[:, 0].astype(np.uint64) << _COLUMN_BITS) | (places[:, 1].astype(np.uint64) & np.uint64(0xFFFFFFFF))
    mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _chosen(rank: Array, stratum: Array, patch: Array, most: int) -> Array:
    """Positions of the least ranks of each stratum, each rank once and of its first patch, in order of rank."""
    kept = []
    for each in np.unique(stratum):
        mine = np.flatnonzero(stratum == each)
        kept.append(mine[rank[mine] <= _limit(rank[mine], most)])
    chosen = np.concatenate(kept) if kept else np.zeros(0, np.int64)
    ordered = chosen[np.lexsort((patch[chosen, 1], patch[chosen, 0], rank[chosen]))]
    return ordered[np.unique(rank[ordered], return_index=True)[1]]


def _limit(rank: Array, most: int) -> Any:
    """The largest of so many least ranks, each counted once; the largest of all where there are fewer."""
    wanted = 2 * most
    while wanted < len(rank):
        # To sort all ranks of many patches would take longer than all else.
        least = np.unique(np.partition(rank, wanted)[:wanted])
        if len(least) > most:
            return least[most - 1]
        wanted *= 2
    least = np.unique(rank)
    return least[min(most, len(least)) - 1]


def _around(image: Array, valid: Array, patch: Array, row: Array, column: Array) -> Array:
    """Values, and mean and std of the valid pixels around, as float32 (pixels, 3 * bands)."""
    height, width = image.shape[1:3]
    steps = np.arange(-REACH, REACH + 1)
    rows, columns = row[:, np.newaxis, np.newaxis] + steps[:, np.newaxis], column[:, np.newaxis, np.newaxis] + steps
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    places = patch[:, np.newaxis, np.newaxis], np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    seen = (inside & valid[places])[..., np.newaxis]
    centre = image[patch, row, column].astype(np.float64)
    # About the pixel itself, so that squares of large numbers lose no digits. The pixel is always seen: it has a label.
    # What is not finite is found elsewhere, and never learned from.
    with np.errstate(invalid="ignore"):
        apart = np.where(seen, image[places] - centre[:, np.newaxis, np.newaxis], 0.0)
        count = seen.sum(axis=(1, 2))
        mean = apart.sum(axis=(1, 2)) / count
        std = np.sqrt(np.maximum((apart**2).sum(axis=(1, 2)) / count - mean**2, 0.0))
    return np.concatenate([centre, centre + mean, std], axis=1).astype(np.float32)
