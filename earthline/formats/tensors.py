"""Earth Engine's tensors without TensorFlow: a TensorProto, serialized, as web-safe base64 text.

https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/tensor.proto
"""

import base64
import binascii
import math
import re
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

FLOAT = 1
"""DT_FLOAT."""
_TYPE_NAMES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string",
    9: "int64", 10: "bool", 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
_WEB_SAFE = re.compile(r"[A-Za-z0-9_-]*={0,2}")


class TensorError(ValueError):
    """Text that is no float32 tensor; says why."""


def _tensor_class() -> Any:
    """The fields of tensorflow.TensorProto that a float tensor uses, in a pool of their own."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="earthline/tensor.proto", package="earthline.wire", syntax="proto3")
    dimension = file.message_type.add(name="Dimension")
    dimension.field.add(name="size", number=1, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL)
    shape = file.message_type.add(name="Shape")
    shape.field.add(
        name="dim",
        number=2,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_REPEATED,
        type_name=".earthline.wire.Dimension",
    )
    shape.field.add(name="unknown_rank", number=3, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
    tensor = file.message_type.add(name="Tensor")
    tensor.field.add(name="dtype", number=1, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    tensor.field.add(
        name="tensor_shape",
        number=2,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_OPTIONAL,
        type_name=".earthline.wire.Shape",
    )
    tensor.field.add(name="tensor_content", number=4, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL)
    tensor.field.add(name="float_val", number=5, type=field.TYPE_FLOAT, label=field.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("earthline.wire.Tensor"))


_Tensor = _tensor_class()


def decode(text: str, most: int) -> np.ndarray[Any, Any]:
    """Reads a tensor.

    Args:
        text: Web-safe base64 (`-` and `_`), padded or not.
        most: Most values that it may hold: a short text could ask for any number of equal values.

    Returns:
        A float32 array of the tensor's shape, read-only.

    Raises:
        TensorError: Not web-safe base64, not a TensorProto, not float32, or shape and values disagree.
    """
    # The signature in the graph is as strict: tf.io.decode_base64 knows the web-safe alphabet alone.
    if not _WEB_SAFE.fullmatch(text):
        alphabet = "the standard alphabet (+ and /)" if re.search(r"[+/]", text) else "other characters"
        raise TensorError(f"not web-safe base64: it holds {alphabet}; use - and _ (base64.urlsafe_b64encode)")
    bare = text.rstrip("=")
    try:
        serialized = base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error as error:
        raise TensorError(f"not base64 ({error}); was the text cut off?") from error
    tensor = _Tensor()
    try:
        tensor.ParseFromString(serialized)
    except DecodeError as error:
        raise TensorError("not a serialized TensorProto (tf.io.serialize_tensor makes one)") from error
    if tensor.dtype != FLOAT:
        name = _TYPE_NAMES.get(tensor.dtype, f"type number {tensor.dtype}")
        raise TensorError(f"a tensor of {name} instead of float32; call .toFloat() on the ee.Image")
    shape = tuple(dimension.size for dimension in tensor.tensor_shape.dim)
    if tensor.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise TensorError("a tensor without a whole shape")
    count = math.prod(shape)
    if count > most:
        raise TensorError(f"a tensor of shape {list(shape)} has more than {most:,} values")
    return _values(tensor, shape, count)


def encode(array: np.ndarray[Any, Any]) -> str:
    """Web-safe base64 text of a float32 array's TensorProto."""
    tensor = _Tensor(dtype=FLOAT, tensor_content=np.ascontiguousarray(array, "<f4").tobytes())
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    return base64.urlsafe_b64encode(tensor.SerializeToString()).decode("ascii")


def _values(tensor: Any, shape: tuple[int, ...], count: int) -> np.ndarray[Any, Any]:
    if tensor.tensor_content:
        if len(tensor.tensor_content) != 4 * count:
            raise TensorError(
                f"shape {list(shape)} asks for {4 * count} bytes, the tensor holds {len(tensor.tensor_content)}"
            )
        return np.frombuffer(tensor.tensor_content, "<f4").reshape(shape)
    values = np.array(tensor.float_val, np.float32)
    if len(values) > count or (len(values) == 0 and count > 0):
        raise TensorError(f"shape {list(shape)} asks for {count} values, the tensor holds {len(values)}")
    if len(values) < count:
        # TensorFlow writes runs at the end once: the last value stands for all that follow.
        values = np.concatenate([values, np.full(count - len(values), values[-1], np.float32)])
    return values.reshape(shape)
