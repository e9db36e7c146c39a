"""Boosting that learned several quantiles of a value, as one estimator: the median and the ends of an interval."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Quantiles:
    """One estimator for each quantile, the median first.

    Each learned alone, so that one may cross another. `Head.ordered` puts them in order behind the trees.

    Attributes:
        parts: Histogram-based boosting of scikit-learn.
    """

    parts: tuple[Any, ...]

    def predict(self, features: Array) -> Array:
        """Each quantile, (pixels, quantiles).

        Args:
            features: float32 (pixels, features).
        """
        return np.stack([part.predict(features) for part in self.parts], axis=-1)
