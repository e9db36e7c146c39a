"""Files that are whole or not there, in a folder of this machine or in Cloud Storage."""

import base64
import contextlib
import errno
import functools
import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
from apache_beam.io.filesystems import FileSystems
from google.api_core.exceptions import NotFound

from earthline.storage.patterns import REMOTE

PART = ".part"
"""What the name of a file ends with until it is whole."""


@dataclass(frozen=True)
class Written:
    """What stands in a file.

    Attributes:
        bytes: How long it is.
        crc32c: Checksum of all of it, as Cloud Storage shows it.
    """

    bytes: int
    crc32c: str


@dataclass(frozen=True)
class Listed:
    """A file of a folder.

    Attributes:
        name: Inside the folder, with `/` between the parts.
        bytes: How long it is.
        changed: When it was written last, seconds since 1970.
    """

    name: str
    bytes: int
    changed: float


def write_whole(folder: str, name: str, pieces: Iterable[bytes]) -> Written:
    """Writes a file under another name first, so that under its own it is either whole or not there.

    What is written has reached the disk before it gets its name: a machine that loses power keeps no half of it.

    Args:
        folder: A path or a gs:// URI; made where it is missing.
        name: File name.
        pieces: Content; taken one after the other, none is kept.

    Raises:
        OSError: The file cannot be written; no part of it stays where that can be helped.
    """
    return _write_remote(folder, name, pieces) if folder.startswith(REMOTE) else _write_local(folder, name, pieces)


def listed(folder: str) -> list[Listed]:
    """The files of a folder and of those below it, by name; none where there is no such folder.

    Args:
        folder: A path or a gs:// URI.

    Raises:
        OSError: The folder cannot be read (Beam's `BeamIOError` is one).
    """
    if not folder.startswith(REMOTE):
        root = Path(folder)
        found = []
        for path in sorted(root.rglob("*")):
            # Another process may remove its own files meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    state = path.stat()
                    found.append(Listed(path.relative_to(root).as_posix(), state.st_size, state.st_mtime))
        return found
    prefix = f"{folder.rstrip('/')}/"
    (matched,) = FileSystems.match([f"{prefix}**"])
    return sorted(
        (
            Listed(each.path.removeprefix(prefix), each.size_in_bytes, each.last_updated_in_seconds or 0.0)
            for each in matched.metadata_list
        ),
        key=lambda file: file.name,
    )


def remove(folder: str, names: Iterable[str]) -> None:
    """Removes files; one that is gone already is no error.

    Args:
        folder: A path or a gs:// URI.
        names: Inside it.

    Raises:
        OSError: One cannot be removed.
    """
    if not folder.startswith(REMOTE):
        for name in names:
            Path(folder, name).unlink(missing_ok=True)
        return
    paths = [posixpath.join(folder, name) for name in names]
    if paths:
        FileSystems.delete([path for path in paths if FileSystems.exists(path)])


def read_part(folder: str, name: str, offset: int, length: int, project: str = "") -> bytes:
    """Some bytes of a file; fewer where it ends before. Any thread may ask.

    Args:
        folder: A path or a gs:// URI.
        name: Inside it.
        offset: Of the first byte.
        length: How many.
        project: Google Cloud project of the request; left out, that of the credentials.

    Raises:
        OSError: The file cannot be read; FileNotFoundError where there is none.
        google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses.
    """
    if length <= 0:
        return b""
    if folder.startswith(REMOTE):
        bucket, _, path = posixpath.join(folder, name).removeprefix(REMOTE).partition("/")
        blob = _client(project).bucket(bucket).blob(path)
        try:
            content: bytes = blob.download_as_bytes(start=offset, end=offset + length - 1, raw_download=True)
        except NotFound as error:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{folder}/{name}") from error
        return content
    with Path(folder, name).open("rb", buffering=0) as file:
        file.seek(offset)
        # One call gives 2 GiB at most, and network file systems may give less than is there.
        pieces = []
        while length > 0 and (piece := file.read(length)):
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)


@functools.cache
def _client(project: str) -> Any:
    from google.cloud import storage  # slow to import, and not needed for local folders

    return storage.Client(project=project or None)


def _write_local(folder: str, name: str, pieces: Iterable[bytes]) -> Written:
    final = Path(folder, name)
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f"{final.name}{PART}")
    count = _Count()
    try:
        with part.open("wb") as file:
            for piece in count.of(pieces):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        part.replace(final)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    # The name itself reaches the disk with its folder; file systems that stand for a bucket know nothing of that.
    with contextlib.suppress(OSError):
        descriptor = os.open(final.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return count.written


def _write_remote(folder: str, name: str, pieces: Iterable[bytes]) -> Written:
    temporary, final = posixpath.join(folder, f"{name}{PART}"), posixpath.join(folder, name)
    count = _Count()
    with FileSystems.create(temporary, mime_type="application/octet-stream") as file:
        for piece in count.of(pieces):
            file.write(piece)
    if FileSystems.exists(final):
        FileSystems.delete([final])
    FileSystems.rename([temporary], [final])
    return count.written


class _Count:
    """Length and checksum of pieces that pass by."""

    def __init__(self) -> None:
        self._bytes, self._crc = 0, google_crc32c.Checksum()

    def of(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._bytes += len(piece)
            self._crc.update(piece)
            yield piece

    @property
    def written(self) -> Written:
        return Written(self._bytes, base64.b64encode(self._crc.digest()).decode("ascii"))
