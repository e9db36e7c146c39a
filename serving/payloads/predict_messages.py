"""TensorFlow Serving's PredictRequest and PredictResponse without TensorFlow.

https://github.com/tensorflow/serving/blob/master/tensorflow_serving/apis/predict.proto
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from earthline.formats import wire
from earthline.formats.tensor_layout import Serialized, varint
from serving.payloads.tiles import RequestError

_SPEC, _INPUTS, _FILTER = 1, 2, 3
_SIGNATURE = 3
_KEY, _VALUE = 1, 2
_OUTPUTS, _ANSWERED_BY = 1, 2


@dataclass(frozen=True)
class PredictRequest:
    """One request.

    Attributes:
        spec: The serialized ModelSpec.
        signature: Name of the signature in it.
        inputs: Serialized tensors by name, views of the request.
        outputs: Names of the outputs that are wanted; all of them where there are none.
    """

    spec: bytes
    signature: str
    inputs: Mapping[str, memoryview]
    outputs: tuple[str, ...]


def read(serialized: Serialized) -> PredictRequest:
    """Reads a request. Raises RequestError where it is none."""
    spec = memoryview(b"")
    signature = ""
    inputs: dict[str, memoryview] = {}
    outputs: list[str] = []
    try:
        for number, content in wire.fields(memoryview(serialized)):
            if not isinstance(content, memoryview):
                continue
            if number == _SPEC:
                spec = content
                signature = _text(_last(content, _SIGNATURE))
            elif number == _INPUTS:
                inputs[_text(_last(content, _KEY))] = _last(content, _VALUE)
            elif number == _FILTER:
                outputs.append(_text(content))
    except (wire.Other, UnicodeDecodeError) as error:
        raise RequestError("not a serialized tensorflow.serving.PredictRequest") from error
    return PredictRequest(bytes(spec), signature, inputs, tuple(outputs))


def response(outputs: Iterable[tuple[str, bytes]], spec: bytes) -> bytes:
    """A serialized PredictResponse.

    Args:
        outputs: Names and serialized tensors.
        spec: The request's ModelSpec, which is given back.
    """
    parts = []
    for name, tensor in outputs:
        key = _field(_KEY, name.encode())
        head = _head(_VALUE, len(tensor))
        parts += [_head(_OUTPUTS, len(key) + len(head) + len(tensor)), key, head, tensor]
    if spec:
        parts.append(_field(_ANSWERED_BY, spec))
    return b"".join(parts)


def _last(message: memoryview, wanted: int) -> memoryview:
    found = memoryview(b"")
    for number, content in wire.fields(message):
        if number == wanted and isinstance(content, memoryview):
            found = content
    return found


def _text(content: memoryview) -> str:
    return str(content, "utf-8")


def _head(number: int, length: int) -> bytes:
    return varint(number << 3 | 2) + varint(length)


def _field(number: int, content: bytes) -> bytes:
    return _head(number, len(content)) + content
