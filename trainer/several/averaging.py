"""Several networks become one that gives their average."""

import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from earthline.formats.examples import IMAGE, VALID
from trainer import measurement
from trainer.lesson import Learned, Lesson
from trainer.models.ensemble import Ensemble
from trainer.several import finished

_ROUNDS = 20
"""Members are added this often, so that weights are multiples of a twentieth."""


def average(model: Ensemble, lesson: Lesson) -> Learned:
    """Trains the members and averages them.

    Args:
        model: Section `train.model` of the config.
        lesson: What they learn from.

    Raises:
        ValueError: A member cannot learn from these examples.
    """
    began = time.monotonic()
    lessons = finished.apart(model.members, lesson)
    parts = [
        finished.learned(member, of_member, f"{place}-{member.name}")
        for place, (member, of_member) in enumerate(zip(model.members, lessons, strict=True))
    ]
    networks = [part.network for part in parts]
    weights = [1 / len(parts)] * len(parts)
    if model.weights == "validation":
        weights = chosen_weights(networks, lesson)
    shown = ", ".join(f"{weight:.2f} {part.model.name}" for weight, part in zip(weights, parts, strict=True))
    print(f"ensemble: {shown}", flush=True)
    network = averaged(networks, weights, lesson.manifest.task.output)
    return Learned(network, measurement.state(network, lesson, time.monotonic() - began))


def averaged(networks: Sequence[Any], weights: Sequence[float], output: str) -> Any:
    """One network of several.

    Args:
        networks: Keras models from image and mask to outputs; those that give more than another give their first ones.
        weights: Of each; their sum is 1.
        output: Name of the last layer.
    """
    image = keras.Input(networks[0].inputs[0].shape[1:], name=IMAGE)
    valid = keras.Input(networks[0].inputs[1].shape[1:], name=VALID)
    entries = min(int(network.outputs[0].shape[-1]) for network in networks)
    shares = []
    for place, (network, weight) in enumerate(zip(networks, weights, strict=True)):
        if weight:
            named = keras.Model(network.inputs, network.outputs[0], name=f"member_{place}")
            given = named([image, valid])[..., :entries]
            shares.append(layers.Rescaling(weight, dtype="float32")(given))
    # One alone is added to nothing.
    total = layers.Add(name=output, dtype="float32")(shares) if len(shares) > 1 else shares[0]
    return keras.Model([image, valid], total, name="ensemble")


def chosen_weights(networks: Sequence[Any], lesson: Lesson) -> list[float]:
    """The weights with which the average has the least loss on validation pixels.

    Members are added one by one, each time the one that lowers the loss most, the same one again if it does (Caruana
    et al. 2004, "Ensemble selection from libraries of models").

    Args:
        networks: Of the members.
        lesson: Which has the loss and the pixels.
    """
    pixels = lesson.pixels["validation"]
    entries = min(int(network.outputs[0].shape[-1]) for network in networks)
    outputs = [pixels.given(network).outputs[:, :entries] for network in networks]
    label = measurement.as_image(pixels.label)
    loss = measurement.head_for(entries, lesson).loss()
    counts = np.zeros(len(networks), np.int64)
    total = np.zeros_like(outputs[0], dtype=np.float64)
    for number in range(1, _ROUNDS + 1):
        losses = [
            float(loss(label, measurement.as_image(((total + output) / number).astype(np.float32))))
            for output in outputs
        ]
        best = int(np.argmin(losses))
        counts[best] += 1
        total += outputs[best]
    return [float(count) / _ROUNDS for count in counts]
