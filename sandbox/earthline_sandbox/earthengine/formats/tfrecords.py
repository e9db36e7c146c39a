"""TFRecord files of `tf.train.Example` without TensorFlow.

Framing: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details. Field numbers:
tensorflow/core/example/example.proto and feature.proto.
"""

import gzip
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from earthline_sandbox.earthengine.formats.wire import WireError, delimited, fields, read_varint, signed

_BYTES, _FLOATS, _INTEGERS = 1, 2, 3
_GZIP = b"\x1f\x8b"

#: What a feature may hold: numbers become float32, except for integers read from a file; text becomes bytes.
Values = NDArray[Any] | Sequence[bytes]


class RecordError(ValueError):
    """Bytes that are no TFRecord file of Examples."""


def encode_example(features: Mapping[str, Values]) -> bytes:
    """A serialized Example; features in the order of their names, as a deterministic serialization writes them.

    Args:
        features: Name to an array of any shape, written row-major as floats, or to byte strings.
    """
    entries = []
    for name in sorted(features):
        values = features[name]
        if isinstance(values, np.ndarray):
            content = np.ascontiguousarray(values, dtype="<f4").tobytes()
            feature = delimited(_FLOATS, delimited(1, content) if content else b"")
        else:
            feature = delimited(_BYTES, b"".join(delimited(1, item) for item in values))
        entries.append(delimited(1, delimited(1, name.encode()) + delimited(2, feature)))
    return delimited(1, b"".join(entries))


def decode_example(data: bytes) -> dict[str, Values]:
    """Features by name: float32 or int64 arrays of one axis, or lists of bytes; raises RecordError."""
    try:
        entries = [
            _message(entry)
            for number, message in fields(memoryview(data))
            for inner, entry in (fields(_message(message)) if number == 1 else ())
            if inner == 1
        ]
        return dict(map(_entry, entries))
    except (WireError, UnicodeDecodeError) as error:
        raise RecordError(f"a record is no tf.train.Example: {error}") from error


def _entry(data: memoryview) -> tuple[str, Values]:
    parts = {number: _message(part) for number, part in fields(data)}
    return bytes(parts.get(1, b"")).decode(), _values(parts.get(2, memoryview(b"")))


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise WireError("a number stands where a message must be")
    return value


def _values(feature: memoryview) -> Values:
    for kind, content in fields(feature):
        parts = [part for number, part in fields(_message(content)) if number == 1]
        if kind == _BYTES:
            return [bytes(_message(part)) for part in parts]
        if kind == _FLOATS:
            joined = b"".join(bytes(_message(part)) for part in parts)
            if len(joined) % 4:
                raise WireError("a list of floats ends inside one")
            return np.frombuffer(joined, "<f4").astype("float32")
        if kind == _INTEGERS:
            numbers: list[int] = []
            for part in parts:
                if isinstance(part, int):
                    numbers.append(signed(part))
                    continue
                at = 0
                while at < len(part):
                    value, at = read_varint(part, at)
                    numbers.append(signed(value))
            return np.array(numbers, dtype="int64")
    return []


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def frame(record: bytes) -> bytes:
    """A record as a TFRecord file holds it: length, checksum, content, checksum."""
    length = struct.pack("<Q", len(record))
    return length + _masked_crc(length) + record + _masked_crc(record)


def records(path: Path, *, limit_bytes: int) -> Iterator[bytes]:
    """The records of a file, gzip or plain.

    Args:
        path: The file.
        limit_bytes: Largest size uncompressed, so that no file can exhaust memory or time.

    Raises:
        RecordError: Damaged, of another format, or larger.
    """
    with path.open("rb") as plain:
        zipped = plain.read(2) == _GZIP
        plain.seek(0)
        file: gzip.GzipFile | BufferedReader = gzip.GzipFile(fileobj=plain) if zipped else plain
        done = 0
        try:
            while header := file.read(12):
                if len(header) != 12 or _masked_crc(header[:8]) != header[8:]:
                    raise RecordError(f"byte {done} does not begin a TFRecord")
                (length,) = struct.unpack("<Q", header[:8])
                if done + length > limit_bytes:
                    raise RecordError(f"it is larger than {limit_bytes} bytes")
                content = file.read(length + 4)
                record, checksum = content[:-4], content[-4:]
                if len(content) != length + 4 or _masked_crc(record) != checksum:
                    raise RecordError(f"the record at byte {done} is damaged")
                done += len(header) + len(content)
                yield record
        except (EOFError, OSError, zlib.error) as error:
            raise RecordError(f"its gzip stream is damaged: {error}") from error
