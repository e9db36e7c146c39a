"""Chunks: files that hold examples which have arrived, before it is known which shard each goes to.

A chunk is written once and never changed. It is a TFRecord file: one record per example, then a record that tells
which patches these are (a NumPy archive), then where that record begins. It counts only under its own name, which it
gets when it is whole, so that a process that is killed leaves whole chunks and nothing else that counts.
"""

import io
import json
import secrets
import struct
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import google_crc32c
import numpy as np

from components.export_examples.writing.files import read_part, write_whole
from earthline.formats import shards
from earthline.formats.descriptions import READING
from earthline.formats.manifest import SPLITS
from earthline.formats.shards import ShardError, frame

Array = np.ndarray[Any, Any]

SUFFIX = ".chunk"
CHUNK_BYTES = 16 << 20
"""A chunk is written when its examples are as many bytes."""
LEAST_SECONDS, MOST_SECONDS = 0.5, 10.0
"""Or when the first of them is as old: what a killed process loses was fetched within this time."""
_SHARE_LOST = 0.02
"""Of the time that a writer has worked: as long the first of its examples may wait. So a short export loses little, and
a long one does not leave thousands of small files."""

_END = struct.Struct("<Q8s")
_MAGIC = b"EARTHLN1"
_AGAIN = "run it again, and its patches are fetched again"
_BLOCK = 1 << 20
PLACES = np.dtype([("split", "u1"), ("row", "<i4"), ("column", "<i4"), ("offset", "<i8"), ("length", "<i4")])
"""One example of a chunk: its split's place in SPLITS, its first pixel, and the framed record's place in the file."""


class ChunkError(ValueError):
    """A chunk that cannot be used; the text says why."""


@dataclass(frozen=True)
class EncodedPatch:
    """A patch that has arrived.

    Attributes:
        split: Name of its split.
        row: Row of its first pixel on the region's grid.
        column: Column of its first pixel on the region's grid.
        example: The serialized example.
    """

    split: str
    row: int
    column: int
    example: bytes


@dataclass(frozen=True)
class LostPatch:
    """A patch that has no example, and never will: the imagery or the labels there are of no use.

    Attributes:
        split: Name of its split.
        row: Row of its first pixel on the region's grid.
        column: Column of its first pixel on the region's grid.
        reason: Why, in a few words.
    """

    split: str
    row: int
    column: int
    reason: str


@dataclass(frozen=True)
class Chunk:
    """What a chunk holds.

    Attributes:
        name: Of its file.
        places: Of the examples, (examples,) of `PLACES`, by split, row and column.
        lost: Patches without an example.
        bytes: Length of the file.
    """

    name: str
    places: Array
    lost: tuple[LostPatch, ...]
    bytes: int


def write(folder: str, patches: Sequence[EncodedPatch], lost: Sequence[LostPatch]) -> str:
    """Writes a chunk.

    Args:
        folder: A path or a gs:// URI.
        patches: Its examples.
        lost: Patches without an example.

    Returns:
        Its name, which no other chunk has.

    Raises:
        OSError: It cannot be written.
    """
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}{SUFFIX}"
    ordered = sorted(patches, key=lambda patch: (SPLITS.index(patch.split), patch.row, patch.column))
    write_whole(folder, name, _pieces(ordered, lost))
    return name


