"""A trained network is completed by what tells how far it can be believed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from earthline.formats.certainty import DISSIMILARITY, Certainty
from earthline.task import task_of_record
from trainer.confidence import applicability
from trainer.confidence.applicability import Applicability
from trainer.lesson import Lesson
from trainer.trees.sample import corners, drawn

Array = np.ndarray[Any, Any]

_PIXELS = 200_000
"""Validation pixels that set the limit of a set."""
_BATCH = 16


@dataclass(frozen=True)
class Complete:
    """A network and what its outputs tell.

    Attributes:
        network: Keras model from image and mask; what it gives beside the task's outputs comes after these.
        further: Names of what was added.
        certainty: Limits.
    """

    network: Any
    further: tuple[str, ...]
    certainty: Certainty


def complete(network: Any, lesson: Lesson, ground: Applicability | None) -> Complete:
    """Completes a network.

    Args:
        network: Keras model from image and mask to the task's outputs.
        lesson: What it learned from.
        ground: Of the training pixels; None where nobody asks for the area of applicability.
    """
    limit = _set_limit(network, lesson)
    certainty = Certainty(coverage=None if limit is None else lesson.train.certainty.coverage, set_limit=limit)
    if ground is None:
        return Complete(network, (), certainty)
    whole = applicability.attached(network, ground)
    return Complete(whole, (DISSIMILARITY,), certainty.model_copy(update={"dissimilarity_limit": ground.limit}))


def _set_limit(network: Any, lesson: Lesson) -> float | None:
    task, kept = task_of_record(lesson.manifest.task), lesson.store.validation
    draw = drawn(
        kept.label,
        corners(lesson.examples, lesson.manifest, "validation"),
        task,
        most=_PIXELS,
        balance=0.0,
        seed=lesson.train.seed,
    )
    call = tf.function(lambda image, valid: network([image, valid], training=False), reduce_retracing=True)
    parts = []
    for first in range(0, len(kept), _BATCH):
        some = slice(first, first + _BATCH)
        given = call(tf.constant(kept.image[some].astype(np.float32)), tf.constant(kept.valid[some].astype(np.float32)))
        parts.append(given.numpy()[draw.chosen[some]])
    return task.set_limit(np.concatenate(parts), kept.label[draw.chosen], lesson.train.certainty.coverage)
