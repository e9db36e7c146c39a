"""`tensorflow.TensorProto` without TensorFlow: the wire form of numbers that Earth Engine and Vertex AI exchange.

Field numbers: tensorflow/core/framework/tensor.proto, tensor_shape.proto and types.proto.
"""

import base64
import binascii
import math
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earthline_sandbox.earthengine.formats.wire import WireError, delimited, fields, read_varint, signed, varint

_CODES = {
    "float32": 1,
    "float64": 2,
    "int32": 3,
    "uint8": 4,
    "int16": 5,
    "int8": 6,
    "int64": 9,
    "bool": 10,
    "uint16": 17,
    "float16": 19,
    "uint32": 22,
    "uint64": 23,
}
_NAMES = {code: name for name, code in _CODES.items()}
_STRING = 7

# Field that holds the numbers of each type when they are not in tensor_content.
_VALUE_FIELDS = {
    "float32": 5,
    "float64": 6,
    "int32": 7,
    "uint8": 7,
    "int16": 7,
    "int8": 7,
    "uint16": 7,
    "int64": 10,
    "bool": 11,
    "float16": 13,
    "uint32": 16,
    "uint64": 17,
}
_MAX_ELEMENTS = 2**28


class TensorError(ValueError):
    """Bytes that are not a TensorProto, or a tensor that has no wire form here."""


def encode(array: NDArray[Any]) -> bytes:
    """A serialized TensorProto, byte for byte what `tf.make_tensor_proto(array)` serializes to.

    Args:
        array: Numbers or booleans of any shape, or Python `str`/`bytes` objects (dtype object, U or S).

    Raises:
        TensorError: The dtype has no TensorProto type.
    """
    array = np.asarray(array)
    shape = b"".join(delimited(2, b"\x08" + varint(size) if size else b"") for size in array.shape)
    if array.dtype.kind in "OSU":
        strings = [item.encode() if isinstance(item, str) else bytes(item) for item in array.ravel().tolist()]
        content = b"".join(delimited(8, item) for item in strings)
        return b"\x08" + varint(_STRING) + delimited(2, shape) + content
    name = array.dtype.name
    if name not in _CODES:
        raise TensorError(f"no TensorProto type for values of dtype {name}; use one of {sorted(_CODES)}")
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    if array.size > 1 and name not in ("bool", "uint16"):  # TensorFlow lists these two value by value
        content = delimited(4, little.tobytes())
    else:
        content = _values(name, little)
    return b"\x08" + varint(_CODES[name]) + delimited(2, shape) + content


def _values(name: str, array: NDArray[Any]) -> bytes:
    if not array.size:
        return b""
    if name in ("float32", "float64"):
        payload = array.tobytes()
    else:
        numbers = array.view("<u2") if name == "float16" else array
        payload = b"".join(varint(int(value)) for value in numbers.ravel().tolist())
    return delimited(_VALUE_FIELDS[name], payload)


def _shape(data: memoryview) -> tuple[int, ...]:
    sizes: list[int] = []
    for number, value in fields(data):
        if number == 3 and value:
            raise TensorError("a tensor of unknown rank has no values")
        if number == 2 and isinstance(value, memoryview):
            size = 0
            for inner, content in fields(value):
                if inner == 1 and isinstance(content, int):
                    size = signed(content)
            if size < 0:
                raise TensorError(f"dimension {len(sizes)} of the tensor has no fixed size")
            sizes.append(size)
    return tuple(sizes)


def _numbers(name: str, value: int | memoryview) -> list[Any]:
    if isinstance(value, int):
        raw = [value]
    elif name in ("float32", "float64"):
        letter, width = ("f", 4) if name == "float32" else ("d", 8)
        return list(struct.unpack(f"<{len(value) // width}{letter}", value[: len(value) // width * width]))
    else:
        raw, at = [], 0
        while at < len(value):
            item, at = read_varint(value, at)
            raw.append(item)
    return raw if name in ("uint32", "uint64", "bool", "float16") else [signed(item) for item in raw]


def decode(data: bytes) -> NDArray[Any]:
    """The array of a serialized TensorProto; strings come as an object array of `bytes`.

    Raises:
        TensorError: The bytes are no TensorProto, its type is not supported or its sizes contradict each other.
    """
    try:
        return _decoded(memoryview(data))
    except WireError as error:
        raise TensorError(f"{error}: not a serialized TensorProto") from error


def _decoded(data: memoryview) -> NDArray[Any]:
    code, content = 0, None
    shape: tuple[int, ...] = ()
    parts: list[tuple[int, int | memoryview]] = []
    for number, value in fields(data):
        if number == 1 and isinstance(value, int):
            code = value
        elif number == 2 and isinstance(value, memoryview):
            shape = _shape(value)
        elif number == 4 and isinstance(value, memoryview):
            content = value
        else:
            parts.append((number, value))
    size = math.prod(shape)
    if size > _MAX_ELEMENTS:
        raise TensorError(f"a tensor of shape {shape} is too large")
    if code == _STRING:
        strings = [bytes(value) for number, value in parts if number == 8 and isinstance(value, memoryview)]
        result = np.empty(len(_fill(strings, size, shape)), dtype=object)
        result[:] = _fill(strings, size, shape)
        return result.reshape(shape)
    if code not in _NAMES:
        raise TensorError(f"TensorProto type {code} is not supported; supported: {sorted(_NAMES)}")
    name = _NAMES[code]
    dtype = np.dtype(name).newbyteorder("<")
    if content:
        if len(content) != size * dtype.itemsize:
            raise TensorError(f"{len(content)} bytes of content do not fill a {name} tensor of shape {shape}")
        return np.frombuffer(content, dtype).astype(name).reshape(shape)
    numbers: list[Any] = []
    for number, value in parts:
        if number == _VALUE_FIELDS[name]:
            numbers.extend(_numbers(name, value))
    numbers = _fill(numbers, size, shape)
    try:
        if name == "float16":
            return np.array(numbers, dtype="<u2").view("<f2").astype(name).reshape(shape)
        return np.array(numbers, dtype=name).reshape(shape)
    except OverflowError as error:
        raise TensorError(f"a value does not fit {name}: {error}") from error


def _fill(values: list[Any], size: int, shape: tuple[int, ...]) -> list[Any]:
    # TensorFlow drops repeated values at the end, so the last one stands for all that are missing.
    if len(values) > size or (size and not values):
        raise TensorError(f"{len(values)} values do not fill a tensor of shape {shape}")
    return values + [values[-1]] * (size - len(values)) if values else values


def encode_base64(array: NDArray[Any]) -> str:
    """Web-safe base64 text of the TensorProto (`-_`, padded): the only alphabet that `tf.io.decode_base64` takes."""
    return base64.urlsafe_b64encode(encode(array)).decode("ascii")


def decode_base64(text: str) -> NDArray[Any]:
    """The array of a base64 TensorProto; both alphabets and missing padding are accepted.

    Raises:
        TensorError: The text is not base64, or its bytes are no TensorProto.
    """
    plain = text.strip().replace("+", "-").replace("/", "_").rstrip("=")
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TensorError(f"not base64 text ({error}): {text[:40]!r}") from error
    return decode(data)
