"""The wire form of protocol buffers, as far as tensors and Examples need it: numbers and length-delimited fields.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator


class WireError(ValueError):
    """Bytes that are not a serialized message."""


def varint(value: int) -> bytes:
    """A whole number, 7 bits a byte; negative ones as 64-bit two's complement."""
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(number: int, payload: bytes) -> bytes:
    """A field of bytes: text, a message or packed numbers."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number and the position after it; raises WireError."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise WireError("the bytes end inside a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of every field: an int, or the bytes of anything else; raises WireError."""
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = read_varint(data, at)
            yield number, value
            continue
        if kind == 2:
            size, at = read_varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise WireError(f"field {number} has wire type {kind}")
        if at + size > len(data):
            raise WireError(f"the bytes end inside field {number}")
        yield number, data[at : at + size]
        at += size


def signed(value: int) -> int:
    """The 64-bit two's complement number of a varint."""
    return value - 2**64 if value >= 2**63 else value
