"""Earth Engine's tensors without TensorFlow: a TensorProto, serialized, as it is or as web-safe base64 text.

https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/tensor.proto

A tensor as TensorFlow and Earth Engine write it is read where it lies: the library for protocol buffers would copy it.
"""

import functools
import math
import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pybase64
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from earthline.formats.tensor_layout import FLOAT, READ, STRING, TYPE_NAMES, UINT32, Serialized, before_values, in_place

Array = np.ndarray[Any, Any]
Text = str | memoryview
"""Base64; a view of bytes is decoded where it lies."""

_WRITTEN = {TYPE_NAMES[kind]: kind for kind in READ}
TYPES = tuple(_WRITTEN)
"""Names of the types whose tensors are read and written, as NumPy has them."""
_FLOATS = ("float32",)
_ALPHABET = b"-_"
_WEB_SAFE = re.compile(r"[A-Za-z0-9_-]*={0,2}")


class TensorError(ValueError):
    """What is no tensor of the types that are read; says why."""


def _tensor_class() -> Any:
    """The fields of tensorflow.TensorProto that are read here, in a pool of their own."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="earthline/tensor.proto", package="earthline.wire", syntax="proto3")
    one, many = field.LABEL_OPTIONAL, field.LABEL_REPEATED
    dimension = file.message_type.add(name="Dimension")
    dimension.field.add(name="size", number=1, type=field.TYPE_INT64, label=one)
    shape = file.message_type.add(name="Shape")
    of_dimension, of_shape = ".earthline.wire.Dimension", ".earthline.wire.Shape"
    shape.field.add(name="dim", number=2, type=field.TYPE_MESSAGE, label=many, type_name=of_dimension)
    shape.field.add(name="unknown_rank", number=3, type=field.TYPE_BOOL, label=one)
    tensor = file.message_type.add(name="Tensor")
    tensor.field.add(name="dtype", number=1, type=field.TYPE_INT32, label=one)
    tensor.field.add(name="tensor_shape", number=2, type=field.TYPE_MESSAGE, label=one, type_name=of_shape)
    tensor.field.add(name="tensor_content", number=4, type=field.TYPE_BYTES, label=one)
    tensor.field.add(name="float_val", number=5, type=field.TYPE_FLOAT, label=many)
    tensor.field.add(name="int_val", number=7, type=field.TYPE_INT32, label=many)
    tensor.field.add(name="string_val", number=8, type=field.TYPE_BYTES, label=many)
    tensor.field.add(name="uint32_val", number=16, type=field.TYPE_UINT32, label=many)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("earthline.wire.Tensor"))


_Tensor = _tensor_class()


def decode(text: Text, most: int, types: Collection[str] = _FLOATS) -> Array:
    """Reads a tensor from text.

    Args:
        text: Web-safe base64 (`-` and `_`), padded or not.
        most: Most values that it may hold: a short text could ask for any number of equal values.
        types: Types that it may have, of `TYPES`.

    Returns:
        An array of the tensor's type and shape, read-only.

    Raises:
        TensorError: Not web-safe base64, not a TensorProto, another type, or shape and values disagree.
    """
    return parse(from_base64(text), most, types)


def from_base64(text: Text) -> bytes:
    """The bytes of web-safe base64, padded or not. Raises TensorError, saying what the text holds instead."""
    try:
        if len(text) % 4 == 0:
            return _decoded(text)
    except ValueError:
        pass
    whole = text if isinstance(text, str) else str(text, "utf-8", "replace")
    try:
        if len(whole) % 4:
            return _decoded(whole + "=" * (-len(whole) % 4))
    except ValueError:
        pass
    if not _WEB_SAFE.fullmatch(whole):
        alphabet = "the standard alphabet (+ and /)" if re.search(r"[+/]", whole) else "other characters"
        raise TensorError(f"not web-safe base64: it holds {alphabet}; use - and _ (base64.urlsafe_b64encode)")
    raise TensorError(f"not base64 ({len(whole):,} characters, an impossible number); was the text cut off?")


def _decoded(text: Text) -> bytes:
    """Raises ValueError for all that the signature in the graph refuses: tf.io.decode_base64 knows one alphabet."""
    # That nothing is to be ignored makes the library refuse + and / while it decodes; `validate` would take them.
    return pybase64.b64decode(text, altchars=_ALPHABET, ignorechars=b"")


def parse(serialized: Serialized, most: int, types: Collection[str] = _FLOATS) -> Array:
    """Reads a serialized tensor. Arguments, value and errors as of `decode`."""
    layout = in_place(serialized)
    if layout is not None:
        if layout.name not in types or layout.count > most:
            _check(layout.kind, layout.shape, most, types)
        return np.frombuffer(serialized, layout.type, offset=layout.start).reshape(layout.shape)
    tensor = _parsed(serialized)
    shape = _shape(tensor)
    _check(tensor.dtype, shape, most, types)
    return _values(tensor, shape)


def strings(serialized: Serialized, most: int) -> tuple[tuple[int, ...], Sequence[bytes]]:
    """Reads a serialized tensor of byte strings.

    Args:
        serialized: A TensorProto.
        most: Most strings that it may hold.

    Returns:
        Its shape, and its strings one after the other.

    Raises:
        TensorError: Not a TensorProto, another type, or shape and strings disagree.
    """
    tensor = _parsed(serialized)
    shape = _shape(tensor)
    _check(tensor.dtype, shape, most, ("string",))
    found = list(tensor.string_val)
    if len(found) != math.prod(shape):
        raise TensorError(f"shape {list(shape)} asks for {math.prod(shape):,} strings, the tensor holds {len(found):,}")
    return shape, found


def type_of(serialized: Serialized) -> str:
    """Name of a serialized tensor's type. Raises TensorError where it is no TensorProto."""
    layout = in_place(serialized)
    return _type_name(_parsed(serialized).dtype) if layout is None else layout.name


