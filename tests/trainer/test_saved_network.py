"""A saved network is read by steps that know nothing of how it was trained."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from trainer import network
from trainer.heads.class_metrics import metrics
from trainer.heads.cross_entropy import MaskedCrossEntropy
from trainer.models.pixel_mlp import PixelMlp
from trainer.models.unet import UNet
from trainer.statistics import Statistics

READER = """
import sys
import keras
import numpy as np

path, inputs, outputs = sys.argv[1:]
found = np.load(inputs)
answer = keras.models.load_model(path, compile=False)([found["image"], found["valid"]])
np.save(outputs, np.asarray(answer))
assert not [name for name in sys.modules if name.split(".")[0] == "trainer"]
try:
    keras.models.load_model(path)
except TypeError as error:
    assert "MaskedCrossEntropy" in str(error), error
else:
    raise AssertionError("the loss was found without the module that defines it")
"""


@pytest.mark.parametrize("model", [UNet(depth=1, filters=4), PixelMlp()], ids=lambda model: model.name)
def test_without_its_loss_and_metrics_it_is_read_by_keras_alone(model: UNet | PixelMlp, tmp_path: Path) -> None:
    statistics = Statistics(mean=(1.0, 2.0), std=(0.5, 2.0), pixels=10)
    trained = network.build(model, statistics, keras.layers.Conv2D(3, 1, activation="softmax"))
    trained.compile(optimizer="adamw", loss=MaskedCrossEntropy([1, 2, 1]), metrics=metrics(3))
    trained.save(tmp_path / "model.keras")
    random = np.random.default_rng(0)
    image = random.normal(size=(2, 8, 8, 2)).astype(np.float32)
    valid = (random.random((2, 8, 8, 1)) > 0.2).astype(np.float32)
    np.savez(tmp_path / "inputs.npz", image=image, valid=valid)
    files = [str(tmp_path / name) for name in ("model.keras", "inputs.npz", "outputs.npy")]
    reply = subprocess.run(
        [sys.executable, "-c", READER, *files], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert reply.returncode == 0, reply.stderr
    np.testing.assert_allclose(np.load(tmp_path / "outputs.npy"), np.asarray(trained([image, valid])), atol=1e-6)
