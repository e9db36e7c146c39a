"""The baselines: random forests that see each pixel with what lies around it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.ndimage import uniform_filter

from earthline.patches import Patches
from earthline.task import Task

Array = np.ndarray[Any, Any]

MAX_PIXELS = 20_000
"""Training pixels that are drawn at most: with twice as many the forests took twice as long and gained nothing."""
_BATCH = 16
"""Patches whose features are held at once."""


def context(image: Array, valid: Array, side: int) -> Array:
    """The bands of each pixel's window, as (patches, height, width, side * side * bands).

    Windows at a patch's edge repeat its outermost pixels; where a neighbour is masked the pixel itself stands in.

    Args:
        image: (patches, height, width, bands).
        valid: bool (patches, height, width).
        side: Side of the window in pixels; odd.
    """
    half = side // 2
    height, width = image.shape[1:3]
    padded = np.pad(image, ((0, 0), (half, half), (half, half), (0, 0)), mode="edge")
    seen = np.pad(valid, ((0, 0), (half, half), (half, half)), mode="edge")
    shifted = []
    for row in range(side):
        for column in range(side):
            there = seen[:, row : row + height, column : column + width, np.newaxis]
            shifted.append(np.where(there, padded[:, row : row + height, column : column + width], image))
    return np.concatenate(shifted, axis=-1)


def surroundings(image: Array, valid: Array, side: int) -> Array:
    """Mean and std of each band over a window, as (patches, height, width, 2 * bands), float32.

    Masked pixels, and what lies outside the patch, are left out of the window.

    Args:
        image: (patches, height, width, bands).
        valid: bool (patches, height, width).
        side: Side of the window in pixels; odd.
    """
    size = (1, side, side, 1)
    shares = uniform_filter(valid[..., np.newaxis].astype(np.float64), size, mode="constant")
    shares = np.maximum(shares, 0.5 / side**2)
    # About the mean of all, so that squares of large numbers lose no digits.
    seen = valid[..., np.newaxis]
    middle = image[valid].mean(axis=0, dtype=np.float64) if valid.any() else 0.0
    values = np.where(seen, image - middle, 0.0)
    mean = uniform_filter(values, size, mode="constant") / shares
    square = uniform_filter(values**2, size, mode="constant") / shares
    std = np.sqrt(np.maximum(square - mean**2, 0.0))
    return np.concatenate([mean + middle, std], axis=-1).astype(np.float32)


class Forest:
    """A seeded random forest on pixels with context."""

    def __init__(self, task: Task, *, trees: int, side: int, windows: Sequence[int] = (), seed: int) -> None:
        """Makes it.

        Args:
            task: What it learns.
            trees: Number of trees.
            side: Side in pixels of the window whose bands it sees; odd.
            windows: Sides in pixels of the windows whose mean and std it sees as well; odd.
            seed: Seed of the drawn pixels and of the trees.
        """
        self._side = side
        self._windows = tuple(windows)
        self._seed = seed
        self._type = task.data_type
        self._forest = task.estimator(trees, seed)

    def fit(self, patches: Patches) -> int:
        """Trains on labelled pixels, at most `MAX_PIXELS` of them, drawn at random.

        Args:
            patches: Of the training split.

        Returns:
            Number of training pixels.

        Raises:
            ValueError: No pixel is labelled.
        """
        places = np.flatnonzero(patches.labelled)
        if len(places) == 0:
            raise ValueError("no training pixel has a label, so there is no baseline to compare with")
        drawn = np.random.default_rng(self._seed).permutation(places)[:MAX_PIXELS]
        chosen = np.zeros(patches.label.shape, bool)
        chosen.flat[drawn] = True
        self._forest.fit(self._features(patches, chosen), patches.label[chosen])
        return len(drawn)

    def predict(self, patches: Patches) -> Array:
        """Map values (pixels,) of the pixels that count, in the order of `label[labelled]`."""
        labelled = patches.labelled
        parts = [
            self._forest.predict(self._features_of(patches, labelled, start))
            for start in range(0, len(labelled), _BATCH)
            if labelled[start : start + _BATCH].any()
        ]
        return np.concatenate(parts).astype(self._type)

    def _features(self, patches: Patches, chosen: Array) -> Array:
        return np.concatenate(
            [self._features_of(patches, chosen, start) for start in range(0, len(chosen), _BATCH)], axis=0
        )

    def _features_of(self, patches: Patches, chosen: Array, start: int) -> Array:
        """Features (pixels, features) of the chosen pixels of one batch of patches."""
        batch = slice(start, start + _BATCH)
        image, valid = patches.image[batch], patches.valid[batch]
        parts = [context(image, valid, self._side), *(surroundings(image, valid, side) for side in self._windows)]
        return np.concatenate([part[chosen[batch]] for part in parts], axis=-1, dtype=np.float32)
