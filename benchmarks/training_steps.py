"""A training step of the product beside the ways that anybody would take, its input, and a whole epoch."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from benchmarks import made_examples
from benchmarks.measurements import Measurement, Taken, in_turn
from earthline.config import Train
from trainer.input.feed import Feed, Parts
from trainer.lesson import Lesson, learn
from trainer.loop.speed import Speed
from trainer.loop.steps import Measures
from trainer.loop.student import Student, built

_MANY = 10_000
"""Epochs of a feed that never ends."""
_EPOCHS = (1, 4)
"""Of two trainings: what the longer one takes more is epochs alone, without what comes before the first."""


def measure(
    *, patches: int = 160, side: int = 128, bands: int = 10, batch: int = 16, steps: int = 2, rounds: int = 9
) -> list[Measurement]:
    """All ways in turn on batches of the same shape, the median of some rounds.

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
        plain = Train(batch_size=batch, epochs=_MANY, patience=_MANY, mask_share=0, augment=False, speed="plain")
        lesson = Lesson.prepared(
            plain, folder, strategy=tf.distribute.get_strategy(), checkpoint=folder / "state", logs=folder / "logs"
        )
        changed = plain.model_copy(update={"mask_share": Train().mask_share, "augment": True})
        others = {
            "Keras fit": _fit(lesson, steps),
            "a bare tf.function": _bare(lesson, steps, compiled=False),
            "a bare tf.function with XLA": _bare(lesson, steps, compiled=True),
        }
        taken = in_turn(
            {
                "plain": _product(lesson, steps, Speed()),
                "xla": _product(lesson, steps, Speed(xla=True)),
                **others,
                "validation": _validation(lesson, steps),
                "input": _input(lesson, changed, steps),
            },
            rounds,
        )
        epoch = _epoch(lesson)
    found = []
    for where, seconds, of_epoch in (
        ("", {name: each.seconds / steps for name, each in taken.items()}, epoch.seconds),
        (", in processor time", {name: each.processor / steps for name, each in taken.items()}, epoch.processor),
    ):
        # `train.speed: auto` measures both ways and takes the faster one.
        step = min(seconds["plain"], seconds["xla"])
        found += [Measurement(f"a training step{where}", step, name, seconds[name], "s") for name in others]
        bare = min(seconds["a bare tf.function"], seconds["Keras fit"]) * (patches // batch) + seconds["validation"]
        found += [
            Measurement(f"an epoch without XLA{where}", of_epoch, "its steps and its validation, bare", bare, "s"),
            Measurement(f"a batch, turned and masked{where}", seconds["input"], "the step that it is for", step, "s"),
        ]
    return found


def _feed(lesson: Lesson, train: Train) -> Feed:
    return Feed(lesson.store, train, lesson.measured, Parts())


def _product(lesson: Lesson, steps: int, speed: Speed) -> Callable[[], object]:
    measures, feed = Measures(lesson.head.loss(), lesson.head.metrics()), _feed(lesson, lesson.train)
    network: Any = lesson.train.model
    student = Student(network, lesson, measures, feed.steps * feed.epochs, speed)
    batches = iter(feed.training(0))

    def way() -> None:
        losses, _ = student.steps.train(batches, tf.constant(steps), measures.nothing())
        losses.numpy()

    return way


def _validation(lesson: Lesson, steps: int) -> Callable[[], object]:
    """A bare pass over as many batches, with the product's loss and metrics."""
    network: Any = built(lesson.train.model, lesson, half=False, devices=1)  # type: ignore[arg-type]  # a U-Net
    measures = Measures(lesson.head.loss(), lesson.head.metrics())

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]  # TensorFlow publishes no types
    def seen(inputs: Any, label: Any) -> Any:
        output = network(list(inputs), training=False)
        return measures.loss(label, output), measures.of_batch(label, output)

    batches = _near(lesson, steps)
    return lambda: [seen(inputs, label)[0].numpy() for inputs, label in batches]


def _input(lesson: Lesson, train: Train, steps: int) -> Callable[[], object]:
    batches = iter(_feed(lesson, train).training(0))

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow publishes no types
    def drained(count: Any) -> Any:
        patches = tf.constant(0)
        for _ in tf.range(count):
            _, label = next(batches)
            patches += tf.shape(label)[0]
        return patches

    return lambda: drained(tf.constant(steps)).numpy()


def _epoch(lesson: Lesson) -> Taken:
    """An epoch through the product, with its validation, its log and its checkpoint."""
    found = []
    for epochs in _EPOCHS:
        part = lesson.part(f"epochs_{epochs}")
        train = part.train.model_copy(update={"epochs": epochs})
        began = Taken(time.perf_counter(), time.process_time())
        learn(train.model, Lesson(**{**vars(part), "train": train}))
        found.append(Taken(time.perf_counter() - began.seconds, time.process_time() - began.processor))
    (short, long), more = found, _EPOCHS[1] - _EPOCHS[0]
    return Taken((long.seconds - short.seconds) / more, (long.processor - short.processor) / more)


def _fit(lesson: Lesson, steps: int) -> Callable[[], object]:
    network: Any = built(lesson.train.model, lesson, half=False, devices=1)  # type: ignore[arg-type]  # a U-Net
    network.compile(
        keras.optimizers.AdamW(1e-3, global_clipnorm=1.0), lesson.head.loss(), metrics=lesson.head.metrics()
    )
    batches = _near(lesson, steps)
    return lambda: network.fit(batches, epochs=1, verbose=0)


def _bare(lesson: Lesson, steps: int, *, compiled: bool) -> Callable[[], object]:
    network: Any = built(lesson.train.model, lesson, half=False, devices=1)  # type: ignore[arg-type]  # a U-Net
    optimizer, loss = keras.optimizers.AdamW(1e-3, global_clipnorm=1.0), lesson.head.loss()
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
    batches = _feed(lesson, lesson.train).training(0).take(steps).cache()
    # Keras wonders about data that end before it is told that they would.
    return batches.apply(tf.data.experimental.assert_cardinality(steps))
