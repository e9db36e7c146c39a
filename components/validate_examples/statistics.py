"""Statistics of a dataset, gathered one patch at a time."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from earthline.formats.examples import Patch, labelled
from earthline.task import Task
from earthline.task.labels import LabelStatistics

_TILE = 256
"""Side in pixels of the pieces in which the ground that patches cover is remembered."""


_TELLING = 64
"""Fewer pixels may be the same in two places by chance."""


@dataclass
class SplitStatistics:
    """Running sums over the patches of one split.

    Attributes:
        bands: Band names.
        task: What the labels tell.
        examples: Patches so far.
        labels: Statistics of their labels.
        ground: The same with each pixel of the ground counted once, however many patches hold it.
        places: First pixel (row, column) of every patch, in order.
        pictures: Hashes of the images, without small ones and those of one value.
    """

    bands: tuple[str, ...]
    task: Task
    examples: int = 0
    labels: LabelStatistics = field(init=False)
    ground: LabelStatistics = field(init=False)
    places: list[tuple[int, int]] = field(default_factory=list)
    pictures: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Starts the sums, one per band."""
        nothing = np.zeros(0, self.task.data_type)
        self.labels, self.ground = self.task.statistics(nothing), self.task.statistics(nothing)
        self._pixels = 0
        self._ground_pixels = 0
        self._unlabelled = 0
        count = len(self.bands)
        self._covered: dict[tuple[int, int], np.ndarray[Any, Any]] = {}
        self._masked = 0
        self._at_limit = np.zeros(count, np.int64)
        self._valid = np.zeros(count, np.int64)
        self._not_finite = np.zeros(count, np.int64)
        self._sum = np.zeros(count)
        self._square = np.zeros(count)
        self._least = np.full(count, np.inf)
        self._most = np.full(count, -np.inf)

    def add(self, patch: Patch) -> None:
        """Counts a patch. Statistics of bands are over valid pixels, labelled or not."""
        self.examples += 1
        self.places.append((patch.row, patch.column))
        if patch.label.size >= _TELLING and (patch.image != patch.image[0, 0]).any():
            self.pictures.add(hashlib.blake2b(patch.image.tobytes(), digest_size=16).digest())
        there, fresh = labelled(patch.label), self._fresh(patch)
        self.labels += self.task.statistics(patch.label[there])
        self.ground += self.task.statistics(patch.label[there & fresh])
        self._pixels += fresh.size
        self._ground_pixels += int(fresh.sum())
        self._unlabelled += int((~there).sum())
        self._masked += int((~patch.valid).sum())
        if patch.image.dtype.kind in "iu":
            self._at_limit += (patch.image[patch.valid] == np.iinfo(patch.image.dtype).max).sum(axis=0)
        values = patch.image[patch.valid].astype(np.float64)
        finite = np.isfinite(values)
        self._valid += finite.sum(axis=0)
        self._not_finite += (~finite).sum(axis=0)
        if len(values):
            known = np.where(finite, values, 0)
            self._sum += known.sum(axis=0)
            self._square += (known**2).sum(axis=0)
            self._least = np.minimum(self._least, np.where(finite, values, np.inf).min(axis=0))
            self._most = np.maximum(self._most, np.where(finite, values, -np.inf).max(axis=0))

    @property
    def unlabelled(self) -> int:
        """Pixels without a label or with a masked image."""
        return self._unlabelled

    @property
    def masked(self) -> int:
        """Pixels whose image is masked."""
        return self._masked

    @property
    def patches_of_ground(self) -> float:
        """How many patches the ground would fill if none overlapped another."""
        return self.examples * self._ground_pixels / self._pixels if self._pixels else 0.0

    def saturated_bands(self, share: float) -> list[tuple[str, float]]:
        """Bands of which more than a share of the valid pixels hold the data type's largest value, with that share."""
        shares = self._at_limit / np.maximum(self._valid, 1)
        return [(band, float(held)) for band, held in zip(self.bands, shares, strict=True) if held > share]

    def _fresh(self, patch: Patch) -> np.ndarray[Any, Any]:
        """True where no earlier patch holds a pixel of the ground, (height, width); remembers these as well."""
        fresh = np.ones(patch.label.shape, bool)
        height, width = fresh.shape
        last_row, last_column = patch.row + height, patch.column + width
        for down in range(patch.row // _TILE, (last_row - 1) // _TILE + 1):
            for across in range(patch.column // _TILE, (last_column - 1) // _TILE + 1):
                covered = self._covered.setdefault((down, across), np.zeros((_TILE, _TILE), bool))
                top, left = max(patch.row, down * _TILE), max(patch.column, across * _TILE)
                bottom, right = min(last_row, (down + 1) * _TILE), min(last_column, (across + 1) * _TILE)
                there = np.s_[
                    top - down * _TILE : bottom - down * _TILE, left - across * _TILE : right - across * _TILE
                ]
                here = np.s_[top - patch.row : bottom - patch.row, left - patch.column : right - patch.column]
                fresh[here] = ~covered[there]
                covered[there] = True
        return fresh

    def constant_bands(self) -> list[str]:
        """Bands that hold one and the same value everywhere."""
        same = (self._valid > 0) & (self._least == self._most)
        return [band for band, constant in zip(self.bands, same, strict=True) if constant]

    def to_json(self) -> dict[str, Any]:
        """Plain values: counts, and per band minimum, maximum, mean and std (null where unknown)."""
        bands = {}
        for index, band in enumerate(self.bands):
            valid = int(self._valid[index])
            mean = self._sum[index] / valid if valid else 0.0
            variance = max(0.0, self._square[index] / valid - mean**2) if valid else 0.0
            bands[band] = {
                "pixels": valid,
                "not_finite": int(self._not_finite[index]),
                "minimum": float(self._least[index]) if valid else None,
                "maximum": float(self._most[index]) if valid else None,
                "mean": float(mean) if valid else None,
                "std": float(variance**0.5) if valid else None,
            }
        return {
            "examples": self.examples,
            "labelled_pixels": self.labels.pixels,
            "unlabelled_pixels": self.unlabelled,
            "masked_pixels": self.masked,
            "patches_of_ground": round(self.patches_of_ground, 1),
            "ground_labels": self.ground.to_json(),
            "labels": self.labels.to_json(),
            "bands": bands,
        }
