"""Single objects of Cloud Storage: small ones in memory, any one as a file that is whole or not there."""

import os
from pathlib import Path
from typing import Any


def read(uri: str, most: int, project: str) -> bytes | None:
    """The content of a small object.

    Args:
        uri: gs://bucket/name.
        most: Most bytes that are read.
        project: Google Cloud project of the request.

    Returns:
        Its content; None where there is no such object, or a larger one.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses.
    """
    from google.cloud import storage  # slow to import, and not needed for local folders

    bucket, _, name = uri.removeprefix("gs://").partition("/")
    blob = storage.Client(project=project).bucket(bucket).get_blob(name)
    if blob is None or blob.size is None or blob.size > most:
        return None
    content: bytes = blob.download_as_bytes()
    return content


def copy(blob: Any, path: Path) -> Path:
    """Copies an object to a file, whole or not at all: half a map must not pass for a map.

    Args:
        blob: The `google.cloud.storage.Blob`.
        path: File to write; folders above it are made where they are missing.

    Returns:
        The path.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses.
        OSError: The file cannot be written; no part of it stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        blob.download_to_filename(str(part))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
