"""The payload formats that go to a model by gRPC, as TensorFlow Serving's PredictRequest.

https://developers.google.com/earth-engine/guides/ee-vertex-payload-formats says which tensors a request holds: numbers
by band (GRPC_TF_TENSORS), the texts of SERIALIZED_TF_TENSORS by band (GRPC_SERIALIZED_TF_TENSORS), or Examples in one
tensor named `input` (GRPC_SERIALIZED_TF_EXAMPLES). It does not say how several tiles share a request. Here they lie
along a first axis, as TensorFlow Serving has it, or each goes alone and without such an axis: the reading `grpc`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.formats import tensors, tfrecords
from earthline_sandbox.earthengine.formats.wire import WireError, delimited, fields
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.earthengine.records import PredictionClient
from earthline_sandbox.errors import ApiError, invalid

GRPC_FORMATS = ("GRPC_TF_TENSORS", "GRPC_SERIALIZED_TF_TENSORS", "GRPC_SERIALIZED_TF_EXAMPLES")
EXAMPLES_ALIAS = "GRPC_TF_EXAMPLES"
"""What the client's own text calls GRPC_SERIALIZED_TF_EXAMPLES."""
METHOD = "/tensorflow.serving.PredictionService/Predict"
EXAMPLE_INPUT = "input"
_SIGNATURE = "serving_default"
_ENTRY_BYTES = 24
"""Field numbers and lengths around a tensor of a request, and what a further axis adds to its shape."""


class GrpcPayload:
    """One of `GRPC_FORMATS`."""

    empty_bytes = len(delimited(1, delimited(3, _SIGNATURE.encode())))

    def __init__(self, payload_format: str, *, batched: bool = True) -> None:
        """Takes the format, and whether tiles share a request along a first axis."""
        self._format = payload_format
        self._batched = batched
        self.most_instances = None if batched else 1

    def instance(self, arrays: Mapping[str, Array]) -> Mapping[str, Any]:
        """As `Payload.instance`: what one element of each tensor is."""
        if self._format == GRPC_FORMATS[0]:
            return arrays
        if self._format == GRPC_FORMATS[1]:
            return {name: tensors.encode_base64(values).encode() for name, values in arrays.items()}
        return {EXAMPLE_INPUT: tfrecords.encode_example({name: _feature(values) for name, values in arrays.items()})}

    def instance_bytes(self, instance: Mapping[str, Any]) -> int:
        """As `Payload.instance_bytes`."""
        return sum(
            len(_tensor([element], batched=True)) + len(name.encode()) + _ENTRY_BYTES
            for name, element in instance.items()
        )

    def sent(self, client: PredictionClient, endpoint: str, instances: Sequence[Any]) -> tuple[Sequence[Any], int]:
        """As `Payload.sent`."""
        response = client.call(endpoint, METHOD, self.request(instances))
        return self.predictions(response, len(instances)), len(response)

    def request(self, instances: Sequence[Mapping[str, Any]]) -> bytes:
        """The serialized PredictRequest of instances."""
        parts = [delimited(1, delimited(3, _SIGNATURE.encode()))]
        for name in instances[0]:
            tensor = _tensor([each[name] for each in instances], batched=self._batched)
            parts.append(delimited(2, delimited(1, name.encode()) + delimited(2, tensor)))
        return b"".join(parts)

    def predictions(self, response: bytes, count: int) -> list[dict[str, Any]]:
        """What a serialized PredictResponse holds, one mapping for each instance.

        Args:
            response: As it came.
            count: Instances that were sent.

        Raises:
            ApiError: INVALID_ARGUMENT: no PredictResponse, or not one output for each instance.
        """
        found: list[dict[str, Any]] = [{} for _ in range(count)]
        for name, tensor in _outputs(response).items():
            try:
                values = tensors.decode(tensor)
            except tensors.TensorError as error:
                raise _unreadable(f"the output '{name}' is no tensor: {error}") from error
            if not self._batched:
                values = values[np.newaxis]
            if values.ndim == 0 or len(values) != count:
                raise _unreadable(
                    f"the output '{name}' has shape {list(values.shape)}; expected {count} along the first axis, one "
                    "for each tile that was sent"
                )
            for prediction, value in zip(found, values, strict=True):
                prediction[name] = _element(value, name)
        return found


def _feature(values: Array) -> tfrecords.Values:
    """An Example holds floats and bytes alone."""
    if values.dtype != object:
        return values
    return [item.encode() if isinstance(item, str) else bytes(item) for item in values.ravel().tolist()]


def _tensor(elements: Sequence[Any], *, batched: bool) -> bytes:
    """One tensor of what all instances have under a name."""
    if isinstance(elements[0], bytes):
        whole = np.empty(len(elements), object)
        whole[:] = elements
    else:
        shapes = sorted({element.shape for element in elements})
        if len(shapes) > 1:
            raise invalid(f"Model.predictImage: Inputs of shapes {shapes} cannot share a request by gRPC.")
        whole = np.stack(elements)
    # Reshaped, not indexed: NumPy's own strings would lose zeros at their end.
    return tensors.encode(whole if batched else whole.reshape(whole.shape[1:]))


def _element(value: Any, name: str) -> Any:
    """What `payloads.outputs` reads: numbers, or the text of a base64 TensorProto."""
    plain = value.item() if isinstance(value, np.ndarray) and value.dtype == object and value.size == 1 else value
    if not isinstance(plain, bytes):
        return plain
    if plain[:1] == b"\x08":
        # A serialized TensorProto as it is: base64 has no such character.
        try:
            return tensors.decode(plain)
        except tensors.TensorError as error:
            raise _unreadable(f"the output '{name}' is no TensorProto: {error}") from error
    return plain.decode("latin-1")


def _outputs(response: bytes) -> dict[str, bytes]:
    found = {}
    try:
        for number, entry in fields(memoryview(response)):
            if number == 1 and isinstance(entry, memoryview):
                parts = {key: value for key, value in fields(entry) if isinstance(value, memoryview)}
                found[bytes(parts.get(1, b"")).decode()] = bytes(parts.get(2, b""))
    except (WireError, UnicodeDecodeError) as error:
        raise _unreadable(f"it is no tensorflow.serving.PredictResponse: {error}") from error
    return found


def _unreadable(reason: str) -> ApiError:
    return invalid(f"Model.predictImage: The endpoint's answer by gRPC cannot be read: {reason}.")
