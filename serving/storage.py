"""Brings a SavedModel to this machine."""

import tempfile
from pathlib import Path

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
    from google.cloud import storage  # slow to import, and not needed for a local folder

    bucket, _, prefix = uri.removeprefix("gs://").partition("/")
    prefix = f"{prefix.rstrip('/')}/" if prefix.rstrip("/") else ""
    folder = Path(tempfile.mkdtemp(prefix="model-")).resolve()
    total = 0
    for blob in storage.Client().list_blobs(bucket, prefix=prefix):
        relative = blob.name.removeprefix(prefix)
        if not relative or relative.endswith("/"):
            continue
        target = (folder / relative).resolve()
        if not target.is_relative_to(folder):
            raise StorageError(f"the object {blob.name} reaches outside its folder")
        total += blob.size or 0
        if total > MAX_BYTES:
            raise StorageError(f"{uri} is larger than {MAX_BYTES:,} bytes")
        target.parent.mkdir(parents=True, exist_ok=True)
        blob.download_to_filename(str(target))
    return folder
