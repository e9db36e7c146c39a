"""Folders of Cloud Storage on this machine: bounded, and never outside the folder they are written to."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from earthline.storage import objects

FEW_BYTES = 64 << 20
"""Enough for what lies beside a model: contract and probe."""


class FolderError(RuntimeError):
    """A folder that cannot be brought here; the text says why."""


def download(uri: str, folder: Path, most: int, *, names: tuple[str, ...] = (), project: str | None = None) -> None:
    """Brings the objects below an address into a folder.

    Args:
        uri: gs://bucket/folder.
        folder: Existing folder to write into.
        most: Most bytes in all.
        names: Only these objects, by their path below the address; empty for all.
        project: Google Cloud project of the requests; left out, that of the credentials.

    Raises:
        FolderError: No gs:// address, an object that reaches outside the folder, or more bytes than allowed.
        google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses.
    """
    root = folder.resolve()
    total = 0
    for relative, blob in below(uri, project=project):
        if names and str(relative) not in names:
            continue
        if not is_inside(relative):
            raise FolderError(f"the object {blob.name} reaches outside its folder")
        total += blob.size or 0
        if total > most:
            raise FolderError(f"{uri} is larger than {most:,} bytes")
        objects.copy(blob, root / relative)


def below(uri: str, *, project: str | None = None, only: str = "") -> Iterator[tuple[PurePosixPath, Any]]:
    """The objects below an address.

    Args:
        uri: gs://bucket/folder.
        project: Google Cloud project of the requests; left out, that of the credentials.
        only: How paths below the address begin.

    Yields:
        Path below the address, which may reach anywhere (see `is_inside`), and the `google.cloud.storage.Blob`.

    Raises:
        FolderError: No gs:// address.
        google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses.
    """
    from google.cloud import storage  # slow to import, and not needed for local folders

    scheme, _, rest = uri.partition("gs://")
    bucket, _, prefix = rest.partition("/")
    if scheme or not bucket:
        raise FolderError(f"{uri!r} is no gs:// folder")
    prefix = f"{prefix.rstrip('/')}/" if prefix.rstrip("/") else ""
    for blob in storage.Client(project=project).list_blobs(bucket, prefix=prefix + only):
        relative = blob.name.removeprefix(prefix)
        if relative and not relative.endswith("/"):
            yield PurePosixPath(relative), blob


def is_inside(relative: PurePosixPath) -> bool:
    """False for a path that leaves the folder it is taken from: an object's name may hold `..`."""
    return not relative.is_absolute() and ".." not in relative.parts
