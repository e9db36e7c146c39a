"""Figures of a dataset, gathered one patch at a time."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from earthline.examples import UNLABELLED, Patch


@dataclass
class SplitStatistics:
    """Running sums over the patches of one split.

    Attributes:
        bands: Band names.
        classes: Number of classes.
        examples: Patches so far.
        pixels: Pixels so far by label value, (256,).
        places: First pixel (row, column) of every patch, in order.
    """

    bands: tuple[str, ...]
    classes: int
    examples: int = 0
    pixels: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(UNLABELLED + 1, np.int64))
    places: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Starts the sums, one per band."""
        count = len(self.bands)
        self._valid = np.zeros(count, np.int64)
        self._not_finite = np.zeros(count, np.int64)
        self._sum = np.zeros(count)
        self._square = np.zeros(count)
        self._least = np.full(count, np.inf)
        self._most = np.full(count, -np.inf)

    def add(self, patch: Patch) -> None:
        """Counts a patch. Band figures are over labelled pixels: the others may be masked, and hold 0."""
        self.examples += 1
        self.places.append((patch.row, patch.column))
        self.pixels += np.bincount(patch.label.ravel(), minlength=UNLABELLED + 1)
        values = patch.image[patch.label != UNLABELLED].astype(np.float64)
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
    def labelled(self) -> int:
        """Pixels of a known class."""
        return int(self.pixels[: self.classes].sum())

    @property
    def unlabelled(self) -> int:
        """Pixels without a label or with a masked image."""
        return int(self.pixels[UNLABELLED])

    def constant_bands(self) -> list[str]:
        """Bands that hold one and the same value everywhere."""
        same = (self._valid > 0) & (self._least == self._most)
        return [band for band, constant in zip(self.bands, same, strict=True) if constant]

    def to_json(self, class_names: tuple[str, ...]) -> dict[str, Any]:
        """Plain values: counts, and per band minimum, maximum, mean and standard deviation (null where unknown)."""
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
                "standard_deviation": float(variance**0.5) if valid else None,
            }
        return {
            "examples": self.examples,
            "labelled_pixels": self.labelled,
            "unlabelled_pixels": self.unlabelled,
            "class_pixels": {name: int(self.pixels[class_id]) for class_id, name in enumerate(class_names)},
            "bands": bands,
        }
