"""The computation of training and validation, on one device or many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from earthline.formats.examples import no_label
from trainer.loop.optimizer import LARGEST_NORM
from trainer.loop.speed import Speed

Sums = list[Any]
"""float64 tensors: the loss times the labelled pixels, the labelled pixels, and the state of every metric. All of them
add up over batches."""


@dataclass(frozen=True)
class Measures:
    """What is made small, and what is measured.

    Attributes:
        loss: Keras loss: a mean over labelled pixels.
        metrics: Keras metrics whose state is a sum over pixels, such as means, confusion matrices and counts.
    """

    loss: Any
    metrics: Sequence[Any]

    def nothing(self) -> Sums:
        """The sums of no batch."""
        shapes = [(), (), *(variable.shape for variable in self._variables)]
        return [tf.zeros(shape, tf.float64) for shape in shapes]

    def results(self, sums: Sums) -> dict[str, float]:
        """Loss and metrics by name.

        Args:
            sums: Over all batches.
        """
        loss, labelled, *states = sums
        for variable, state in zip(self._variables, states, strict=True):
            variable.assign(tf.cast(state, variable.dtype))
        found = {"loss": float(loss) / max(float(labelled), 1.0)}
        return found | {metric.name: float(metric.result()) for metric in self.metrics}

    def of_batch(self, label: Any, output: Any) -> list[Any]:
        """The state of every metric after one batch alone."""
        states: list[Any] = []
        for metric in self.metrics:
            empty = [tf.zeros(variable.shape, variable.dtype) for variable in metric.variables]
            states += [tf.cast(each, tf.float64) for each in metric.stateless_update_state(empty, label, output)]
        return states

    @property
    def _variables(self) -> list[Any]:
        return [variable for metric in self.metrics for variable in metric.variables]


@dataclass(frozen=True)
class Guidance:
    """A network that another one follows.

    Attributes:
        network: Keras model of the same inputs, which learns no more.
        share: Of what is made small; labels have the rest.
        distance: From what it gives, what the other one gives, and where images are valid: a mean over valid pixels.
    """

    network: Any
    share: float
    distance: Callable[[Any, Any, Any], Any]


class Steps:
    """Trains a network and measures another one, or the same."""

    def __init__(
        self,
        *,
        strategy: Any,
        learner: Any,
        judged: Any,
        optimizer: Any,
        measures: Measures,
        decay: float,
        speed: Speed,
        guidance: Guidance | None = None,
    ) -> None:
        """Nothing is computed yet.

        Args:
            strategy: The `tf.distribute` strategy in whose scope the networks were built.
            learner: Keras model that is trained.
            judged: Keras model of the same weights that is validated; the learner itself, or their moving average.
            optimizer: Built for the learner.
            measures: Loss and metrics.
            decay: Share of the average that stays in each step.
            speed: How a step is computed.
            guidance: What the network follows beside the labels; None for labels alone.
        """
        self._guidance = guidance
        self._strategy, self._learner, self._judged = strategy, learner, judged
        self._optimizer, self._measures, self._decay = optimizer, measures, decay
        self._devices = strategy.num_replicas_in_sync
        # Neither has a branch or a loop for TensorFlow to find, and looking takes seconds.
        plain = tf.autograph.experimental.do_not_convert
        self._step = (
            tf.function(self._trained, jit_compile=True, autograph=False) if speed.xla else plain(self._trained)
        )
        self._measured = plain(self._seen)
        self.train = tf.function(self._train)
        """From an iterator over batches, how many of them, and sums so far: the loss of each, and the new sums."""
        self.validate = tf.function(self._validate)
        """Likewise, without the losses."""

    def _train(self, iterator: Any, count: Any, sums: Sums) -> tuple[Any, Sums]:
        losses = tf.TensorArray(tf.float32, size=count)
        for index in tf.range(count):
            loss, *found = self._local(self._strategy.run(self._step, args=next(iterator)))
            losses = losses.write(index, loss)
            sums = [one + other for one, other in zip(sums, found, strict=True)]
            if self._judged is not self._learner:
                self._average()
        return losses.stack(), sums

    def _validate(self, iterator: Any, count: Any, sums: Sums) -> Sums:
        for _ in tf.range(count):
            found = self._local(self._strategy.run(self._measured, args=next(iterator)))
            sums = [one + other for one, other in zip(sums, found, strict=True)]
        return sums

    def _trained(self, inputs: Any, label: Any) -> list[Any]:
        """One step on one device: the loss of the whole batch, and its sums."""
        labelled = _labelled(label)
        whole = self._summed(labelled)
        guide = self._guidance
        wanted = None if guide is None else guide.network(list(inputs), training=False)
        with tf.GradientTape() as tape:
            output = self._learner(list(inputs), training=True)
            # The mean over the whole batch: each device counts as much as it has labelled pixels.
            loss = self._measures.loss(label, output) * tf.math.divide_no_nan(labelled, whole)
            small = loss
            if guide is not None:
                distance = guide.distance(wanted, output, inputs[1])
                small = (1 - guide.share) * loss + guide.share * distance / self._devices
            small += tf.add_n([tf.zeros(()), *self._learner.losses]) / self._devices
        variables = self._learner.trainable_variables
        found = [tf.cast(loss, tf.float64), *self._measures.of_batch(label, output)]
        gradients = tape.gradient(small, [variable.value for variable in variables])
        # One after the other: what is summed together has to be of one type.
        gradients, (loss, *states) = self._summed(gradients), self._summed(found)
        gradients, _ = tf.clip_by_global_norm(gradients, LARGEST_NORM)
        self._optimizer.apply(gradients, variables)
        weight = tf.cast(whole, tf.float64)
        return [tf.cast(loss, tf.float32), loss * weight, weight, *states]

    def _seen(self, inputs: Any, label: Any) -> list[Any]:
        """The sums of one batch on one device, summed over all of them."""
        output = self._judged(list(inputs), training=False)
        weight = tf.cast(_labelled(label), tf.float64)
        loss = tf.cast(self._measures.loss(label, output), tf.float64) * weight
        summed: list[Any] = self._summed([loss, weight, *self._measures.of_batch(label, output)])
        return summed

    def _summed(self, values: Any) -> Any:
        if self._devices == 1:
            return values
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)

    def _local(self, values: Any) -> list[Any]:
        """Values that are the same on all devices."""
        return [self._strategy.experimental_local_results(value)[0] for value in values]

    def _average(self) -> None:
        """Moves the judged network's weights towards the learner's; the younger the average, the more."""
        count = tf.cast(self._optimizer.iterations, tf.float32)
        stays = tf.minimum(self._decay, (1 + count) / (10 + count))

        def moved(average: Any, weight: Any, stays: Any) -> None:
            average.assign(average * stays + weight * (1 - stays))

        for average, weight in zip(self._judged.weights, self._learner.weights, strict=True):
            self._strategy.extended.update(average.value, moved, args=(weight.value, stays))


def _labelled(label: Any) -> Any:
    none = tf.constant(no_label(label.dtype.name), label.dtype)
    return tf.reduce_sum(tf.cast(tf.not_equal(label, none), tf.float32))
