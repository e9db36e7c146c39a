"""The baseline: a random forest that sees each pixel with its neighbours."""

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from earthline.examples import UNLABELLED

Array = np.ndarray[Any, Any]

MAX_PIXELS = 40_000
"""Training pixels that are drawn at most; more make the forest slower, not better."""


def context(image: Array, side: int) -> Array:
    """The bands of each pixel's window, as (patches, height, width, side * side * bands).

    Windows at a patch's edge repeat its outermost pixels.

    Args:
        image: (patches, height, width, bands).
        side: Side of the window in pixels; odd.
    """
    half = side // 2
    height, width = image.shape[1:3]
    padded = np.pad(image, ((0, 0), (half, half), (half, half), (0, 0)), mode="edge")
    shifted = [padded[:, row : row + height, column : column + width] for row in range(side) for column in range(side)]
    return np.concatenate(shifted, axis=-1)


class Forest:
    """A seeded random forest on pixels with context."""

    def __init__(self, *, trees: int, side: int, seed: int) -> None:
        """Makes it.

        Args:
            trees: Number of trees.
            side: Side of the window in pixels; odd.
            seed: Seed of the drawn pixels and of the trees.
        """
        self._side = side
        self._seed = seed
        self._forest = RandomForestClassifier(
            n_estimators=trees, min_samples_leaf=3, max_features="sqrt", n_jobs=-1, random_state=seed
        )

    def fit(self, image: Array, label: Array) -> int:
        """Trains on labelled pixels, at most `MAX_PIXELS` of them, drawn at random.

        Args:
            image: (patches, height, width, bands).
            label: Class ids (patches, height, width); `UNLABELLED` where a pixel does not count.

        Returns:
            Number of training pixels.

        Raises:
            ValueError: No pixel is labelled.
        """
        places = np.argwhere(label != UNLABELLED)
        if len(places) == 0:
            raise ValueError("no training pixel has a label, so there is no baseline to compare with")
        patch, row, column = np.random.default_rng(self._seed).permutation(places)[:MAX_PIXELS].T
        self._forest.fit(context(image, self._side)[patch, row, column], label[patch, row, column])
        return len(patch)

    def predict(self, image: Array) -> Array:
        """Class ids (patches, height, width), uint8, of images (patches, height, width, bands)."""
        features = context(image, self._side)
        predicted = self._forest.predict(features.reshape(-1, features.shape[-1]))
        return np.asarray(predicted, np.uint8).reshape(image.shape[:3])
