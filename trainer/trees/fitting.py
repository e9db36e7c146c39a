"""Trees learn from a sample of training pixels, and become a network like any other."""

import time
from typing import Any

import keras
import numpy as np
from keras import ops

from earthline.formats.examples import IMAGE, VALID
from earthline.task import Task, task_of_record
from trainer import measurement
from trainer.input.drawn_pixels import drawn
from trainer.input.store import Kept
from trainer.layers.windows import WindowFeatures
from trainer.lesson import Learned, Lesson
from trainer.models.parts.pixel_trees import PixelTrees
from trainer.trees import flattening
from trainer.trees.sample import Sample, seen

Array = np.ndarray[Any, Any]

MOST_DIFFERENCE = 1e-5
"""Largest difference between the layer and scikit-learn, as a share of the largest number, that rounding explains."""
_PROVED = 5_000
"""Pixels for which the two are compared."""


def fit(model: PixelTrees, lesson: Lesson) -> Learned:
    """Trains a model of trees.

    Args:
        model: Section `train.model` of the config, or one like it.
        lesson: What it learns from.

    Raises:
        ValueError: Nothing is labelled, or the layer gives other values than scikit-learn.
    """
    began = time.monotonic()
    task, seed = task_of_record(lesson.manifest.task), lesson.train.seed
    features = WindowFeatures(model.context, model.windows)
    learned = _sample(model, lesson, task, features, lesson.store.train)
    held = _sample(model, lesson, task, features, lesson.store.validation)
    print(
        f"{model.name}: {len(learned.labels):,} training pixels with {learned.features.shape[1]} features each",
        flush=True,
    )
    estimator = flattening.shortened(model.fitted(task, learned, held, seed, lesson.head.quantiles))
    network = _network(model, features, estimator, lesson)
    require_same(network.get_layer(lesson.manifest.task.output), estimator, learned.features[:_PROVED])
    print(
        f"{model.name}: {flattening.told(estimator)}, fitted in {time.monotonic() - began:.1f} s",
        flush=True,
    )
    state = measurement.state(network, lesson, time.monotonic() - began)
    best = state.history[0].metrics
    shown = ", ".join(f"{words} {best[f'val_{name}']:.4f}" for name, words in lesson.head.watched.items())
    print(f"{model.name}: validation {shown}", flush=True)
    return Learned(network, state)


def require_same(layer: Any, estimator: Any, features: Array) -> None:
    """Checks that a layer gives what the estimator gives that it was made from.

    Args:
        layer: As `flattening.layer` gave it.
        estimator: Of scikit-learn.
        features: float32 (pixels, features).

    Raises:
        ValueError: They differ by more than rounding.
    """
    found = np.asarray(layer(features), np.float64)
    if hasattr(estimator, "predict_proba"):
        expected = flattening.spread(estimator.predict_proba(features), estimator.classes_, found.shape[-1])
    else:
        expected = estimator.predict(features).reshape(len(features), -1)
    largest = max(1.0, float(np.abs(expected).max()))
    difference = float(np.abs(found - expected).max()) / largest
    if not difference <= MOST_DIFFERENCE:
        raise ValueError(
            f"the trees as a layer differ from {type(estimator).__name__} by {difference:.1e}: this version of "
            "scikit-learn keeps its trees in another way; install one that pyproject.toml allows"
        )


def _sample(model: PixelTrees, lesson: Lesson, task: Task, features: WindowFeatures, kept: Kept) -> Sample:
    draw = drawn(kept.label, kept.corner, task, most=model.max_pixels, balance=model.balance, seed=lesson.train.seed)
    return seen(draw, kept.image, kept.valid, kept.label, features)


def _network(model: PixelTrees, features: WindowFeatures, estimator: Any, lesson: Lesson) -> Any:
    manifest = lesson.manifest
    classes = len(manifest.task.entries) if hasattr(estimator, "classes_") else None
    image = keras.Input((None, None, len(manifest.bands)), name=IMAGE)
    valid = keras.Input((None, None, 1), name=VALID)
    trees = flattening.layer(estimator, manifest.task.output, classes)
    # Chosen, not multiplied: 0 times NaN is NaN.
    seen_pixels = features([ops.where(ops.greater(valid, 0.5), image, 0.0), valid])
    given = trees(seen_pixels)
    if given.shape[-1] > len(manifest.task.entries):
        given = lesson.head.ordered(given)
    return keras.Model([image, valid], given, name=model.name)
