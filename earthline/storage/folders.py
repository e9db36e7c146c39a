"""Folders of Cloud Storage on this machine: bounded, and never outside the folder they are written to."""

from pathlib import Path

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
    from google.cloud import storage  # slow to import, and not needed for local folders

    scheme, _, rest = uri.partition("gs://")
    bucket, _, prefix = rest.partition("/")
    if scheme or not bucket:
        raise FolderError(f"{uri!r} is no gs:// folder")
    root = folder.resolve()
    prefix = f"{prefix.rstrip('/')}/" if prefix.rstrip("/") else ""
    total = 0
    for blob in storage.Client(project=project).list_blobs(bucket, prefix=prefix):
        relative = blob.name.removeprefix(prefix)
        if not relative or relative.endswith("/") or (names and relative not in names):
            continue
        target = (root / relative).resolve()
        if not target.is_relative_to(root):
            raise FolderError(f"the object {blob.name} reaches outside its folder")
        total += blob.size or 0
        if total > most:
            raise FolderError(f"{uri} is larger than {most:,} bytes")
        target.parent.mkdir(parents=True, exist_ok=True)
        blob.download_to_filename(str(target))
