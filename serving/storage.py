"""Brings a SavedModel to this machine."""

import tempfile
from pathlib import Path

from earthline.storage import folders

MAX_BYTES = 8 << 30
"""Largest model that is downloaded."""


class StorageError(RuntimeError):
    """The model's folder cannot be read; the text says why."""


def local_folder(uri: str) -> Path:
    """A local folder with the files of `uri`.

    Args:
        uri: A path, which is given back, or gs://bucket/folder, which is downloaded.

    Raises:
        StorageError: There is no SavedModel, or it is too large.
    """
    folder = _download(uri) if uri.startswith("gs://") else Path(uri)
    if not (folder / "saved_model.pb").is_file():
        raise StorageError(f"{uri} holds no saved_model.pb; AIP_STORAGE_URI must be the SavedModel's own folder")
    return folder


def _download(uri: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="model-"))
    try:
        folders.download(uri, folder, MAX_BYTES)
    except folders.FolderError as error:
        raise StorageError(str(error)) from error
    return folder