def encode(array: Array) -> str:
    """Web-safe base64 text of `serialize`."""
    return b"".join(text_parts(array)).decode("ascii")


def text_parts(array: Array) -> tuple[bytes, bytes]:
    """The text of `encode` in two parts, for who puts it among others: the values are read where they lie."""
    head, values = _parts(array)
    # Three bytes become four characters: with as many of the values as complete the head, each part stands for itself.
    lent = -len(head) % 3
    return (
        pybase64.b64encode(head + bytes(values[:lent]), altchars=_ALPHABET),
        pybase64.b64encode(values[lent:], altchars=_ALPHABET),
    )


def serialize(array: Array) -> bytes:
    """The TensorProto of an array, as float32 where its type is none of `TYPES`."""
    return b"".join(_parts(array))


def _parts(array: Array) -> tuple[bytes, memoryview]:
    """What stands before the values, and their bytes: what the library would write, without a copy of them in it."""
    kind = _WRITTEN.get(array.dtype.name, FLOAT)
    values = np.ascontiguousarray(array, READ[kind])
    return _beginning(kind, array.shape), values.reshape(-1).view(np.uint8).data if values.size else memoryview(b"")


@functools.lru_cache(256)
def _beginning(kind: int, shape: tuple[int, ...]) -> bytes:
    """Type, shape and length of a tensor's values; all answers of a model begin alike."""
    head = _Tensor(dtype=kind)
    for size in shape:
        head.tensor_shape.dim.add(size=size)
    told = bytes(head.SerializeToString())
    count = math.prod(shape)
    return told + before_values(READ[kind].itemsize * count) if count else told


def serialize_strings(values: Sequence[bytes], shape: Sequence[int]) -> bytes:
    """The TensorProto of byte strings, as many as the shape asks for."""
    tensor = _Tensor(dtype=STRING, string_val=values)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return bytes(tensor.SerializeToString())


def _parsed(serialized: Serialized) -> Any:
    tensor = _Tensor()
    try:
        tensor.ParseFromString(bytes(serialized))
    except DecodeError as error:
        raise TensorError("not a serialized TensorProto (tf.io.serialize_tensor makes one)") from error
    return tensor


def _shape(tensor: Any) -> tuple[int, ...]:
    shape = tuple(dimension.size for dimension in tensor.tensor_shape.dim)
    if tensor.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise TensorError("a tensor without a whole shape")
    return shape


def _check(kind: int, shape: tuple[int, ...], most: int, types: Collection[str]) -> None:
    name = _type_name(kind)
    if name not in types:
        wanted = " or ".join(types)
        advice = "; call .toFloat() on the ee.Image" if "float32" in types else ""
        raise TensorError(f"a tensor of {name} instead of {wanted}{advice}")
    if math.prod(shape) > most:
        raise TensorError(f"a tensor of shape {list(shape)} has more than {most:,} values")


def _type_name(kind: int) -> str:
    return TYPE_NAMES.get(kind, f"type number {kind}")


def _values(tensor: Any, shape: tuple[int, ...]) -> Array:
    kind, count = READ[tensor.dtype], math.prod(shape)
    if tensor.tensor_content:
        if len(tensor.tensor_content) != kind.itemsize * count:
            raise TensorError(
                f"shape {list(shape)} asks for {kind.itemsize * count} bytes, the tensor holds "
                f"{len(tensor.tensor_content)}"
            )
        return np.frombuffer(tensor.tensor_content, kind).reshape(shape)
    if tensor.dtype == FLOAT:
        values = np.array(tensor.float_val, kind)
    else:
        # Protocol buffers have no numbers as small: what does not fit is no value of the type.
        whole = np.array(tensor.uint32_val if tensor.dtype == UINT32 else tensor.int_val, np.int64)
        values = whole.astype(kind)
        if not np.array_equal(values, whole):
            raise TensorError(f"a tensor of {kind.name} holds numbers that are none")
    if len(values) > count or (len(values) == 0 and count > 0):
        raise TensorError(f"shape {list(shape)} asks for {count} values, the tensor holds {len(values)}")
    if len(values) < count:
        # TensorFlow writes runs at the end once: the last value stands for all that follow.
        values = np.concatenate([values, np.full(count - len(values), values[-1], kind)])
    return values.reshape(shape)
