"""TFRecord files, read and written without TensorFlow.

Framing: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

import base64
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import google_crc32c
import numpy as np

MAX_RECORD_BYTES = 1 << 30
"""A length above this is taken for a damaged file rather than believed."""

_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
_MASK_DELTA = 0xA282EAD8
_BLOCK = 4 << 20


class ShardError(ValueError):
    """A damaged file; the text names the file and the record."""


def frame(record: bytes) -> bytes:
    """One record as it stands in a file: length, its checksum, the record, its checksum."""
    length = len(record).to_bytes(8, "little")
    return b"".join((length, _CHECKSUM.pack(_masked(length)), record, _CHECKSUM.pack(_masked(record))))


def unframed(framed: bytes) -> bytes:
    """The record in a frame, without a look at its checksums."""
    return framed[_HEADER.size : -_CHECKSUM.size]


def crc32c(path: Path) -> str:
    """Checksum of a whole file, as Cloud Storage shows it: CRC32C, big-endian, in base64.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be read.
    """
    checksum = google_crc32c.Checksum()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum.update(block)
    return _shown(checksum)


def read(path: Path, checksum: str = "") -> Iterator[bytes]:
    """The records of a file, in order.

    Args:
        path: The file.
        checksum: Of the whole file, as `crc32c` gives it, to be compared when all is read; empty where unknown.

    Raises:
        ShardError: Cut off, damaged or another file; names the file and the record, counted from 0.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        if not checksum:
            yield from records(file, path.name)
            return
        summed = _Summed(file)
        yield from records(cast(BinaryIO, summed), path.name)
    if summed.checksum != checksum:
        raise ShardError(
            f"{path.name}: its records are whole, and yet it is not the file that the manifest tells of (CRC32C "
            f"{summed.checksum} instead of {checksum}); copy the dataset again, or write the examples again"
        )


class _Summed:
    """A file whose checksum is made of what is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._sum = file, google_crc32c.Checksum()

    def read(self, length: int) -> bytes:
        content = self._file.read(length)
        self._sum.update(content)
        return content

    @property
    def checksum(self) -> str:
        return _shown(self._sum)


def bounds(path: Path) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Where each record of a file begins, and where the last one ends, in bytes: (records + 1,). None is read.

    Args:
        path: The file, not packed.

    Raises:
        ShardError: As `read`, for lengths alone.
        OSError: The file cannot be read.
    """
    found = [0]
    with path.open("rb") as file:
        size = path.stat().st_size
        while header := file.read(_HEADER.size):
            place = f"{path.name}, record {len(found) - 1}"
            end = found[-1] + _HEADER.size + _length(header, place) + _CHECKSUM.size
            if end > size:
                raise ShardError(f"{place}: the file ends before it does; write the examples again")
            found.append(end)
            file.seek(end)
    return np.array(found, np.int64)


def records(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The records of an open file, in order.

    Args:
        file: As it stands on the disk: a compressed one is read through what unpacks it.
        name: For messages.

    Raises:
        ShardError: As `read`.
    """
    index = 0
    while (record := _next(file, f"{name}, record {index}")) is not None:
        yield record
        index += 1


def _next(file: BinaryIO, place: str) -> bytes | None:
    header = file.read(_HEADER.size)
    if not header:
        return None
    length = _length(header, place)
    record = file.read(length)
    tail = file.read(_CHECKSUM.size)
    if len(record) < length or len(tail) < _CHECKSUM.size:
        raise ShardError(f"{place}: the file ends after {len(record):,} of {length:,} bytes; write the examples again")
    if _masked(record) != _CHECKSUM.unpack(tail)[0]:
        raise ShardError(f"{place}: the checksum of its {length:,} bytes does not match; write the examples again")
    return record


def _shown(checksum: google_crc32c.Checksum) -> str:
    return base64.b64encode(checksum.digest()).decode("ascii")


def _length(header: bytes, place: str) -> int:
    if len(header) < _HEADER.size:
        raise ShardError(f"{place}: the file ends inside the record's length; write the examples again")
    length, checksum = _HEADER.unpack(header)
    if _masked(header[:8]) != checksum or length > MAX_RECORD_BYTES:
        raise ShardError(f"{place}: the checksum of its length does not match; write the examples again")
    return int(length)


def _masked(content: bytes) -> int:
    checksum: int = google_crc32c.value(content)
    return ((checksum >> 15 | checksum << 17) + _MASK_DELTA) & 0xFFFFFFFF
