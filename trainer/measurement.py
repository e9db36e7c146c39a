"""What a model is worth that did not learn epoch by epoch: its loss and metrics on both splits."""

from typing import Any

import numpy as np
import tensorflow as tf

from trainer import heads
from trainer.heads import Head
from trainer.history import Epoch, State
from trainer.lesson import Lesson
from trainer.loop.steps import Measures

Array = np.ndarray[Any, Any]


def state(network: Any, lesson: Lesson, seconds: float) -> State:
    """The state of a run that has one epoch, with the same metrics as those of a training.

    Args:
        network: Keras model from image and mask to the task's output.
        lesson: What it is measured on.
        seconds: How long it took to get it.
    """
    head = head_for(int(network.outputs[0].shape[-1]), lesson)
    metrics = {
        f"{prefix}{name}": value
        for prefix, pixels in (("", lesson.pixels["train"]), ("val_", lesson.pixels["validation"]))
        for name, value in _measured(pixels.given(network).outputs, pixels.label, head).items()
    }
    return State(history=[Epoch(epoch=1, seconds=round(seconds, 3), metrics=metrics)], best_epoch=1)


def head_for(outputs: int, lesson: Lesson) -> Head:
    """The head whose loss suits a network: where it gives no more than the entries, that of the task's default loss.

    Args:
        outputs: Numbers that the network gives for each pixel.
        lesson: What it is measured on.
    """
    task = lesson.manifest.task
    if outputs == len(task.entries) + len(lesson.head.further):
        return lesson.head
    return heads.find(task.name)(lesson.train.model_copy(update={"loss": None}), lesson.manifest)


def as_image(values: Array) -> Any:
    """Pixels (pixels, …) as one image of one column, (1, pixels, 1, …), as losses and metrics take them.

    Args:
        values: Labels or outputs.
    """
    return tf.constant(values[np.newaxis, :, np.newaxis])


def _measured(outputs: Array, label: Array, head: Head) -> dict[str, float]:
    measures = Measures(head.loss(), head.metrics())
    found, pixels = as_image(outputs), tf.constant(len(label), tf.float64)
    loss = tf.cast(measures.loss(as_image(label), found), tf.float64) * pixels
    return measures.results([loss, pixels, *measures.of_batch(as_image(label), found)])
