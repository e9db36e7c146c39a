"""One training run, from examples to a saved model."""

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from earthline.config import Train
from earthline.formats.examples import IMAGE, VALID
from earthline.formats.manifest import Manifest
from trainer import distribution, heads, input_pipeline, network, statistics
from trainer.checkpoint import Checkpoint, shown
from trainer.description import HISTORY, KERAS_MODEL, SAVED_MODEL, Description
from trainer.history import State, write_history

WARM_UP_SHARE = 0.05
"""Share of all steps in which the learning rate climbs; then it falls along a cosine."""
FINAL_SHARE = 0.01
"""Learning rate at the end, as a share of its peak."""


def run(train: Train, examples: Path, model_folder: Path, checkpoint: Path | None = None) -> State:
    """Trains a model and saves it.

    `model_folder` then holds `model.keras`, `saved_model/` (plain arrays in and out), `history.json` and
    `description.json`. A run that finds a checkpoint goes on from it.

    Args:
        train: Section `train` of the config.
        examples: Folder of the dataset.
        model_folder: Folder to write; made where it is not there.
        checkpoint: Folder for the checkpoint; left out, `checkpoint` in `model_folder`.

    Returns:
        Metrics of every epoch, and which one was best (it is the one that is saved).

    Raises:
        FileNotFoundError: The manifest or a shard is missing.
        ValueError: A split is empty, nothing is labelled, or the patches do not fit the model.
    """
    manifest = Manifest.read(examples)
    _check(train, manifest)
    keras.utils.set_random_seed(train.seed)
    strategy = distribution.strategy()
    writes = distribution.is_chief()
    measured = statistics.of_patches(
        inputs for inputs, _ in input_pipeline.read(examples, manifest, "train", 64).as_numpy_iterator()
    )
    steps = input_pipeline.steps_per_epoch(manifest, train.batch_size)
    head = heads.find(manifest.task.name)(train, manifest)
    with strategy.scope():
        model = network.build(train.model, measured, head.outputs, synchronized=strategy.num_replicas_in_sync > 1)
        model.compile(optimizer=_optimizer(train, steps), loss=head.loss(), metrics=head.metrics())
    print(
        f"{train.model.name}: {model.count_params():,} parameters; {manifest.splits['train'].examples} training and "
        f"{manifest.splits['validation'].examples} validation patches of {manifest.patch_shape[0]} x "
        f"{manifest.patch_shape[1]} px; {steps} steps an epoch on {strategy.num_replicas_in_sync} replica(s)",
        flush=True,
    )

    progress = Checkpoint(
        checkpoint or model_folder / "checkpoint",
        epochs=train.epochs,
        patience=train.patience,
        watched=head.watched,
        writes=writes,
    )
    began = time.monotonic()
    with strategy.scope():
        progress.restore(model)
        _fit(model, train, examples, manifest, progress)
        progress.restore_best(model)
    best = progress.state.history[progress.state.best_epoch - 1]
    print(
        f"trained in {time.monotonic() - began:.0f} s; best epoch {best.epoch}: validation "
        f"{shown(best.metrics, head.watched)}",
        flush=True,
    )
    if writes:
        model_folder.mkdir(parents=True, exist_ok=True)
        _save(model, model_folder, train.model.stride, manifest.task.output)
        write_history(progress.state, model_folder / HISTORY)
        Description(
            bands=manifest.bands,
            data_type=manifest.data_type,
            task=manifest.task,
            labels=manifest.splits["train"].labels,
            stride=train.model.stride,
            receptive_field=train.model.receptive_field,
            patch_shape=manifest.patch_shape,
            mean=measured.mean,
            std=measured.std,
            parameters=model.count_params(),
            expression_hash=manifest.expression_hash,
        ).write(model_folder)
    progress.remove()
    return progress.state


def _check(train: Train, manifest: Manifest) -> None:
    stride = train.model.stride
    if any(pixels % stride for pixels in manifest.patch_shape):
        raise ValueError(
            f"patches of {list(manifest.patch_shape)} px do not divide by the model's stride {stride}; change "
            "export.patch_shape or train.model"
        )
    for split in ("train", "validation"):
        if manifest.splits[split].examples == 0 or manifest.splits[split].labelled_pixels == 0:
            raise ValueError(
                f"split '{split}' has {manifest.splits[split].examples} patches and no labelled pixel; give it a "
                "larger share (export.shares) or smaller blocks (export.block_shape)"
            )


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


def _fit(model: Any, train: Train, examples: Path, manifest: Manifest, progress: Checkpoint) -> None:
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


def _save(model: Any, folder: Path, stride: int, output: str) -> None:
    model.save(folder / KERAS_MODEL)
    bands = int(model.inputs[0].shape[-1])
    inputs = [
        tf.TensorSpec((None, None, None, bands), tf.float32, name=IMAGE),
        tf.TensorSpec((None, None, None, 1), tf.float32, name=VALID),
    ]

    @tf.function(input_signature=inputs)  # type: ignore[untyped-decorator]  # TensorFlow publishes no types
    def compute(image: Any, valid: Any) -> dict[str, Any]:
        return {output: model([image, valid], training=False)}

    # Not model.export(): it would name the output `output_0`.
    module = tf.Module()
    module.model = model
    tf.saved_model.save(module, str(folder / SAVED_MODEL), signatures={"serving_default": compute})
    written = keras.models.load_model(folder / KERAS_MODEL)
    draw = np.random.default_rng(0)
    probe = [
        draw.normal(size=(1, 2 * stride, 2 * stride, bands)).astype(np.float32),
        draw.integers(0, 2, size=(1, 2 * stride, 2 * stride, 1)).astype(np.float32),
    ]
    if not np.allclose(written(probe), model(probe), atol=1e-6):
        raise ValueError(f"{KERAS_MODEL} read back gives other values than the model that was saved")
