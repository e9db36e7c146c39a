"""Files by names with * and ?, on this machine or in Cloud Storage: found, and read as a stream."""

import fnmatch
import glob
import gzip
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

REMOTE = "gs://"
_GZIP = b"\x1f\x8b"
_WILD = re.compile(r"[*?\[]")
_CHUNK = 4 << 20
"""Bytes that one request to Cloud Storage asks for."""
_BUFFER = 1 << 16
"""Bytes that are taken of them at a time."""


class PatternError(ValueError):
    """A name that matches nothing; the text says which."""


@dataclass(frozen=True)
class Found:
    """One file.

    Attributes:
        name: Its whole name: a path, or gs://bucket/name.
        size: In bytes.
        version: Changes when its content does.
    """

    name: str
    size: int
    version: str


def find(patterns: Sequence[str], project: str | None = None) -> tuple[Found, ...]:
    """The files that any of the patterns matches, each once, in order of their names.

    Args:
        patterns: Paths or gs://bucket/name, with * and ? in names.
        project: Google Cloud project of the requests; left out, that of the credentials.

    Raises:
        PatternError: One that matches no file.
        google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses.
    """
    found: dict[str, Found] = {}
    for pattern in patterns:
        mine = list(_remote(pattern, project) if pattern.startswith(REMOTE) else _local(pattern))
        if not mine:
            raise PatternError(f"{pattern} matches no file; check the name")
        found.update((each.name, each) for each in mine)
    return tuple(found[name] for name in sorted(found))


@contextmanager
def reading(name: str, project: str | None = None) -> Iterator[BinaryIO]:
    """Opens a file for reading; what gzip packed is unpacked, whatever the name ends with.

    Args:
        name: A path, or gs://bucket/name.
        project: Google Cloud project of the requests; left out, that of the credentials.

    Raises:
        OSError: The file cannot be read.
        google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses.
    """
    with _opened(name, project) as file:
        if file.peek(len(_GZIP)).startswith(_GZIP):
            with gzip.open(file, "rb") as unpacked:
                yield cast(BinaryIO, unpacked)
        else:
            yield file


class _Straight(io.RawIOBase):
    """An object of Cloud Storage from its beginning to its end.

    `BlobReader` asks Cloud Storage anew after every step back, and for what is behind the end as often as a reader
    asks, which gzip does several times.
    """

    def __init__(self, reader: Any) -> None:
        """Takes a `google.cloud.storage.fileio.BlobReader`."""
        self._reader, self._ended = reader, False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer; less means the end."""
        if self._ended:
            return 0
        found = self._reader.read(len(buffer))
        self._ended = len(found) < len(buffer)
        buffer[: len(found)] = found
        return len(found)


def _opened(name: str, project: str | None) -> io.BufferedReader:
    if not name.startswith(REMOTE):
        return Path(name).open("rb")
    bucket, _, path = name.removeprefix(REMOTE).partition("/")
    # Objects that say of themselves that they are packed come as they are stored, like any other.
    blob = _client(project).bucket(bucket).blob(path)
    return io.BufferedReader(_Straight(blob.open("rb", chunk_size=_CHUNK, raw_download=True)), _BUFFER)


def _local(pattern: str) -> Iterator[Found]:
    for name in glob.glob(pattern, recursive=True):
        if (path := Path(name)).is_file():
            state = path.stat()
            yield Found(name, state.st_size, str(state.st_mtime_ns))


def _remote(pattern: str, project: str | None) -> Iterator[Found]:
    bucket, _, path = pattern.removeprefix(REMOTE).partition("/")
    wild = _WILD.search(path)
    matches = re.compile(fnmatch.translate(path))
    for blob in _client(project).list_blobs(bucket, prefix=path[: wild.start()] if wild else path):
        if blob.name == path or matches.match(blob.name):
            yield Found(f"{REMOTE}{bucket}/{blob.name}", int(blob.size or 0), str(blob.generation))


def _client(project: str | None) -> Any:
    from google.cloud import storage  # slow to import, and not needed for local files

    return storage.Client(project=project)