def read(folder: str, name: str, length: int, project: str = "", *, whole: bool = True) -> Chunk:
    """Reads what a chunk holds, without the examples themselves.

    Args:
        folder: A path or a gs:// URI.
        name: Of the chunk.
        length: Of its file, in bytes.
        project: Google Cloud project of requests to Cloud Storage.
        whole: Whether every byte is compared with its checksum, and not only those that are read anyway.

    Raises:
        ChunkError: It is damaged.
        OSError: It cannot be read.
    """
    begin = _begin(read_part(folder, name, max(length - _END.size, 0), _END.size, project), name, length)
    try:
        tail = read_part(folder, name, begin, length - _END.size - begin, project)
        (content,) = shards.records(io.BytesIO(tail), name)
        places, lost, checksum = _index(content)
    except (ShardError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ChunkError(f"{name}: its index is damaged ({error})") from error
    if whole:
        crc = 0
        for offset in range(0, begin, _BLOCK):
            crc = google_crc32c.extend(crc, read_part(folder, name, offset, min(_BLOCK, begin - offset), project))
        if crc != checksum:
            raise ChunkError(f"{name}: its examples are damaged")
    return Chunk(name, places, lost, length)


def example(folder: str, name: str, offset: int, length: int, project: str = "") -> bytes:
    """One framed record of a chunk, as it goes into a shard.

    Args:
        folder: A path or a gs:// URI.
        name: Of the chunk.
        offset: Of the record.
        length: Of the record with its frame.
        project: Google Cloud project of requests to Cloud Storage.

    Raises:
        ChunkError: It is damaged or gone.
        OSError: It cannot be read.
    """
    try:
        framed = read_part(folder, name, offset, length, project)
    except FileNotFoundError as error:
        raise ChunkError(f"{name} is gone: another export of the same patches has ended; {_AGAIN}") from error
    try:
        (_,) = shards.records(io.BytesIO(framed), name)
    except ValueError as error:
        raise ChunkError(f"{name}: its example at byte {offset:,} is damaged ({error}); {_AGAIN}") from error
    return framed


class ChunkWriter:
    """Gathers what arrives and writes a chunk whenever it is large or old enough; any thread may call it.

    It can be pickled: workers on other machines each have their own.
    """

    def __init__(self, folder: str, most_bytes: int = CHUNK_BYTES) -> None:
        """Starts with nothing.

        Args:
            folder: Of the spool, a path or a gs:// URI.
            most_bytes: A chunk is written when its examples are as many bytes.
        """
        self._folder, self._most_bytes = folder, most_bytes
        self._lock = threading.Lock()
        self._patches: list[EncodedPatch] = []
        self._lost: list[LostPatch] = []
        self._bytes, self._since, self._begun = 0, 0.0, 0.0

    def __reduce__(self) -> tuple[type["ChunkWriter"], tuple[str, int]]:
        """How another process makes its own: nothing that waits here is copied."""
        return type(self), (self._folder, self._most_bytes)

    def add(self, *arrived: EncodedPatch | LostPatch) -> None:
        """Takes patches.

        Raises:
            OSError: A chunk cannot be written; what it was to hold is kept, and tried again with the next one.
        """
        with self._lock:
            for each in arrived:
                if isinstance(each, LostPatch):
                    self._lost.append(each)
                else:
                    self._patches.append(each)
                    self._bytes += len(each.example)
            now = time.monotonic()
            self._begun, self._since = self._begun or now, self._since or now
            patience = min(max(LEAST_SECONDS, _SHARE_LOST * (now - self._begun)), MOST_SECONDS)
            if self._bytes >= self._most_bytes or now - self._since >= patience:
                self._write()

    def flush(self) -> None:
        """Writes what waits.

        Raises:
            OSError: The chunk cannot be written.
        """
        with self._lock:
            self._write()

    def _write(self) -> None:
        if self._patches or self._lost:
            write(self._folder, self._patches, self._lost)
        self._patches, self._lost, self._bytes, self._since = [], [], 0, 0.0


def _pieces(ordered: Sequence[EncodedPatch], lost: Sequence[LostPatch]) -> Iterator[bytes]:
    places, offset, crc = np.zeros(len(ordered), PLACES), 0, 0
    for index, patch in enumerate(ordered):
        framed = frame(patch.example)
        places[index] = (SPLITS.index(patch.split), patch.row, patch.column, offset, len(framed))
        offset, crc = offset + len(framed), google_crc32c.extend(crc, framed)
        yield framed
    told = [[each.split, each.row, each.column, each.reason] for each in lost]
    archive = io.BytesIO()
    np.savez(archive, places=places, lost=np.frombuffer(json.dumps(told).encode(), np.uint8), crc=np.uint32(crc))
    yield frame(archive.getvalue())
    yield _END.pack(offset, _MAGIC)


def _begin(end: bytes, name: str, length: int) -> int:
    """Where the index begins, from the last bytes of a chunk."""
    begin, magic = _END.unpack(end) if len(end) == _END.size else (0, b"")
    if magic != _MAGIC or begin > length - _END.size:
        raise ChunkError(f"{name}: it is cut off, or no chunk")
    return int(begin)


def _index(content: bytes) -> tuple[Array, tuple[LostPatch, ...], int]:
    with READING, np.load(io.BytesIO(content), allow_pickle=False) as archive:
        places, told, crc = archive["places"], archive["lost"].tobytes(), int(archive["crc"])
    if places.dtype != PLACES:
        raise ValueError(f"it is of another version: {places.dtype}")
    return places, tuple(LostPatch(*each) for each in json.loads(told)), crc
