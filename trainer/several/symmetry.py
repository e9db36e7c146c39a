"""A network becomes the average over the symmetries of the square: ground has no up and no left.

What it gives for a turned tile is turned back, so that each of the 8 answers is of the same ground. Their average does
not depend on how the tile lies, and errs less where the network has not learned so itself.
"""

import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import keras
from keras import layers, ops

from earthline.formats.examples import IMAGE, VALID
from trainer import measurement
from trainer.lesson import Learned, Lesson
from trainer.models.symmetric import Symmetric
from trainer.several import finished

_DOWN, _ACROSS = 1, 2


def learn(model: Symmetric, lesson: Lesson) -> Learned:
    """Trains the model, and averages it over the symmetries.

    Args:
        model: Section `train.model` of the config.
        lesson: What it learns from.

    Raises:
        ValueError: The model cannot learn from these examples.
    """
    began = time.monotonic()
    part = finished.learned(model.model, lesson, model.model.name.rpartition(":")[2])
    network = averaged(part.network, lesson.manifest.task.output)
    return Learned(network, measurement.state(network, lesson, time.monotonic() - began))


def averaged(network: Any, output: str) -> Any:
    """The average of a network over the 8 symmetries of the square.

    Args:
        network: Keras model from image and mask to outputs, for any height and width.
        output: Name of the last layer.
    """
    image = keras.Input(network.inputs[0].shape[1:], name=IMAGE)
    valid = keras.Input(network.inputs[1].shape[1:], name=VALID)
    alone = keras.Model(network.inputs, network.outputs[0], name="member")
    given = []
    for flipped, turned in _symmetries():
        seen = [_back(_flip(each, flipped), turned) for each in (image, valid)]
        # Undone in the other order.
        given.append(_flip(_back(alone(seen), turned), flipped))
    return keras.Model([image, valid], layers.Average(name=output, dtype="float32")(given), name="symmetric")


def _symmetries() -> Iterator[tuple[tuple[int, ...], bool]]:
    """Axes that are reversed, and whether rows and columns change places then."""
    for down, across, turned in product((False, True), repeat=3):
        yield tuple(axis for axis, chosen in ((_DOWN, down), (_ACROSS, across)) if chosen), turned


def _flip(values: Any, axes: tuple[int, ...]) -> Any:
    # Slices, as OpenVINO knows no TensorFlow operation that reverses.
    for axis in axes:
        values = values[:, ::-1] if axis == _DOWN else values[:, :, ::-1]
    return values


def _back(values: Any, turned: bool) -> Any:
    """Rows and columns change places; twice, and all is as it was."""
    return ops.transpose(values, (0, 2, 1, 3)) if turned else values
