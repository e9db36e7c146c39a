"""Arrays of another type of elements."""

from earthline_sandbox.earthengine.functions.array.math.elementwise import converted
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import ArrayValue


@function("Array.uint8", "Array.toUint8", "Array.byte", "Array.toByte")
def to_uint8(input: ArrayValue) -> ArrayValue:
    """8-bit integers without a sign, 0 to 255."""
    return converted(input, "uint8")


@function("Array.int8", "Array.toInt8")
def to_int8(input: ArrayValue) -> ArrayValue:
    """8-bit integers, -128 to 127."""
    return converted(input, "int8")


@function("Array.uint16", "Array.toUint16")
def to_uint16(input: ArrayValue) -> ArrayValue:
    """16-bit integers without a sign, 0 to 65,535."""
    return converted(input, "uint16")


@function("Array.int16", "Array.toInt16", "Array.short", "Array.toShort")
def to_int16(input: ArrayValue) -> ArrayValue:
    """16-bit integers, -32,768 to 32,767."""
    return converted(input, "int16")


@function("Array.uint32", "Array.toUint32")
def to_uint32(input: ArrayValue) -> ArrayValue:
    """32-bit integers without a sign."""
    return converted(input, "uint32")


@function("Array.int32", "Array.toInt32", "Array.int", "Array.toInt")
def to_int32(input: ArrayValue) -> ArrayValue:
    """32-bit integers."""
    return converted(input, "int32")


@function("Array.int64", "Array.toInt64", "Array.long", "Array.toLong")
def to_int64(input: ArrayValue) -> ArrayValue:
    """64-bit integers."""
    return converted(input, "int64")


@function("Array.float", "Array.toFloat")
def to_float(input: ArrayValue) -> ArrayValue:
    """32-bit floats."""
    return converted(input, "float")


@function("Array.double", "Array.toDouble")
def to_double(input: ArrayValue) -> ArrayValue:
    """64-bit floats."""
    return converted(input, "double")
