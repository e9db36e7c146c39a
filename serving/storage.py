"""Brings a SavedModel to this machine."""

import importlib.util
import tempfile
from pathlib import Path

from earthline.formats.served.contract import CONTRACT
from earthline.runtimes.openvino_runtime import FOLDER, NETWORK
from earthline.storage import folders

MAX_BYTES = 8 << 30
"""Largest model that is downloaded."""


_OPENVINO = (CONTRACT, f"{FOLDER}/{NETWORK}", f"{FOLDER}/{NETWORK.removesuffix('.xml')}.bin")
"""All that a model needs that OpenVINO computes."""


class StorageError(RuntimeError):
    """The model's folder cannot be read; the text says why."""


def local_folder(uri: str) -> Path:
    """A local folder with the files of `uri`.

    Args:
        uri: A path, which is given back, or gs://bucket/folder, which is downloaded. Where TensorFlow is not installed,
            what it alone would read stays there.

    Raises:
        StorageError: There is no prepared model, or it is too large.
    """
    folder = _download(uri) if uri.startswith("gs://") else Path(uri)
    if not (folder / "saved_model.pb").is_file() and not (folder / FOLDER / NETWORK).is_file():
        raise StorageError(f"{uri} holds no saved_model.pb; AIP_STORAGE_URI must be the SavedModel's own folder")
    return folder


def _download(uri: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="model-"))
    try:
        folders.download(uri, folder, MAX_BYTES, names=() if importlib.util.find_spec("tensorflow") else _OPENVINO)
    except folders.FolderError as error:
        raise StorageError(str(error)) from error
    return folder
