"""Where type, shape and values of a serialized TensorProto lie, as TensorFlow and Earth Engine write it."""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Serialized = bytes | memoryview
"""A TensorProto."""

TYPE_NAMES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string",
    9: "int64", 10: "bool", 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
"""NumPy's names of types by TensorFlow's numbers."""
FLOAT, STRING, UINT32 = 1, 7, 22
READ: dict[int, np.dtype[Any]] = {
    kind: np.dtype(TYPE_NAMES[kind]).newbyteorder("<") for kind in (FLOAT, 3, 4, 5, 6, 17, UINT32)
}
"""Types whose values are read, by their numbers."""
_DTYPE_TAG, _SHAPE_TAG, _CONTENT_TAG = 0x08, 0x12, 0x22
_DIMENSION_TAG, _SIZE_TAG = 0x12, 0x08


def varint(value: int) -> bytes:
    """A whole number, 0 or more, as protocol buffers write it."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def before_values(length: int) -> bytes:
    """Tag and length of the content, which stand between the shape and the values.

    Args:
        length: Of the values in bytes.
    """
    return bytes((_CONTENT_TAG,)) + varint(length)


@dataclass(frozen=True)
class Layout:
    """Type, shape and content in this order and nothing else.

    Attributes:
        kind: Number of the type.
        name: Its name.
        type: Of the values.
        shape: Of the tensor.
        count: Of its values.
        length: Tag and length of the content, which stand between the shape and the values.
        start: Where the values begin.
    """

    kind: int
    name: str
    type: np.dtype[Any]
    shape: tuple[int, ...]
    count: int
    length: bytes
    start: int


def in_place(serialized: Serialized) -> Layout | None:
    """Where the values of a tensor lie; None where it has to be parsed.

    Args:
        serialized: The tensor.
    """
    try:
        end = 4 + serialized[3]
    except IndexError:
        return None
    layout = _layout(bytes(serialized[:end]), len(serialized))
    return layout if layout is not None and serialized[end : layout.start] == layout.length else None


@functools.lru_cache(256)
def _layout(start: bytes, length: int) -> Layout | None:
    """The layout of so many bytes that begin with this type and shape; all inputs of a tile begin alike."""
    if start[0] != _DTYPE_TAG or start[1] not in READ or start[2] != _SHAPE_TAG or start[3] > 0x7F:
        return None
    place, shape = 4, []
    try:
        while place < len(start):
            after = place + 2 + start[place + 1]
            if start[place] != _DIMENSION_TAG or start[place + 2] != _SIZE_TAG:
                return None
            size, place = _number(start, place + 3)
            if place != after:
                return None
            shape.append(size)
    except IndexError:
        return None
    kind, count = READ[start[1]], math.prod(shape)
    content = before_values(kind.itemsize * count)
    begin = len(start) + len(content)
    if not count or begin + kind.itemsize * count != length:
        return None
    return Layout(start[1], TYPE_NAMES[start[1]], kind, tuple(shape), count, content, begin)


def _number(serialized: Serialized, place: int) -> tuple[int, int]:
    """The number at a place, of four bytes at most, and the place behind it. Raises IndexError where it is longer."""
    value = 0
    for shift in (0, 7, 14, 21):
        byte = serialized[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise IndexError
