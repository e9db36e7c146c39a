"""Models that come from outside are read: bounded, and without any code that they bring."""

import hashlib
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from earthline.config.model_file import ModelFile
from earthline.storage import folders
from trainer.layers import Resized  # a model of ours may hold any layer of ours: they are registered by this
from trainer.layers.dissimilarity import detached

MOST_BYTES = 4 << 30
"""Of a model, packed or unpacked."""


@lru_cache(maxsize=2)
def read(section: ModelFile) -> Any:
    """The Keras model of a file.

    Args:
        section: Which file.

    Returns:
        The model, without what it was trained by, and without the dissimilarity that Earthline may have added after its
        outputs: that is of other training pixels. It is read once in a process: change nothing in it.

    Raises:
        ValueError: It is not there, is too large, is another file than the config was checked with, or is no Keras
            model whose layers are known here.
    """
    with fetched(section) as path:
        return _read(section, path)


@contextmanager
def fetched(section: ModelFile) -> Iterator[Path]:
    """The file on this machine, which is the one that the config was checked with.

    Args:
        section: Which file.

    Raises:
        ValueError: It is not there, is too large, or is another file than the config was checked with.
    """
    if section.local:
        yield _same(section, Path(section.file))
        return
    above, _, name = section.file.rpartition("/")
    with tempfile.TemporaryDirectory(prefix="model-") as scratch:
        try:
            folders.download(above, Path(scratch), MOST_BYTES, names=(name,))
        except folders.FolderError as error:
            raise ValueError(f"{section.file} cannot be read: {error}") from error
        yield _same(section, Path(scratch) / name)


def _same(section: ModelFile, path: Path) -> Path:
    """The path, where the file that the config was checked with lies there."""
    if not path.is_file():
        raise ValueError(f"{section.file} is not there; correct the name")
    with path.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if section.sha256 not in (None, found):
        raise ValueError(f"{section.file} has SHA-256 {found}, not {section.sha256}: it is another file than before")
    return path


def _read(section: ModelFile, path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise ValueError(f"{section.file} is no Keras 3 model: such a file is a zip archive") from error
    if max(unpacked, path.stat().st_size) > MOST_BYTES:
        raise ValueError(f"{section.file} is larger than {MOST_BYTES:,} bytes")
    try:
        # Safe mode runs no function that the file brings.
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever a damaged or foreign config makes its layers raise
        told = " ".join(str(error).split())[:300]
        raise ValueError(
            f"{section.file} cannot be read as a Keras model ({type(error).__name__}: {told}); it may hold Keras' own "
            "layers and Earthline's, and no Lambda"
        ) from error
    if not isinstance(model, keras.Model):
        raise ValueError(f"{section.file} holds a {type(model).__name__}, and not a Keras model")
    return _of_any_shape(detached(model), section.file)


def _of_any_shape(model: Any, file: str) -> Any:
    """The same model with layers of ours where Keras' own can be computed for images of a fixed shape alone.

    Keras 3.15 compares the size that UpSampling2D asks of `keras.ops.image.resize` with 0, which no graph allows where
    height and width are free (keras/src/ops/image.py).
    """
    smooth = [
        each.interpolation
        for each in layers(model)
        if isinstance(each, keras.layers.UpSampling2D) and each.interpolation != "nearest"
    ]
    if not smooth:
        return model
    other = next((each for each in smooth if each != "bilinear"), None)
    if other is not None:
        raise ValueError(
            f"{file} has UpSampling2D(interpolation='{other}'), which Keras cannot compute for images of any height "
            "and width; use 'bilinear' or 'nearest'"
        )

    def free(layer: Any) -> Any:
        if isinstance(layer, keras.layers.UpSampling2D) and layer.interpolation == "bilinear":
            rates = [[int(factor), 1, 0, 1] for factor in layer.size]
            return Resized(rates, "half_pixel", name=layer.name, dtype=layer.dtype_policy)
        return layer.__class__.from_config(layer.get_config())

    found = keras.models.clone_model(model, clone_function=free, recursive=True)
    found.set_weights(model.get_weights())
    return found


def layers(model: Any) -> Iterator[Any]:
    """All layers, those of models inside of models too, in the order in which they are computed.

    Args:
        model: Keras model.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers(layer)
        else:
            yield layer


def require_any_shape(model: Any, file: str) -> None:
    """Computes nothing, but draws the graph that a SavedModel will be.

    Args:
        model: Keras model of images.
        file: Where it comes from, for the message.

    Raises:
        ValueError: A layer can be computed for images of a fixed height and width alone.
    """
    kinds = [tf.TensorSpec((None, None, None, each.shape[-1]), each.dtype) for each in model.inputs]
    try:
        tf.function(model).get_concrete_function(kinds if len(kinds) > 1 else kinds[0], training=False)
    except Exception as error:  # whatever a layer raises; TensorFlow puts its traceback before that
        told = " ".join(str(error).split())[-300:]
        raise ValueError(f"{file} cannot be computed for images of any height and width ({told})") from error


def bands(model: Any, file: str) -> int:
    """Number of bands that a model takes.

    Args:
        model: Keras model.
        file: Where it comes from, for the message.

    Raises:
        ValueError: It takes no images of any height and width, or its output is none.
    """
    shapes = [tuple(each.shape) for each in (*model.inputs, *model.outputs)]
    if len(model.outputs) != 1 or len(model.inputs) > 2 or any(len(shape) != 4 for shape in shapes):
        raise ValueError(
            f"{file} has inputs and outputs of the shapes {', '.join(map(str, shapes))}; it must take one image "
            "(patches, height, width, bands), with or without its validity (patches, height, width, 1), and give one "
            "output (patches, height, width, entries)"
        )
    fixed = [shape for shape in shapes if shape[1:3] != (None, None)]
    if fixed:
        height, width = fixed[0][1:3]
        raise ValueError(
            f"{file} takes or gives images of {height} x {width} px alone, and a map needs any shape; build it on "
            "`keras.Input((None, None, bands))` with the same weights, and save that"
        )
    return int(max(each.shape[-1] for each in model.inputs))
