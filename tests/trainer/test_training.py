import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from earthline.config import Train
from earthline.formats.manifest import Manifest
from trainer import distribution, network, training
from trainer.description import DESCRIPTION, HISTORY, KERAS_MODEL, LOGS, SAVED_MODEL, Description
from trainer.history import State
from trainer.input.store import Store
from trainer.models.unet import UNet
from trainer.statistics import Statistics

# Keras hands TensorFlow's arrays to h5py, and those do not know NumPy 2's `copy` yet: nothing of ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

TINY = Train(model=UNet(filters=4, depth=1, dropout=0.0), epochs=2, batch_size=4, learning_rate=0.01)


def softmax(features: Any) -> Any:
    return keras.layers.Conv2D(2, 1, activation="softmax", name="probabilities")(features)


@dataclass(frozen=True)
class Run:
    examples: Path
    model: Path
    state: State


@pytest.fixture(scope="module")
def whole(dataset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    examples, model = dataset(), tmp_path_factory.mktemp("model")
    return Run(examples, model, training.run(TINY, examples, model))


def test_a_run_leaves_all_that_later_steps_read(whole: Run) -> None:
    folder, model_folder, state = whole.examples, whole.model, whole.state
    assert sorted(path.name for path in model_folder.iterdir()) == sorted(
        [DESCRIPTION, HISTORY, KERAS_MODEL, LOGS, SAVED_MODEL]
    )
    assert [epoch["epoch"] for epoch in json.loads((model_folder / HISTORY).read_text())["epochs"]] == [1, 2]
    assert state.best_epoch in (1, 2)
    described = Description.read(model_folder)
    assert described.bands == ("red", "nir", "swir") and (described.stride, described.receptive_field) == (
        2,
        TINY.model.receptive_field,
    )

    image, valid = next(Store(folder, Manifest.read(folder), 0.5).validation.batches(4))
    values, seen = tf.cast(image, tf.float32), tf.cast(valid, tf.float32)
    expected = keras.models.load_model(model_folder / KERAS_MODEL, compile=False)([values, seen])
    np.testing.assert_allclose(tf.reduce_sum(expected, -1), 1, atol=1e-6)
    signature = tf.saved_model.load(str(model_folder / SAVED_MODEL)).signatures["serving_default"]
    assert set(signature.structured_outputs) == {"probabilities"}
    np.testing.assert_allclose(signature(image=values, valid=seen)["probabilities"], expected, atol=1e-6)


def test_values_under_the_mask_do_not_matter_and_valid_zeros_do() -> None:
    keras.utils.set_random_seed(1)
    model = network.build(UNet(filters=4, depth=2, dropout=0.0), Statistics((20.0, 30.0), (10.0, 10.0), 1), softmax)
    random = np.random.default_rng(3)
    image = random.uniform(0, 50, (1, 8, 8, 2)).astype(np.float32)
    valid = (random.random((1, 8, 8, 1)) < 0.6).astype(np.float32)
    expected = model([image, valid])
    for value in (0.0, 1e6, np.nan, np.inf):
        np.testing.assert_array_equal(model([np.where(valid > 0, image, value).astype(np.float32), valid]), expected)
    zeros = np.zeros_like(image)
    assert np.abs(model([zeros, np.ones_like(valid)]) - model([zeros + 7, np.ones_like(valid)])).max() > 1e-4
    assert np.isfinite(model([zeros, np.zeros_like(valid)])).all()


def test_a_patch_that_the_stride_does_not_divide_is_refused(dataset: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\[8, 8\] px do not divide by the stride 16 of unet"):
        training.run(TINY.model_copy(update={"model": UNet(depth=4)}), dataset(), tmp_path)


def test_an_empty_split_is_named(dataset: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="split 'validation'"):
        training.run(TINY, dataset((4, 0, 1)), tmp_path)


def test_one_machine_alone_is_the_chief() -> None:
    assert distribution.is_chief({})
    cluster = {"chief": ["a:1"], "worker": ["b:1"]}
    assert distribution.is_chief({"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "chief", "index": 0}})})
    assert not distribution.is_chief(
        {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 0}})}
    )
    with pytest.raises(ValueError, match="TF_CONFIG"):
        distribution.is_chief({"TF_CONFIG": "{"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--examples", "x", "--model-dir", "y", "--train", '{"epoch": 1}'], "epoch"),
        (["--examples", "x", "--model-dir", "y", "--train", "@/nowhere.json"], "nowhere.json"),
        (["--examples", "x"], "--train"),
    ],
)
def test_wrong_arguments_end_with_status_2_before_tensorflow_loads(arguments: list[str], message: str) -> None:
    done = subprocess.run([sys.executable, "-m", "trainer.task", *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert message in done.stderr
    assert "oneDNN" not in done.stderr
