"""The yardsticks: a random forest and gradient boosting of scikit-learn that see each pixel with what lies around it.

They are what `evaluate_model` compares with, from the same features.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from components.evaluate_model.baseline import context, surroundings
from earthline.patches import Patches
from earthline.task import Task

Array = np.ndarray[Any, Any]

TREES = 200
PIXELS = 20_000
"""Training pixels at most; with twice as many, forests gained nothing."""
CONTEXT, WINDOWS = 3, (9, 21)
"""Side of the window whose bands are seen, and of those whose mean and std are."""
KINDS = ("forest", "boosting")
_BATCH = 16


@dataclass(frozen=True)
class Baseline:
    """One of them, trained.

    Attributes:
        estimator: Of scikit-learn.
        data_type: NumPy name of the map's values.
        pixels: How many it learned from.
    """

    estimator: Any
    data_type: str
    pixels: int

    @classmethod
    def fitted(cls, kind: str, task: Task, train: Patches, seed: int) -> "Baseline":
        """Trains on labelled pixels of the training split, drawn at random.

        Args:
            kind: One of `KINDS`.
            task: What is learned.
            train: The split.
            seed: Of the drawn pixels and of the trees.
        """
        places = np.random.default_rng(seed).permutation(np.flatnonzero(train.labelled))[:PIXELS]
        estimator = task.boosting(len(places), seed) if kind == "boosting" else task.estimator(TREES, seed)
        chosen = np.zeros(train.label.shape, bool)
        chosen.flat[places] = True
        # In the order of the pixels' places, as the features come.
        estimator.fit(features(train, chosen), train.label[chosen])
        return cls(estimator, task.data_type, len(places))

    def predicted(self, test: Patches) -> Array:
        """Map values (pixels,) of the pixels that count, in the order of `label[labelled]`."""
        return np.asarray(self.estimator.predict(features(test, test.labelled))).astype(self.data_type)


def features(patches: Patches, chosen: Array) -> Array:
    """Features (pixels, features) of chosen pixels, float32.

    Args:
        patches: A split.
        chosen: bool (patches, height, width).
    """
    parts = []
    for start in range(0, len(chosen), _BATCH):
        batch = slice(start, start + _BATCH)
        if chosen[batch].any():
            image, valid = patches.image[batch], patches.valid[batch]
            seen = [context(image, valid, CONTEXT), *(surroundings(image, valid, side) for side in WINDOWS)]
            parts.append(np.concatenate([part[chosen[batch]] for part in seen], axis=-1, dtype=np.float32))
    return np.concatenate(parts)
