"""Numbers of another type: integers are cut towards zero and held to the range of the type."""

import math

import numpy as np

from earthline_sandbox.earthengine.functions.scalar.number.operations import Number
from earthline_sandbox.earthengine.language.coerce import NAMED_TYPES
from earthline_sandbox.earthengine.language.registry import function


@function("Number.uint8", "Number.toUint8", "Number.byte", "Number.toByte")
def to_uint8(input: Number) -> int:
    """As an 8-bit integer without a sign, 0 to 255."""
    return _held(input, "uint8")


@function("Number.int8", "Number.toInt8")
def to_int8(input: Number) -> int:
    """As an 8-bit integer, -128 to 127."""
    return _held(input, "int8")


@function("Number.uint16", "Number.toUint16")
def to_uint16(input: Number) -> int:
    """As a 16-bit integer without a sign, 0 to 65,535."""
    return _held(input, "uint16")


@function("Number.int16", "Number.toInt16", "Number.short", "Number.toShort")
def to_int16(input: Number) -> int:
    """As a 16-bit integer, -32,768 to 32,767."""
    return _held(input, "int16")


@function("Number.uint32", "Number.toUint32")
def to_uint32(input: Number) -> int:
    """As a 32-bit integer without a sign."""
    return _held(input, "uint32")


@function("Number.int32", "Number.toInt32", "Number.int", "Number.toInt")
def to_int32(input: Number) -> int:
    """As a 32-bit integer."""
    return _held(input, "int32")


@function("Number.int64", "Number.toInt64", "Number.long", "Number.toLong")
def to_int64(input: Number) -> int:
    """As a 64-bit integer."""
    return _held(input, "int64")


@function("Number.float", "Number.toFloat")
def to_float(input: Number) -> float:
    """As a 32-bit float."""
    return float(np.float32(input))


@function("Number.double", "Number.toDouble")
def to_double(input: Number) -> float:
    """As a 64-bit float."""
    return float(input)


def _held(input: Number, kind: str) -> int:
    if math.isnan(input):
        return 0
    least, greatest = NAMED_TYPES[kind].minimum or 0, NAMED_TYPES[kind].maximum or 0
    return int(min(max(math.trunc(input) if math.isfinite(input) else input, least), greatest))
