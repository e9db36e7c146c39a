"""The doubter's side of a task: which labels are likely wrong, by what a forest that did not see them says."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LARGE = 6.0
"""Stds of the usual error from which on an error is no accident: of a normal one, one in 500 million is as large."""
PARTS = 10
"""Parts of equal size in which the usual error is measured: where values are large, errors are as well."""
_STD_OF_DEVIATION = 1.4826
"""Std of a normal error whose median size is 1."""


class DoubtSide:
    """What a task knows of doubtful labels. Labels are numbers, unless a task says something else of them."""

    def label_name(self, value: float) -> str:
        """What a label is called.

        Args:
            value: Of a label.
        """
        return f"{value:.5g}"

    def beliefs(self, forest: Any, features: Array) -> Array:
        """What a forest says of pixels, as much of it as `doubts` needs, (pixels, numbers).

        Args:
            forest: What `estimator` gave, trained.
            features: (pixels, features).
        """
        return np.asarray(forest.predict(features), np.float64).reshape(len(features), 1)

    def skill(self, labels: Array, beliefs: Array) -> float:
        """How much forests learned: 0 for nothing, 1 for all there is; here the share of the variance.

        Args:
            labels: (pixels,).
            beliefs: Of forests that did not learn from these pixels, (pixels, numbers).
        """
        values = labels.astype(np.float64)
        spread = float(((values - values.mean()) ** 2).sum())
        return 1 - float(((values - beliefs[:, 0]) ** 2).sum()) / spread if spread > 0 else 0.0

    def doubts(self, labels: Array, beliefs: Array) -> tuple[Array, Array]:
        """How much each label is doubted: one whose error is far beyond what is usual for such a value.

        Args:
            labels: (pixels,).
            beliefs: Of forests that did not learn from these pixels, (pixels, numbers).

        Returns:
            The doubt, from 0 (none) to 1, and the label that a pixel likely should have, (pixels,) each; the label
            itself where there is no doubt.
        """
        said = beliefs[:, 0]
        errors = np.abs(labels.astype(np.float64) - said)
        order = np.argsort(said, kind="stable")
        usual = np.empty(len(said))
        for part in np.array_split(order, min(PARTS, max(1, len(order) // PARTS))):
            usual[part] = _STD_OF_DEVIATION * np.median(errors[part]) if len(part) else 0.0
        doubted = (errors > LARGE * usual) & (usual > 0)
        doubt = np.where(doubted, 1 - LARGE * usual / np.where(doubted, errors, 1), 0.0)
        return doubt, np.where(doubted, said, labels).astype(labels.dtype)
