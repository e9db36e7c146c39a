"""Models of trees go the way of every other model: from examples to a saved network."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from earthline.config import Train
from earthline.config.model import Model
from earthline.formats import shards
from earthline.formats.examples import Patch, no_label
from earthline.formats.manifest import Manifest
from earthline.task.regression.task import Regression
from trainer import saved_network, training
from trainer.description import SAVED_MODEL, Description
from trainer.heads.regression import RegressionHead
from trainer.models.gradient_boosting import GradientBoosting
from trainer.models.random_forest import RandomForest
from trainer.trees import fitting, flattening
from trainer.trees.sample import Sample

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SMALL: dict[str, Model] = {
    "forest": RandomForest(trees=5, windows=(5,), balance=0.5),
    "boosting": GradientBoosting(rounds=5, windows=(5,), leaf_pixels=5, learning_rate=0.5),
}


@pytest.mark.parametrize("name", sorted(SMALL))
def test_trees_learn_and_are_saved_as_any_network(name: str, dataset: Callable[..., Path], tmp_path: Path) -> None:
    examples, model = dataset(), SMALL[name]
    state = training.run(Train(model=model), examples, tmp_path)
    assert [epoch.epoch for epoch in state.history] == [1] and state.best_epoch == 1
    # Squares three times as bright as the ground are no task for half of the pixels.
    assert state.history[0].metrics["val_accuracy"] > 0.95 and state.history[0].metrics["val_loss"] < 0.3
    described = Description.read(tmp_path)
    assert (described.stride, described.receptive_field) == (1, 5)
    network = saved_network.read(tmp_path)
    signature = tf.saved_model.load(str(tmp_path / SAVED_MODEL)).signatures["serving_default"]
    random = np.random.default_rng(1)
    image = random.uniform(0, 4000, (2, 7, 9, 3)).astype(np.float32)
    valid = (random.random((2, 7, 9, 1)) < 0.7).astype(np.float32)
    expected = network([image, valid])
    assert expected.shape == (2, 7, 9, 2)
    np.testing.assert_allclose(np.sum(expected, -1), 1, atol=1e-5)
    given = signature(image=tf.constant(image), valid=tf.constant(valid))["probabilities"]
    np.testing.assert_allclose(given, expected, atol=1e-6)
    # What a masked pixel holds changes nothing.
    np.testing.assert_array_equal(network([np.where(valid > 0, image, np.nan).astype(np.float32), valid]), expected)


def test_a_seed_determines_a_forest(dataset: Callable[..., Path], tmp_path: Path) -> None:
    examples = dataset()
    one, other, third = (
        training.run(Train(model=SMALL["forest"], seed=seed), examples, tmp_path / str(place)).history[0].metrics
        for place, seed in enumerate((1, 1, 2))
    )
    assert one == other != third


def values(folder: Path) -> Path:
    """Makes the labels of a dataset a value: a thousandth of the first band."""
    manifest = Manifest.read(folder)
    splits = {}
    for split, summary in manifest.splits.items():
        patches = [
            Patch.decode(record, manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type)
            for path in manifest.shards(folder, split)
            for record in shards.read(path)
        ]
        found = []
        for patch in patches:
            label = np.where(patch.valid, patch.image[..., 0] / np.float32(1000), no_label("float32"))
            found.append(dataclasses.replace(patch, label=label.astype(np.float32)))
        (folder / summary.shards[0].name).write_bytes(b"".join(shards.frame(patch.encode()) for patch in found))
        splits[split] = summary.model_copy(update={"labels": {"mean": 2.0, "std": 1.0}})
    task = Regression("height", "m", (0.0, 4.0), (1.0, 2.0)).record
    manifest.model_copy(update={"task": task, "label_type": "float32", "splits": splits}).write(folder)
    return folder


@pytest.mark.parametrize("loss", [None, {"name": "quantile"}])
@pytest.mark.parametrize("name", sorted(SMALL))
def test_trees_learn_a_value(
    name: str, loss: dict[str, str] | None, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    state = training.run(Train(model=SMALL[name], loss=loss), values(dataset()), tmp_path)
    # Values are from 1 to 3.3.
    assert state.history[0].metrics["val_rmse"] < 0.5
    image = np.full((1, 8, 8, 3), 3000, np.float32)
    found = saved_network.read(tmp_path)([image, np.ones((1, 8, 8, 1), np.float32)])
    interval = loss is not None and name == "boosting"
    assert found.shape == (1, 8, 8, 3 if interval else 1) and np.all((found[..., 0] > 2) & (found[..., 0] < 3.4))
    assert Description.read(tmp_path).further == (("q0.05", "q0.95") if interval else ())


def test_boosting_learns_an_interval_that_holds_as_many_as_asked() -> None:
    random, task = np.random.default_rng(3), Regression("height", "m", (0.0, 4.0), (1.0, 2.0))
    train, held, other = (
        Sample(random.uniform(0, 1, (4000, 2)).astype(np.float32), np.zeros(4000), None) for _ in range(3)
    )
    for each in (train, held, other):
        spread = random.normal(0, 0.1 + each.features[:, 0])
        each.labels[:] = each.features[:, 1] + spread
    model = GradientBoosting(rounds=60, leaf_pixels=50)
    estimator = flattening.shortened(model.fitted(task, train, held, 0, (0.5, 0.1, 0.9)))
    found = np.asarray(flattening.layer(estimator, "value")(other.features))
    np.testing.assert_allclose(found, estimator.predict(other.features), atol=1e-5)
    for column, share in enumerate((0.5, 0.1, 0.9)):
        assert (other.labels < found[:, column]).mean() == pytest.approx(share, abs=0.03)
    wide = found[:, 2] - found[:, 1]
    assert wide[other.features[:, 0] > 0.8].mean() > 3 * wide[other.features[:, 0] < 0.2].mean()


def test_bounds_that_cross_the_median_are_the_median() -> None:
    manifest = SimpleNamespace(
        task=Regression("height", "m", (0.0, 4.0), (1.0, 2.0)).record,
        splits={"train": SimpleNamespace(labels={"mean": 2.0, "std": 1.0})},
    )
    head = RegressionHead(Train(loss={"name": "quantile"}), manifest)  # type: ignore[arg-type]
    np.testing.assert_array_equal(head.ordered(np.array([[2.0, 3.0, 1.0], [2.0, 1.0, 3.0]])), [[2, 2, 2], [2, 1, 3]])


class _Constant:
    classes_ = np.array([0, 1])

    def predict_proba(self, features: Any) -> Any:
        return np.full((len(features), 2), 0.5)


def test_a_layer_that_differs_from_its_trees_is_refused() -> None:
    with pytest.raises(ValueError, match=r"differ from _Constant by 1\.0e-01"):
        fitting.require_same(lambda x: np.tile([0.4, 0.6], (len(x), 1)), _Constant(), np.zeros((3, 2), np.float32))
