"""dBASE III tables, which hold the properties of shapefiles: read and written by hand.

GDAL reads and writes them as well, but not the same values: docs/decisions/0010 has the measurements.
"""

import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from earthline_sandbox.earthengine import computation
from earthline_sandbox.errors import invalid

_NAME_LENGTH = 10
_TEXT_BYTES = 254
_INTEGER_WIDTH = 20
_NUMBER_WIDTH = 24
# About what a row of nothing takes in memory, in bytes: a file may hold millions of them.
_ROW_BYTES = 200


class DbaseError(ValueError):
    """A damaged table."""


def rows(data: bytes, charset: str) -> Iterator[dict[str, Any] | None]:
    """The rows of a .dbf file; None stands for one that is marked as deleted.

    Args:
        data: The file.
        charset: Of names and texts. Bytes that are none of its characters become U+FFFD.

    Raises:
        DbaseError: It is shorter than it says.
        LookupError: No such charset.
    """
    if len(data) < 32:
        raise DbaseError("the .dbf file is shorter than its head")
    count, start, size = struct.unpack("<IHH", data[4:12])
    if size < 1 or start + count * size > len(data) + 1:
        raise DbaseError("the .dbf file is shorter than it says")
    columns: list[tuple[str, str, int]] = []
    at = 32
    while at + 32 <= start and data[at] != 0x0D:
        name = data[at : at + 11].split(b"\0", 1)[0].decode(charset, "replace")
        columns.append((name, chr(data[at + 11]), data[at + 16]))
        at += 32
    for number in range(count):
        computation.spend(_ROW_BYTES)
        row = data[start + number * size : start + (number + 1) * size]
        if row[:1] == b"*":
            yield None
            continue
        at, values = 1, {}
        for name, kind, width in columns:
            values[name] = _cell(row[at : at + width], kind, charset)
            at += width
        yield values


def _cell(raw: bytes, kind: str, charset: str) -> Any:
    text = raw.decode(charset, "replace").rstrip("\0 ")
    if kind in "NF":
        try:
            return int(text) if kind == "N" and "." not in text and "e" not in text.lower() else float(text)
        except ValueError:
            return None
    if kind == "L":
        return {"T": 1, "Y": 1, "F": 0, "N": 0}.get(text.strip().upper())
    return text


def write(table: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    """The .dbf file of some rows, in UTF-8.

    Args:
        table: Values by column.
        columns: What to keep, in this order. Names have at most ten characters, as in Earth Engine's exports.

    Raises:
        ApiError: INVALID_ARGUMENT where columns would have the same name.
    """
    short: dict[str, str] = {}
    for name in columns:
        cut = re.sub(r"\W", "_", name)
        while len(cut.encode()) > _NAME_LENGTH:
            cut = cut[:-1]
        if cut in short:
            raise invalid(
                f"A shapefile's column names have at most {_NAME_LENGTH} characters: '{short[cut]}' and '{name}' would "
                "be the same. Rename one, or choose by 'selectors'."
            )
        short[cut] = name
    fields = [_Field(cut, [row.get(name) for row in table]) for cut, name in short.items()]
    width = 1 + sum(field.width for field in fields)
    head = struct.pack("<4B", 3, 80, 1, 1) + struct.pack("<IHH20x", len(table), 33 + 32 * len(fields), width)
    lines = [b" " + b"".join(field.cells[number] for field in fields) for number in range(len(table))]
    return head + b"".join(field.descriptor for field in fields) + b"\r" + b"".join(lines) + b"\x1a"


class _Field:
    """One column: whole numbers where all are, else numbers, else text."""

    def __init__(self, name: str, values: Sequence[Any]) -> None:
        found = [value for value in values if value is not None]
        if found and all(isinstance(value, int) and len(str(int(value))) <= _INTEGER_WIDTH for value in found):
            kind, self.width, texts = b"N", _INTEGER_WIDTH, [_shown(value, str) for value in values]
        elif found and all(isinstance(value, int | float) for value in found):
            kind, self.width = b"F", _NUMBER_WIDTH
            texts = [_shown(value, lambda number: repr(float(number))) for value in values]
        else:
            kind, texts = b"C", [_shown(value, _text) for value in values]
        cells = [text.encode() for text in texts]
        if kind == b"C":
            cells = [cell[:_TEXT_BYTES].decode(errors="ignore").encode() for cell in cells]
            self.width = max(1, *map(len, cells)) if cells else 1
            self.cells = [cell.ljust(self.width) for cell in cells]
        else:
            self.cells = [cell.rjust(self.width) for cell in cells]
        decimals = 15 if kind == b"F" else 0
        self.descriptor = struct.pack("<11sc4xBB14x", name.encode(), kind, self.width, decimals)


def _shown(value: Any, form: Any) -> str:
    if value is None:
        return ""
    return str(form(int(value) if isinstance(value, bool) else value))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
