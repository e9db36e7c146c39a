"""Trains one network, epoch by epoch, and gives that of its best epoch."""

import math
import time
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from earthline.config.model import Network
from trainer import distribution
from trainer.history import Epoch
from trainer.input.feed import Feed
from trainer.lesson import Learned, Lesson
from trainer.loop import faults, speed
from trainer.loop.checkpoint import Array, Checkpoint, settings_of
from trainer.loop.early_stopping import EarlyStopping
from trainer.loop.steps import Measures, Sums
from trainer.loop.student import Student, built
from trainer.loop.summaries import Summaries

_TIMED_STEPS = 4
"""Steps that are timed before a way to compute the others is chosen; the one before them builds the graph."""


def teach(model: Network, lesson: Lesson) -> Learned:
    """Trains a network; where there is a checkpoint, it goes on from it.

    Args:
        model: Section `train.model` of the config, or one like it.
        lesson: What it learns from.

    Raises:
        ValueError: The loss is not finite, the batch does not fit the devices, or a metric is not known.
        OutOfMemory: A step needs more memory than there is.
    """
    # Weights, steps of validation and trials of other ways to compute need memory as steps of the training do.
    with faults.explained(lesson.train):
        return _Course(model, lesson).run()


class _Course:
    """One network's way from its first step to its last."""

    def __init__(self, model: Network, lesson: Lesson) -> None:
        self._model, self._lesson, self._train = model, lesson, lesson.train
        self._strategy = lesson.strategy
        self._devices = self._strategy.num_replicas_in_sync
        self._measures = Measures(lesson.head.loss(), lesson.head.metrics())
        self._feed = Feed(lesson.store, self._train, lesson.measured, distribution.parts(self._strategy))
        self._stopping = _stopping(lesson, self._feed.epochs)
        self._checkpoint = Checkpoint(lesson.checkpoint, distribution.is_chief())
        self._record = self._checkpoint.read(settings_of(model, lesson))
        distribution.require_agreement(self._strategy, self._record.step, f"the checkpoint in {lesson.checkpoint}")
        self._student = self._new_student(self._record.speed or speed.asked(self._train))
        self._sums: Sums = self._measures.nothing()
        self._best: list[Array] = []
        self._saved = time.monotonic()

    def run(self) -> Learned:
        """Trains, and builds the network that is kept."""
        began = time.monotonic()
        if self._record.arrays:
            self._restore()
        splits = self._lesson.manifest.splits
        height, width = self._train.crop_shape or self._lesson.manifest.patch_shape
        distribution.say(
            f"{self._model.name}: {self._student.learner.count_params():,} parameters; {splits['train'].examples} "
            f"training and {splits['validation'].examples} validation patches of {height} x {width} px; "
            f"{self._feed.steps} steps an epoch on {self._devices} device(s)"
        )
        if not self._finished:
            self._learn()
        state = self._record.state
        best = state.history[state.best_epoch - 1]
        distribution.say(
            f"trained in {time.monotonic() - began:.0f} s; {self._train.keep} epoch {best.epoch}: validation "
            f"{self._shown(best.metrics)}"
        )
        network = built(self._model, self._lesson, half=False, devices=1)
        network.set_weights(self._best)
        return Learned(network, state)

    @property
    def _finished(self) -> bool:
        history = self._record.state.history
        return len(history) >= self._feed.epochs or self._stopping.stops(history)

    def _learn(self) -> None:
        distribute = self._strategy.distribute_datasets_from_function
        batches = iter(distribute(lambda _: self._feed.training(self._record.step)))
        validation = distribute(lambda _: self._feed.validation())
        summaries = Summaries(self._lesson.logs, distribution.is_chief())
        while not self._finished:
            began = time.monotonic() - self._record.seconds
            self._train_epoch(batches, began)
            sums = self._student.steps.validate(
                iter(validation), tf.constant(self._feed.validation_steps), self._measures.nothing()
            )
            self._end_epoch(self._measures.results(self._sums), self._measures.results(sums), began, summaries)
        if self._stopping.stops(self._record.state.history) and len(self._record.state.history) < self._feed.epochs:
            distribution.say(
                f"no better validation {self._stopping.watch} since epoch "
                f"{self._stopping.best(self._record.state.history)}: stopping"
            )

    def _train_epoch(self, batches: Any, began: float) -> None:
        """Goes on to the end of the epoch."""
        record, feed = self._record, self._feed
        calls = 0
        while left := (len(record.state.history) + 1) * feed.steps - record.step:
            count = min(left, record.speed.calls if record.speed else 1 if calls == 0 else _TIMED_STEPS)
            before = time.monotonic()
            losses, self._sums = self._student.steps.train(batches, tf.constant(count), self._sums)
            losses = losses.numpy()
            seconds = (time.monotonic() - before) / count
            faults.require_finite(losses, record.step, feed, self._lesson.store, self._kept)
            record.step += count
            calls += 1
            if record.speed is None and calls > 1:
                self._choose(seconds)
            if time.monotonic() - self._saved >= self._train.checkpoint_minutes * 60 and left > count:
                record.seconds = time.monotonic() - began
                self._save(best=False)

    def _end_epoch(
        self, trained: Mapping[str, float], validated: Mapping[str, float], began: float, summaries: Summaries
    ) -> None:
        record = self._record
        number = len(record.state.history) + 1
        metrics = {**trained, **{f"val_{name}": value for name, value in validated.items()}}
        wrong = [name for name, value in validated.items() if not math.isfinite(value)]
        if "loss" in wrong or self._stopping.watch in wrong:
            raise faults.NotFinite(
                f"epoch {number}: the validation's {wrong[0]} is {validated[wrong[0]]}; lower train.learning_rate; "
                f"{self._kept}"
            )
        seconds = time.monotonic() - began
        record.state.history.append(Epoch(epoch=number, seconds=round(seconds, 3), metrics=metrics))
        best = number if self._train.keep == "last" else self._stopping.best(record.state.history)
        record.state.best_epoch = best
        record.seconds = 0.0
        distribution.say(
            f"epoch {number}/{self._feed.epochs}: loss {metrics['loss']:.4f}, validation loss "
            f"{metrics['val_loss']:.4f}, {self._shown(metrics)}, {seconds:.1f} s"
        )
        summaries.write(number, {**metrics, "seconds": seconds})
        self._sums = self._measures.nothing()
        if best == number:
            self._best = self._student.weights()
        self._save(best=best == number)

    def _choose(self, seconds: float) -> None:
        """Chooses how the other steps are computed, by the time that the last ones took."""
        record = self._record
        remaining = self._all_steps - record.step
        seconds = distribution.mean(self._strategy, seconds)
        record.speed = speed.choose(
            self._train, self._student.speed, seconds, remaining, self._devices, self._seconds_of_a_step
        )
        if (record.speed.xla, record.speed.half) != (self._student.speed.xla, self._student.speed.half):
            values = self._student.values()
            self._student = self._new_student(record.speed)
            self._student.take(values)

    def _seconds_of_a_step(self, way: speed.Speed) -> float:
        """The time of a step that is computed in another way; infinite where it cannot be."""
        try:
            student = self._new_student(way)
            batches = iter(self._strategy.distribute_datasets_from_function(lambda _: self._feed.training(0)))
            for count in (1, min(_TIMED_STEPS, self._all_steps - 1)):
                before = time.monotonic()
                losses, _ = student.steps.train(batches, tf.constant(count), self._measures.nothing())
                losses.numpy()
            return distribution.mean(self._strategy, (time.monotonic() - before) / count)
        except (tf.errors.OpError, TypeError, ValueError) as error:
            distribution.say(f"steps cannot be computed by {way.told} here: {str(error).splitlines()[0][:200]}")
            return math.inf

    def _new_student(self, way: speed.Speed) -> Student:
        return Student(self._model, self._lesson, self._measures, self._all_steps, way)

    def _save(self, *, best: bool) -> None:
        values = self._student.values()
        arrays = [*(array for group in values.values() for array in group), *(each.numpy() for each in self._sums)]
        self._checkpoint.save(self._record, arrays, self._best if best else None)
        self._saved = time.monotonic()

    def _restore(self) -> None:
        arrays = iter(self._checkpoint.arrays(self._record))
        values = {name: [next(arrays) for _ in group] for name, group in self._student.values().items()}
        self._student.take(values)
        self._sums = [tf.constant(array) for array in arrays]
        if self._record.weights:
            self._best = self._checkpoint.weights(self._record)
        epoch, inside = divmod(self._record.step, self._feed.steps)
        distribution.say(f"restored the checkpoint of epoch {epoch}, step {inside} of the next")

    @property
    def _all_steps(self) -> int:
        return self._feed.steps * self._feed.epochs

    @property
    def _kept(self) -> str:
        record = self._record
        if not record.arrays:
            return "no epoch ended before"
        return (
            f"the state of step {record.step} and the weights of epoch {record.state.best_epoch} are kept in "
            f"{self._lesson.checkpoint}"
        )

    def _shown(self, metrics: Mapping[str, float]) -> str:
        return ", ".join(f"{words} {metrics[f'val_{name}']:.4f}" for name, words in self._lesson.head.watched.items())


def _stopping(lesson: Lesson, epochs: int) -> EarlyStopping:
    train, watched = lesson.train, lesson.head.watched
    if train.watch != "loss" and train.watch not in watched:
        raise ValueError(f"train.watch: '{train.watch}' is not measured; use loss or one of {', '.join(watched)}")
    return EarlyStopping(train.patience_for(epochs), train.watch, train.watch in lesson.head.rising, train.smoothing)
