"""TFRecord files, read and written without TensorFlow.

Framing: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

import base64
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

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
    return base64.b64encode(checksum.digest()).decode("ascii")


def read(path: Path) -> Iterator[bytes]:
    """The records of a file, in order.

    Raises:
        ShardError: Cut off or damaged; names the file and the record, counted from 0.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        yield from records(file, path.name)


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
    if len(header) < _HEADER.size:
        raise ShardError(f"{place}: the file ends inside the record's length; write the examples again")
    length, checksum = _HEADER.unpack(header)
    if _masked(header[:8]) != checksum or length > MAX_RECORD_BYTES:
        raise ShardError(f"{place}: the checksum of its length does not match; write the examples again")
    record = file.read(length)
    tail = file.read(_CHECKSUM.size)
    if len(record) < length or len(tail) < _CHECKSUM.size:
        raise ShardError(f"{place}: the file ends after {len(record):,} of {length:,} bytes; write the examples again")
    if _masked(record) != _CHECKSUM.unpack(tail)[0]:
        raise ShardError(f"{place}: the checksum of its {length:,} bytes does not match; write the examples again")
    return record


def _masked(content: bytes) -> int:
    checksum: int = google_crc32c.value(content)
    return ((checksum >> 15 | checksum << 17) + _MASK_DELTA) & 0xFFFFFFFF
