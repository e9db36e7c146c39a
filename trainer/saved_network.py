"""A saved network is read back, with the layers that Keras does not have."""

from pathlib import Path
from typing import Any

import keras

import trainer.layers as _registered  # noqa: F401  # Keras finds a layer of ours once its module is imported
from trainer.description import KERAS_MODEL


def read(folder: Path) -> Any:
    """The Keras model of a model's folder, without what it was trained by.

    Args:
        folder: Folder that the trainer wrote.

    Raises:
        ValueError: It is not there, or no Keras model.
        TypeError: It holds a layer that is not known here.
    """
    return keras.models.load_model(folder / KERAS_MODEL, compile=False)
