"""One training run, from examples to a saved model."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from earthline.config import Train
from earthline.formats.examples import IMAGE, VALID
from trainer import distribution
from trainer.confidence import applicability, prior
from trainer.confidence.completion import complete
from trainer.description import HISTORY, KERAS_MODEL, LOGS, SAVED_MODEL, Description
from trainer.history import State, write_history
from trainer.lesson import Lesson, learn
from trainer.loop.checkpoint import remove
from trainer.mounts import mounted
from trainer.several.tuning import tuned


def run(train: Train, examples: Path, model_folder: Path, checkpoint: Path | None = None) -> State:
    """Trains a model and saves it.

    `model_folder` then holds `model.keras`, `saved_model/` (plain arrays in and out), `history.json` and
    `description.json`, and `logs/` for TensorBoard unless AIP_TENSORBOARD_LOG_DIR names another folder. A run that
    finds a checkpoint goes on from it.

    Args:
        train: Section `train` of the config.
        examples: Folder of the dataset.
        model_folder: Folder to write; made where it is not there.
        checkpoint: Folder for the checkpoint; left out, `checkpoint` in `model_folder`.

    Returns:
        Metrics of every epoch, and which one was best (it is the one that is saved).

    Raises:
        FileNotFoundError: The manifest or a shard is missing.
        ValueError: A split is empty, nothing is labelled, the patches do not fit the model, or the loss is not finite.
        OutOfMemory: A step needs more memory than there is.
    """
    strategy = distribution.strategy()  # first of all: TensorFlow asks for it
    folder, logs = checkpoint or model_folder / "checkpoint", os.environ.get("AIP_TENSORBOARD_LOG_DIR")
    lesson = Lesson.prepared(
        train,
        examples,
        strategy=strategy,
        checkpoint=folder,
        logs=mounted(logs) if logs else model_folder / LOGS,
    )
    # Before the hours that a training may take: examples that tell nothing of where a model reaches are refused here.
    ground = applicability.measured(lesson) if train.certainty.applicability else None
    moved = prior.factors(train.prior, lesson) if train.prior else None
    tried = None
    if train.tune is not None:
        lesson, tried = tuned(lesson)
        train = lesson.train
    learned, manifest = learn(train.model, lesson), lesson.manifest
    model = learned.model or train.model
    if distribution.is_chief():
        model_folder.mkdir(parents=True, exist_ok=True)
        whole = complete(learned.network, lesson, ground, moved)
        _save(whole.network, model_folder, model.stride, manifest.task.output)
        write_history(learned.state, model_folder / HISTORY)
        if learned.choice is not None:
            learned.choice.write(model_folder)
        if tried is not None:
            tried.write(model_folder)
        Description(
            bands=manifest.bands,
            data_type=manifest.data_type,
            task=manifest.task,
            further=(*_further(learned.network, lesson), *whole.further),
            certainty=whole.certainty,
            labels=manifest.splits["train"].labels,
            stride=model.stride,
            receptive_field=model.receptive_field,
            reach=model.reach,
            patch_shape=manifest.patch_shape,
            mean=lesson.measured.mean,
            std=lesson.measured.std,
            parameters=learned.network.count_params(),
            model=model.model_dump(mode="json"),
            of_trees=model.of_trees,
            expression_hash=manifest.expression_hash,
            modules=model.modules,
        ).write(model_folder)
        remove(folder)
    distribution.wait_for_all(strategy)
    return learned.state


def _further(network: Any, lesson: Lesson) -> tuple[str, ...]:
    """Names of outputs after the task's entries; a model that does not learn by the head's loss may give none."""
    given = int(network.outputs[0].shape[-1]) > len(lesson.manifest.task.entries)
    return lesson.head.further if given else ()


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
    # A session, and so `earthengine model prepare`, restores only what a module holds itself, not what lies in Keras'.
    module.weights = [variable.value for variable in model.variables]
    tf.saved_model.save(module, str(folder / SAVED_MODEL), signatures={"serving_default": compute})
    written = keras.models.load_model(folder / KERAS_MODEL)
    draw = np.random.default_rng(0)
    probe = [
        draw.normal(size=(1, 2 * stride, 2 * stride, bands)).astype(np.float32),
        draw.integers(0, 2, size=(1, 2 * stride, 2 * stride, 1)).astype(np.float32),
    ]
    if not np.allclose(written(probe), model(probe), atol=1e-6):
        raise ValueError(f"{KERAS_MODEL} read back gives other values than the model that was saved")
