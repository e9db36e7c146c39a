"""What a network says of a split's patches."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from earthline.patches import Patches
from earthline.task import Task

Array = np.ndarray[Any, Any]

BATCH = 16
"""Patches that are predicted at once."""


@dataclass(frozen=True)
class Predictions:
    """Of all pixels of all patches.

    Attributes:
        mapped: Map values, (patches, height, width).
        certainty: Probability that the model gives each of these values, float32 (patches, height, width); None where
            the task knows none.
        further: What it gives after the task's entries, float32 (pixels, names), of the pixels that count in the order
            of `label[labelled]`.
        sets: Which entries belong to the set of each of these pixels, bool (pixels, entries); None where there is no
            such thing.
    """

    mapped: Array
    certainty: Array | None
    further: Array
    sets: Array | None


def predict(network: Any, patches: Patches, task: Task, set_limit: float | None = None) -> Predictions:
    """Predicts patches.

    Args:
        network: A Keras model of image and validity.
        patches: The patches.
        task: What the outputs mean.
        set_limit: From which on an entry belongs to a pixel's set; None where there are no sets.
    """
    labelled, entries = patches.labelled, len(task.entries)
    mapped, certainty, further, sets = [], [], [], []
    for start in range(0, len(patches.label), BATCH):
        batch = slice(start, start + BATCH)
        inputs = [patches.image[batch].astype(np.float32), patches.valid[batch, ..., np.newaxis].astype(np.float32)]
        outputs = np.asarray(network(inputs, training=False))
        mapped.append(task.decoded(outputs))
        further.append(outputs[labelled[batch]][:, entries:])
        among = None if set_limit is None else task.sets(outputs[labelled[batch]], set_limit)
        if among is not None:
            sets.append(among)
        sure = task.certainty(outputs)
        if sure is not None:
            certainty.append(sure)
    return Predictions(
        np.concatenate(mapped),
        np.concatenate(certainty) if certainty else None,
        np.concatenate(further),
        np.concatenate(sets) if sets else None,
    )
