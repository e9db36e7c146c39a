"""What a model is worth that did not learn epoch by epoch: its loss and metrics on both splits."""

from typing import Any

import numpy as np
import tensorflow as tf

from earthline.formats.examples import labelled
from trainer import heads
from trainer.heads import Head
from trainer.history import Epoch, State
from trainer.input.store import Kept
from trainer.lesson import Lesson
from trainer.loop.steps import Measures

_MOST_PIXELS = 1_000_000
"""Pixels of each split that are measured at most, labelled or not."""


def state(network: Any, lesson: Lesson, seconds: float) -> State:
    """The state of a run that has one epoch, with the same metrics as those of a training.

    Args:
        network: Keras model from image and mask to the task's output.
        lesson: What it is measured on.
        seconds: How long it took to get it.
    """
    call = tf.function(lambda image, valid: network([image, valid], training=False), reduce_retracing=True)
    head = head_for(int(network.outputs[0].shape[-1]), lesson)
    splits = {"": lesson.store.train, "val_": lesson.store.validation}
    metrics = {
        f"{prefix}{name}": value
        for prefix, kept in splits.items()
        for name, value in _measured(call, _thinned(kept), head, lesson.train.batch_size).items()
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


def _thinned(kept: Kept) -> Kept:
    """Patches from all over a split, few enough to be measured in a short time."""
    every = max(1, kept.label.size // _MOST_PIXELS)
    return Kept(kept.image[::every], kept.valid[::every], kept.label[::every], kept.corner[::every])


def _measured(call: Any, kept: Kept, head: Head, batch: int) -> dict[str, float]:
    measures = Measures(head.loss(), head.metrics())
    sums = measures.nothing()
    for first in range(0, len(kept), batch):
        image, valid, label = (part[first : first + batch] for part in (kept.image, kept.valid, kept.label))
        pixels = tf.constant(int(labelled(label).sum()), tf.float64)
        output = call(tf.constant(image.astype(np.float32)), tf.constant(valid.astype(np.float32)))
        loss = tf.cast(measures.loss(tf.constant(label), output), tf.float64) * pixels
        states = [loss, pixels, *measures.of_batch(tf.constant(label), output)]
        sums = [one + other for one, other in zip(sums, states, strict=True)]
    return measures.results(sums)
