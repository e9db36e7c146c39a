"""Trains one network and gives that of its best epoch."""

import time
from typing import Any

import keras

from earthline.config import Train
from earthline.config.model import Network
from trainer import distribution, input_pipeline, network
from trainer.checkpoint import Checkpoint, shown
from trainer.lesson import Learned, Lesson

WARM_UP_SHARE = 0.05
"""Share of all steps in which the learning rate climbs; then it falls along a cosine."""
FINAL_SHARE = 0.01
"""Learning rate at the end, as a share of its peak."""


def teach(model: Network, lesson: Lesson) -> Learned:
    """Trains a network; where there is a checkpoint, it goes on from it.

    Args:
        model: Section `train.model` of the config, or one like it.
        lesson: What it learns from.

    Raises:
        ValueError: The loss is not finite.
    """
    train, manifest, head = lesson.train, lesson.manifest, lesson.head
    keras.utils.set_random_seed(train.seed)
    strategy = distribution.strategy()
    steps = input_pipeline.steps_per_epoch(manifest, train.batch_size)
    with strategy.scope():
        built = network.build(model, lesson.measured, head.outputs, synchronized=strategy.num_replicas_in_sync > 1)
        built.compile(optimizer=_optimizer(train, steps), loss=head.loss(), metrics=head.metrics())
    print(
        f"{model.name}: {built.count_params():,} parameters; {manifest.splits['train'].examples} training and "
        f"{manifest.splits['validation'].examples} validation patches of {manifest.patch_shape[0]} x "
        f"{manifest.patch_shape[1]} px; {steps} steps an epoch on {strategy.num_replicas_in_sync} replica(s)",
        flush=True,
    )
    progress = Checkpoint(
        lesson.checkpoint,
        epochs=train.epochs,
        patience=train.patience,
        watched=head.watched,
        writes=distribution.is_chief(),
    )
    began = time.monotonic()
    with strategy.scope():
        progress.restore(built)
        _fit(built, lesson, progress)
        progress.restore_best(built)
    best = progress.state.history[progress.state.best_epoch - 1]
    print(
        f"trained in {time.monotonic() - began:.0f} s; best epoch {best.epoch}: validation "
        f"{shown(best.metrics, head.watched)}",
        flush=True,
    )
    return Learned(built, progress.state)


def _optimizer(train: Train, steps: int) -> Any:
    total = steps * train.epochs
    warm_up = max(1, round(total * WARM_UP_SHARE))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=train.learning_rate / 25,
        decay_steps=max(1, total - warm_up),
        alpha=FINAL_SHARE,
        warmup_target=train.learning_rate,
        warmup_steps=warm_up,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=train.weight_decay, clipnorm=1.0)
    # Offsets and scales of normalization are not shrunk: that would pull every map to zero.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _fit(model: Any, lesson: Lesson, progress: Checkpoint) -> None:
    train, examples, manifest = lesson.train, lesson.examples, lesson.manifest
    validation = input_pipeline.read(examples, manifest, "validation", train.batch_size)
    while not progress.finished:
        number = progress.first_epoch
        batches = input_pipeline.epoch(
            examples,
            manifest,
            batch_size=train.batch_size,
            seed=train.seed,
            number=number,
            augment=train.augment,
            mask_share=train.mask_share,
        )
        model.fit(
            batches,
            initial_epoch=number,
            epochs=number + 1,
            validation_data=validation,
            callbacks=[progress],
            shuffle=False,
            verbose=0,
        )
