"""Networks with layers of our own pass the proof in a process that knows none of these layers."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from components.prepare_saved_model import export
from components.prepare_saved_model.proof import process
from components.prepare_saved_model.proof.evidence import Evidence
from earthline.config.model import Network
from earthline.formats.served.contract import Contract
from earthline.task.classification.task import Classification
from trainer import network
from trainer.layers.tree_ensemble import TreeEnsemble
from trainer.layers.windows import WindowFeatures
from trainer.models.pixel_mlp import PixelMlp
from trainer.models.temporal import Temporal
from trainer.statistics import Statistics
from trainer.trees import flattening

BANDS = ("red_t00", "nir_t00", "red_t01", "nir_t01")


@pytest.mark.slow
@pytest.mark.parametrize(
    "architecture",
    [PixelMlp(units=8, context=3, windows=(5, 9)), Temporal(filters=4).suited(BANDS)],
    ids=lambda architecture: architecture.name,
)
def test_they_pass_the_proof(architecture: Network, tmp_path: Path) -> None:
    keras.utils.set_random_seed(5)
    statistics = Statistics((20.0,) * len(BANDS), (10.0,) * len(BANDS), 1)
    built: Any = network.build(architecture, statistics, lambda x: keras.layers.Conv2D(2, 1, activation="softmax")(x))
    require_proven(built, architecture.stride, (4, 4), tmp_path)


@pytest.mark.slow
def test_a_forest_passes_the_proof(tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    windows = WindowFeatures(1, (5,))
    features = generator.normal(20, 10, (4000, 3 * len(BANDS))).astype(np.float32)
    learned = RandomForestClassifier(20, random_state=0).fit(features, features[:, 0] > generator.normal(20, 10, 4000))
    trees = flattening.layer(learned, "probabilities", 2)
    assert isinstance(trees, TreeEnsemble)
    image, valid = keras.Input((None, None, len(BANDS)), name="image"), keras.Input((None, None, 1), name="valid")
    seen = keras.ops.where(keras.ops.greater(valid, 0.5), image, 0.0)
    require_proven(keras.Model([image, valid], trees(windows([seen, valid]))), 1, (4, 4), tmp_path)


def require_proven(built: Any, stride: int, overlap: tuple[int, int], folder: Path) -> None:
    """Wraps a network for two classes and proves it in a process of its own."""
    contract = Contract(
        bands=BANDS,
        task=Classification(("dark", "bright")).record,
        tile_shape=(16, 16),
        overlap=overlap,
        stride=stride,
        max_payload_bytes=1_500_000,
    )
    export.save(built, contract, folder)
    image = np.random.default_rng(0).normal(20, 10, (2, 16, 16, len(BANDS))).astype(np.float32)
    # Flat ground, where the std of a window is 0 in every runtime or in none.
    image[0, :, 8:] = 3.3
    valid = np.ones((2, 16, 16), np.float32)
    valid[1, 2:9] = 0
    outputs = np.asarray(built([image, valid[..., np.newaxis]], training=False))
    seen = Evidence(BANDS, image, valid, np.zeros((2, 2), np.int64), outputs)
    assert process.prove(folder, seen).require() < 1e-5
