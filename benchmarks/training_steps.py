"""Seconds of a training step of the product, beside the ways that anybody would take, and of a whole epoch."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from benchmarks import made_examples
from benchmarks.measurements import Measurement
from earthline.config import Train
from trainer.input.feed import Feed, Parts
from trainer.lesson import Lesson, learn
from trainer.loop.speed import Speed
from trainer.loop.steps import Measures
from trainer.loop.student import Student, built


def measure(
    *, patches: int = 160, side: int = 128, bands: int = 10, batch: int = 16, steps: int = 8, rounds: int = 3
) -> list[Measurement]:
    """All ways in turn on the same batches, the median of some rounds.

    Args:
        patches: Of the training split; a step of an epoch takes `batch` of them.
        side: Height and width of a patch in pixels.
        bands: Number of bands.
        batch: Patches of a step.
        steps: Of one round.
        rounds: How often each is measured.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made_examples.write(folder, (patches, batch, 1), side, bands)
        train = Train(batch_size=batch, epochs=3, patience=3, mask_share=0, augment=False, speed="plain")
        lesson = Lesson.prepared(
            train, folder, strategy=tf.distribute.get_strategy(), checkpoint=folder / "state", logs=folder / "logs"
        )
        ways = {
            "product": _product(lesson, steps),
            "Keras fit": _fit(lesson, steps),
            "a bare tf.function": _bare(lesson, steps, compiled=False),
            "a bare tf.function with XLA": _bare(lesson, steps, compiled=True),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(rounds + 1):
            for name, way in ways.items():
                began = time.perf_counter()
                way()
                if turn:  # the first one builds the graph
                    seconds[name].append((time.perf_counter() - began) / steps)
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        # The first epoch builds the graph too.
        epochs = [epoch.seconds for epoch in learn(train.model, lesson).state.history[1:]]
    found = [
        Measurement("a training step", medians["product"], name, medians[name], "s")
        for name in list(medians)
        if name != "product"
    ]
    bare = medians["a bare tf.function"] * (patches // batch)
    return [*found, Measurement("an epoch, validation included", min(epochs), "its steps, bare", bare, "s")]


def _product(lesson: Lesson, steps: int) -> Callable[[], None]:
    measures = Measures(lesson.head.loss(), lesson.head.metrics())
    feed = Feed(lesson.store, lesson.train.model_copy(update={"epochs": 10_000}), lesson.measured, Parts())
    network: Any = lesson.train.model
    student = Student(network, lesson, measures, feed.steps, Speed())
    batches = iter(feed.training(0))

    def way() -> None:
        losses, _ = student.steps.train(batches, tf.constant(steps), measures.nothing())
        losses.numpy()

    return way


def _fit(lesson: Lesson, steps: int) -> Callable[[], None]:
    network: Any = built(lesson.train.model, lesson, half=False, devices=1)  # type: ignore[arg-type]  # a U-Net
    network.compile(keras.optimizers.AdamW(1e-3, clipnorm=1.0), lesson.head.loss(), metrics=lesson.head.metrics())
    batches = _near(lesson, steps)
    return lambda: network.fit(batches, epochs=1, verbose=0)


def _bare(lesson: Lesson, steps: int, *, compiled: bool) -> Callable[[], None]:
    network: Any = built(lesson.train.model, lesson, half=False, devices=1)  # type: ignore[arg-type]  # a U-Net
    optimizer, loss = keras.optimizers.AdamW(1e-3, clipnorm=1.0), lesson.head.loss()
    optimizer.build(network.trainable_variables)

    @tf.function(jit_compile=compiled)  # type: ignore[untyped-decorator]  # TensorFlow publishes no types
    def step(inputs: Any, label: Any) -> Any:
        with tf.GradientTape() as tape:
            found = loss(label, network(list(inputs), training=True))
        gradients = tape.gradient(found, [variable.value for variable in network.trainable_variables])
        optimizer.apply(gradients, network.trainable_variables)
        return found

    batches = _near(lesson, steps)

    def way() -> None:
        for inputs, label in batches:
            last = step(inputs, label)
        last.numpy()

    return way


def _near(lesson: Lesson, steps: int) -> Any:
    """Batches that are ready before they are asked for."""
    feed = Feed(lesson.store, lesson.train.model_copy(update={"epochs": 10_000}), lesson.measured, Parts())
    return feed.training(0).take(steps).cache()
