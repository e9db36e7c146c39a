"""A trained network is completed by what tells how far it can be believed."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from earthline.formats.certainty import DISSIMILARITY, Certainty
from earthline.task import task_of_record
from trainer.confidence import applicability
from trainer.confidence.applicability import Applicability
from trainer.lesson import Lesson

Array = np.ndarray[Any, Any]


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


def complete(network: Any, lesson: Lesson, ground: Applicability | None, prior: Array | None = None) -> Complete:
    """Completes a network.

    Args:
        network: Keras model from image and mask to the task's outputs.
        lesson: What it learned from.
        ground: Of the training pixels; None where nobody asks for the area of applicability.
        prior: As `trainer.confidence.prior.factors` gives it; None where nobody asks for it.
    """
    asked, task = lesson.train.certainty, task_of_record(lesson.manifest.task)
    pixels = lesson.pixels["validation"]
    outputs, labels = pixels.given(network).outputs, pixels.label
    temperature = task.temperature(outputs, labels) if asked.temperature else None
    if asked.temperature and task.confidence_bands:
        found = (
            "cannot tell it, and certainty stays as it is" if temperature is None else f"set it to {temperature:.2f}"
        )
        print(f"temperature: {len(labels):,} validation pixels {found}", flush=True)
    if temperature is not None:
        network = keras.Model(network.inputs, lesson.head.tempered(network.outputs[0], temperature), name=network.name)
        outputs = np.asarray(lesson.head.tempered(outputs, temperature))
    if prior is not None:
        network = keras.Model(network.inputs, lesson.head.moved(network.outputs[0], prior), name=network.name)
        outputs = np.asarray(lesson.head.moved(outputs, prior))
    limit = task.set_limit(outputs, labels, asked.coverage)
    certainty = Certainty(
        temperature=temperature,
        prior=None if prior is None else tuple(prior.tolist()),
        coverage=None if limit is None else asked.coverage,
        set_limit=limit,
    )
    if ground is None:
        return Complete(network, (), certainty)
    whole = applicability.attached(network, ground)
    return Complete(whole, (DISSIMILARITY,), certainty.model_copy(update={"dissimilarity_limit": ground.limit}))
