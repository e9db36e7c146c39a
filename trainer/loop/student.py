"""A network that learns: its weights, its optimizer, and the average that is validated."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from earthline.config.model import Network
from trainer import initial, network
from trainer.lesson import Lesson
from trainer.loop.checkpoint import Array
from trainer.loop.optimizer import optimizer
from trainer.loop.speed import Speed
from trainer.loop.steps import Guidance, Measures, Steps

Values = Mapping[str, Sequence[Array]]
"""All that the next step depends on: arrays by whose they are."""


class Student:
    """Networks and optimizer of a run, for one way to compute steps."""

    def __init__(self, model: Network, lesson: Lesson, measures: Measures, steps: int, speed: Speed) -> None:
        """Builds them, with the weights that the seed gives.

        Args:
            model: Section `train.model` of the config, or one like it.
            lesson: What it learns from.
            measures: Loss and metrics.
            steps: Steps of all epochs together.
            speed: How a step is computed.
        """
        train, strategy = lesson.train, lesson.strategy
        averages = train.average == "ema"
        keras.utils.set_random_seed(train.seed)
        with strategy.scope():
            self.learner = built(model, lesson, half=speed.half, devices=strategy.num_replicas_in_sync)
            self.judged = self.learner
            if averages or speed.half:
                # Half precision is for learning alone: what is validated, saved and served computes in float32.
                self.judged = built(model, lesson, half=False, devices=strategy.num_replicas_in_sync)
                self.judged.set_weights(self.learner.get_weights())
            self._optimizer = optimizer(train, steps)
            self._optimizer.build(self.learner.trainable_variables)
        self.speed = speed
        self._strategy = strategy
        self._averages = averages
        self.steps = Steps(
            strategy=strategy,
            learner=self.learner,
            judged=self.judged,
            optimizer=self._optimizer,
            measures=measures,
            decay=train.average_decay if averages else 0.0,
            speed=speed,
            guidance=guidance(lesson),
        )
        self._part_seeds()

    def values(self) -> dict[str, list[Array]]:
        """All that the next step depends on."""
        groups = {"learner": self.learner.variables, "optimizer": self._optimizer.variables}
        if self._averages:
            groups["judged"] = self.judged.weights
        return {name: [np.asarray(variable.numpy()) for variable in group] for name, group in groups.items()}

    def take(self, values: Values) -> None:
        """Takes over what another student had, or this one before an interruption.

        Args:
            values: Of `values`.
        """
        with self._strategy.scope():
            _assign(self.learner.variables, values["learner"])
            _assign(self._optimizer.variables, values["optimizer"])
            if self._averages:
                _assign(self.judged.weights, values["judged"])
            elif self.judged is not self.learner:
                self.judged.set_weights(self.learner.get_weights())
        self._part_seeds()

    def weights(self) -> list[Array]:
        """Those that were validated."""
        return [np.asarray(weight.numpy()) for weight in self.judged.weights]

    def _part_seeds(self) -> None:
        """Gives each device random numbers of its own: the same dropout everywhere would be less of it."""
        weights = {id(weight) for weight in self.learner.weights}
        for variable in self.learner.variables:
            if id(variable) not in weights:
                for number, local in enumerate(self._strategy.experimental_local_results(variable.value)):
                    seed, count = np.asarray(variable.numpy())
                    local.assign(np.array([int(seed) + number, count], variable.numpy().dtype))


def guidance(lesson: Lesson) -> Guidance | None:
    """How far a network is from what it follows; None where it learns from labels alone.

    Args:
        lesson: What it learns from.
    """
    guide = lesson.guide
    if guide is None:
        return None
    return Guidance(guide.network, guide.share, lesson.head.distance)


def built(model: Network, lesson: Lesson, *, half: bool, devices: int) -> Any:
    """A Keras model of an architecture and the task's head.

    Args:
        model: The architecture.
        lesson: What it learns from.
        half: Whether it computes in bfloat16.
        devices: That train together.
    """
    usual = keras.config.dtype_policy()
    try:
        if half:
            keras.config.set_dtype_policy("mixed_bfloat16")
        init = lesson.train.init
        measured = initial.statistics(init, lesson.measured) if init else lesson.measured
        made = network.build(model, measured, lesson.head.outputs, synchronized=devices > 1)
        if init:
            initial.begin(made, init, lesson.head)
        return made
    finally:
        keras.config.set_dtype_policy(usual)


def _assign(variables: Sequence[Any], values: Sequence[Array]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
