"""Where the values of an Example lie in its bytes: a patch is read without being copied.

The library for protocol buffers copies each record twice before a value can be seen, which takes longer than reading
the file. This knows byte strings, whole numbers, which is what patches are made of, and floats one behind the other, as
libraries write them.

Encoding: https://protobuf.dev/programming-guides/encoding
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

_VARINT, _LENGTH = 0, 2
"""Kinds of fields: a number, and bytes behind their length."""
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3
"""Numbers of the lists in a Feature (tensorflow/core/example/feature.proto)."""
_LONGEST = 63
"""Bits before the last byte of a number at most."""


class Other(ValueError):
    """A record that this does not know; the library may read it, or tell what is wrong."""


class Values(NamedTuple):
    """What a feature holds: all but one are empty."""

    strings: Sequence[memoryview | bytes] = ()
    integers: Sequence[int] = ()
    floats: memoryview | bytes = b""
    """Of four bytes each, the lowest first."""


def features(serialized: bytes) -> dict[str, Values]:
    """The features of an Example by name. Byte strings are views of it.

    Args:
        serialized: The record.

    Raises:
        Other: It is damaged, or holds floats one by one or anything else.
    """
    found: dict[str, Values] = {}
    for all_features in _messages(memoryview(serialized)):
        for entry in _messages(all_features):
            key, feature = _pair(entry)
            found[str(key, "utf-8", "replace")] = _values(feature)
    return found


def _values(feature: memoryview) -> Values:
    parts = list(fields(feature))
    if len(parts) != 1:
        raise Other
    number, content = parts[0]
    if number == _BYTES_LIST and isinstance(content, memoryview):
        return Values(strings=list(_messages(content)))
    if number == _INT64_LIST and isinstance(content, memoryview):
        return Values(integers=[value for part in fields(content) for value in _integers(*part)])
    if number == _FLOAT_LIST and isinstance(content, memoryview):
        return Values(floats=_floats(content))
    raise Other


def _floats(content: memoryview) -> memoryview:
    runs = list(_messages(content))
    if len(runs) != 1 or len(runs[0]) % 4:
        raise Other
    return runs[0]


def _integers(number: int, content: memoryview | int) -> Iterator[int]:
    if number != 1:
        raise Other
    if isinstance(content, int):
        yield _signed(content)
        return
    place = 0
    while place < len(content):
        value, place = _varint(content, place)
        yield _signed(value)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _messages(content: memoryview) -> Iterator[memoryview]:
    """The parts of a message that has one field, however often."""
    for number, part in fields(content):
        if number != 1 or isinstance(part, int):
            raise Other
        yield part


def _pair(entry: memoryview) -> tuple[memoryview, memoryview]:
    parts = list(fields(entry))
    if [number for number, _ in parts] != [1, 2]:
        raise Other
    (_, key), (_, value) = parts
    if isinstance(key, int) or isinstance(value, int):
        raise Other
    return key, value


def fields(content: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The fields of any message: their numbers, and whole numbers or views of what is behind a length.

    Raises:
        Other: It is damaged, or holds a number of fixed size.
    """
    place, end = 0, len(content)
    while place < end:
        tag, place = _varint(content, place)
        value, place = _varint(content, place)
        if tag & 7 == _VARINT:
            yield tag >> 3, value
            continue
        if tag & 7 != _LENGTH or place + value > end:
            raise Other
        yield tag >> 3, content[place : place + value]
        place += value


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    """The number at a place, and the place behind it."""
    value = shift = 0
    try:
        while (byte := content[place]) >= 0x80 and shift < _LONGEST:
            value |= (byte & 0x7F) << shift
            place, shift = place + 1, shift + 7
    except IndexError:
        raise Other from None
    if byte >= 0x80:
        raise Other
    return value | byte << shift, place + 1
