"""Pixels that trees learn from: drawn from a split's patches, with the features of what lies around each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.input.drawn_pixels import Draw

Array = np.ndarray[Any, Any]

_PIXELS = 1 << 18
"""Pixels whose features are held at once."""


@dataclass(frozen=True)
class Sample:
    """Labelled pixels.

    Attributes:
        features: float32 (pixels, features).
        labels: As examples hold them, (pixels,).
        weights: How many pixels of the split each stands for, on average 1, (pixels,); None where all count alike.
    """

    features: Array
    labels: Array
    weights: Array | None

    def known_to(self, other: "Sample") -> "Sample":
        """Those whose label the other holds too."""
        chosen = np.isin(self.labels, other.labels)
        weights = None if self.weights is None else self.weights[chosen]
        return Sample(self.features[chosen], self.labels[chosen], weights)


def seen(draw: Draw, image: Array, valid: Array, label: Array, features: Callable[[Sequence[Any]], Any]) -> Sample:
    """The drawn pixels with their features.

    Args:
        draw: Which pixels.
        image: (patches, height, width, bands), 0 where masked.
        valid: (patches, height, width, 1), 1 where the image is valid.
        label: (patches, height, width).
        features: From image and valid, float32, to features (patches, height, width, features).
    """
    patches = np.flatnonzero(draw.chosen.any(axis=(1, 2)))
    step = max(1, _PIXELS // int(np.prod(label.shape[1:])))
    parts = []
    for first in range(0, len(patches), step):
        some = patches[first : first + step]
        found = np.asarray(features([image[some].astype(np.float32), valid[some].astype(np.float32)]))
        parts.append(found[draw.chosen[some]])
    return Sample(np.concatenate(parts), label[draw.chosen], draw.weights)
