"""A saved network is read back, with the layers that Keras does not have."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import keras

import trainer.layers as _registered  # noqa: F401  # Keras finds a layer of ours once its module is imported
from trainer.description import DESCRIPTION, KERAS_MODEL, Description


def read(folder: Path, modules: Sequence[str] = ()) -> Any:
    """The Keras model of a model's folder, without what it was trained by.

    Args:
        folder: Folder that the trainer wrote.
        modules: Modules with further layers; those that the folder's description names are imported anyway.

    Raises:
        ValueError: The model is not there, or no Keras model.
        TypeError: It holds a layer that is not known here.
        ModuleNotFoundError: A module with layers is not installed here.
    """
    described = Description.read(folder).modules if (folder / DESCRIPTION).exists() else ()
    for module in (*modules, *described):
        import_module(module)
    return keras.models.load_model(folder / KERAS_MODEL, compile=False)
