"""Where a model may be believed: the area in which pixels are as like the training pixels as these are to each other.

Meyer and Pebesma 2021, "Predicting into unknown space? Estimating the area of applicability of spatial prediction
models", Methods in Ecology and Evolution 12.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from scipy.spatial.distance import cdist

from earthline import blocks
from earthline.formats.certainty import DISSIMILARITY
from earthline.task import task_of_record
from trainer.input.drawn_pixels import drawn
from trainer.layers import Dissimilarity
from trainer.lesson import Lesson

Array = np.ndarray[Any, Any]

POINTS = 1000
"""Training pixels that others are compared with."""
_PIXELS = 20_000
"""Training pixels from which the bands' importance is learned."""
_TREES = 50


@dataclass(frozen=True)
class Applicability:
    """What was learned of the training pixels.

    Attributes:
        layer: That tells the dissimilarity of each pixel.
        limit: Largest dissimilarity inside the area of applicability.
    """

    layer: Dissimilarity
    limit: float


def measured(lesson: Lesson) -> Applicability:
    """Measures the training pixels.

    Bands are in standard deviations and weighted by their importance to a random forest. Each block of ground is a
    fold: a training pixel is compared with those of other blocks, as neighbours are alike for no merit of the model's.

    Args:
        lesson: With the training split.

    Raises:
        ValueError: All training pixels are of one block, or alike.
    """
    manifest, kept = lesson.manifest, lesson.store.train
    task, seed = task_of_record(manifest.task), lesson.train.seed
    corner = kept.corner
    draw = drawn(kept.label, corner, task, most=_PIXELS, balance=0.0, seed=seed)
    mean, std = np.array(lesson.measured.mean), np.array(lesson.measured.std)
    # Boolean indexing of a file on disk reads all of it; patches that hold a drawn pixel are enough.
    patches = np.flatnonzero(draw.chosen.any(axis=(1, 2)))
    pixels = np.concatenate([kept.image[each][draw.chosen[each]] for each in patches]).astype(np.float64)
    standard = (pixels - mean) / std
    forest = task.estimator(_TREES, seed).fit(standard, kept.label[draw.chosen])
    weight = forest.feature_importances_ / forest.feature_importances_.max()

    patch, row, column = np.nonzero(draw.chosen)
    height, width = manifest.grid["shape"]
    block = blocks.number(corner[patch, 0] + row, corner[patch, 1] + column, (height, width), manifest.block_shape)
    some = np.random.default_rng(seed).permutation(len(standard))[:POINTS]
    points, limit, unit = _compared(standard[some] * weight, block[some])
    return Applicability(Dissimilarity.of(mean, weight / std / unit, points, name=DISSIMILARITY), limit)


def attached(network: Any, found: Applicability) -> Any:
    """The network with the dissimilarity after its own outputs.

    Args:
        network: Keras model from image and mask to (patches, height, width, outputs).
        found: What was learned.
    """
    image, valid = network.inputs
    both = keras.layers.Concatenate(dtype="float32")([network.outputs[0], found.layer([image, valid])])
    return keras.Model([image, valid], both, name=network.name)


def _compared(points: Array, block: Array) -> tuple[Array, float, float]:
    """Points whose mean distance is 1, the largest dissimilarity among them that is no outlier, and what 1 was."""
    distance = cdist(points, points)
    unit = float(distance[np.triu_indices(len(points), 1)].mean()) if len(points) > 1 else 0.0
    if not unit > 0:
        raise ValueError(
            "train.certainty.applicability: all training pixels are alike, so that no pixel can be unlike them; look "
            "at the bands of data.imagery"
        )
    elsewhere = block[:, np.newaxis] != block
    compared = elsewhere.any(axis=1)
    if not compared.any():
        raise ValueError(
            "train.certainty.applicability: all training pixels lie in one block, so that nothing tells how far the "
            "model reaches; use smaller blocks (export.block_shape) or set it to false"
        )
    nearest = np.where(elsewhere, distance, np.inf).min(axis=1)[compared] / unit
    low, high = np.quantile(nearest, (0.25, 0.75))
    # The upper whisker of a box plot.
    inside = nearest[nearest <= high + 1.5 * (high - low)]
    return points / unit, float(inside.max()), unit
