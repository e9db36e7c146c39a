"""Two machines, or two devices of one, learn what one learns from the same batches."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from earthline.config import Train
from trainer import training
from trainer.description import HISTORY, KERAS_MODEL
from trainer.models.unet import UNet

SECTION = Train(
    model=UNet(filters=4, depth=1, dropout=0.0),
    epochs=3,
    batch_size=4,
    learning_rate=0.01,
    average="ema",
    replicas=2,
)
DEVICES = """
import sys
from pathlib import Path
import tensorflow as tf
from earthline.config import Train
from trainer import distribution, training

processor = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
distribution.strategy = lambda: tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
training.run(Train.model_validate_json(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
"""


def losses(folder: Path) -> list[list[float]]:
    epochs = json.loads((folder / HISTORY).read_text())["epochs"]
    return [[epoch["metrics"][name] for name in ("loss", "val_loss", "val_accuracy")] for epoch in epochs]


def started(words: list[str], environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def cluster() -> list[str]:
    """TF_CONFIG of a chief and a worker, as Vertex AI writes it."""
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    chief, worker = (f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)
    for each in sockets:
        each.close()
    tasks: Any = {"chief": [chief], "worker": [worker]}
    return [
        json.dumps({"cluster": tasks, "environment": "cloud", "task": {"type": kind, "index": 0}}) for kind in tasks
    ]


@pytest.mark.slow
def test_the_curves_and_the_weights_are_those_of_one_device(dataset: Callable[..., Path], tmp_path: Path) -> None:
    examples, section = dataset((14, 6, 2)), SECTION.model_dump_json()

    def task(folder: str) -> list[str]:
        words = ["--examples", str(examples), "--train", section, "--model-dir", str(tmp_path / folder)]
        return ["-m", "trainer.task", *words]

    devices = started(["-c", DEVICES, section, str(examples), str(tmp_path / "devices")])
    # This process has loaded TensorFlow already.
    training.run(SECTION, examples, tmp_path / "alone")
    told = devices.communicate()[0]
    assert devices.returncode == 0, told
    machines = [started(task("machines"), {"TF_CONFIG": config}) for config in cluster()]
    logs = [process.communicate(timeout=500)[0] for process in machines]
    assert [process.returncode for process in machines] == [0, 0], logs
    # The log of a job has each line once.
    assert ["3 steps an epoch on 2 device(s)" in lines for lines in logs] == [True, False]
    alone = keras.models.load_model(tmp_path / "alone" / KERAS_MODEL, compile=False).get_weights()
    for together in ("devices", "machines"):
        np.testing.assert_allclose(losses(tmp_path / together), losses(tmp_path / "alone"), rtol=1e-4)
        weights = keras.models.load_model(tmp_path / together / KERAS_MODEL, compile=False).get_weights()
        for one, other in zip(weights, alone, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-3)
