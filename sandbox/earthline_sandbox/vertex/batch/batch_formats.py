"""Formats of the instances of a batch prediction, as JSON values one by one.

https://cloud.google.com/vertex-ai/docs/predictions/get-batch-predictions has them.
"""

import base64
import csv
import gzip
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Final

import orjson

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import mount

LARGEST_INSTANCE: Final = 64 * 2**20
"""Bytes of one instance."""

Found = tuple[Any, str]
"""The value of an instance, and why it is none; the reason is empty for one that is."""

_LENGTH: Final = struct.Struct("<Q")
_CHECKSUM: Final = 4


def read(settings: Settings, path: Path, kind: str) -> Iterator[Found]:
    """Reads the instances of an object.

    Args:
        settings: The sandbox.
        path: The object's file.
        kind: One of `KINDS`.

    Yields:
        Any value for `jsonl`, the columns by name for `csv`, and `{"b64": …}` for the others.

    Raises:
        OSError: The file cannot be read.
        ApiError: INVALID_ARGUMENT where its structure is broken, so that no later instance can be told.
    """
    if kind == "tf-record-gzip":
        with gzip.open(path, "rb") as file:
            yield from _records(file, path.name)
        return
    with path.open("rb") as file:
        yield from _READERS[kind](settings, file, path.name)


def _lines(file: BufferedIOBase, name: str) -> Iterator[bytes]:
    while line := file.readline(LARGEST_INSTANCE + 1):
        if len(line) > LARGEST_INSTANCE:
            raise invalid(f"{name} has a line of more than {LARGEST_INSTANCE} bytes.")
        if line.strip():
            yield line


def _json_lines(settings: Settings, file: BufferedIOBase, name: str) -> Iterator[Found]:
    for line in _lines(file, name):
        try:
            yield orjson.loads(line), ""
        except orjson.JSONDecodeError as error:
            yield line.decode("utf-8", "replace").strip(), f"The line is no JSON: {error}"


def _rows(settings: Settings, file: BufferedIOBase, name: str) -> Iterator[Found]:
    """Rows of a CSV file: what stands in quotes is text, the rest are numbers."""
    header: list[Any] = []
    for line in _lines(file, name):
        text = line.decode("utf-8", "replace").strip("\r\n")
        try:
            [row] = csv.reader([text], quoting=csv.QUOTE_NONNUMERIC, strict=True)
        except (csv.Error, ValueError) as error:
            if not header:
                raise invalid(f"The first row of {name} is no header of quoted names: {error}") from None
            yield text, f"The row cannot be read: {error}"
            continue
        if not header:
            header = [str(column) for column in row]
        elif len(row) != len(header):
            yield text, f"The row has {len(row)} values, the header {len(header)}."
        else:
            yield dict(zip(header, row, strict=True)), ""


def _records(file: BufferedIOBase, name: str) -> Iterator[Found]:
    """Records of a TFRecord file; their checksums are left to who reads the records."""
    try:
        while head := file.read(_LENGTH.size + _CHECKSUM):
            if len(head) < _LENGTH.size + _CHECKSUM:
                raise EOFError
            [size] = _LENGTH.unpack_from(head)
            if size > LARGEST_INSTANCE:
                raise invalid(f"{name} is no TFRecord file, or has a record of more than {LARGEST_INSTANCE} bytes.")
            record = file.read(size)
            if len(record) < size or len(file.read(_CHECKSUM)) < _CHECKSUM:
                raise EOFError
            yield {"b64": base64.b64encode(record).decode()}, ""
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise invalid(f"{name} is no TFRecord file, or is cut off.") from None


def _plain_records(settings: Settings, file: BufferedIOBase, name: str) -> Iterator[Found]:
    return _records(file, name)


def _listed_files(settings: Settings, file: BufferedIOBase, name: str) -> Iterator[Found]:
    for line in _lines(file, name):
        uri = line.decode("utf-8", "replace").strip()
        try:
            with mount.local_path(settings, uri).open("rb") as listed:
                content = listed.read(LARGEST_INSTANCE + 1)
        except (OSError, ApiError) as error:
            yield uri, f"{uri} cannot be read: {error}"
            continue
        if len(content) > LARGEST_INSTANCE:
            yield uri, f"{uri} has more than {LARGEST_INSTANCE} bytes."
        else:
            yield {"b64": base64.b64encode(content).decode()}, ""


_READERS: Final[dict[str, Callable[[Settings, BufferedIOBase, str], Iterator[Found]]]] = {
    "jsonl": _json_lines,
    "csv": _rows,
    "tf-record": _plain_records,
    "file-list": _listed_files,
}
KINDS: Final = frozenset({*_READERS, "tf-record-gzip"})
"""Formats that can be read; BigQuery's tables are not here."""
