"""The payload formats of `Model.predictImage`: how a tile is sent to a model, and how its answer is read.

Described in https://developers.google.com/earth-engine/guides/ee-vertex-payload-formats.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from earthline_sandbox.earthengine.formats import tensors
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.earthengine.records import PredictionClient
from earthline_sandbox.errors import invalid

JSON_FORMATS = ("SERIALIZED_TF_TENSORS", "RAW_JSON", "ND_ARRAYS")


class Payload(Protocol):
    """One payload format: how instances travel to an endpoint, and how its answer is read."""

    @property
    def empty_bytes(self) -> int:
        """Bytes of a request without instances."""

    @property
    def most_instances(self) -> int | None:
        """Instances of one request at most, where the format sets a limit."""

    def instance(self, arrays: Mapping[str, Array]) -> Any:
        """One instance, of arrays by name of a band or property."""

    def instance_bytes(self, instance: Any) -> int:
        """Bytes that an instance adds to a request at most."""

    def sent(self, client: PredictionClient, endpoint: str, instances: Sequence[Any]) -> tuple[Sequence[Any], int]:
        """The endpoint's predictions, as `outputs` reads them, and the bytes of its answer; raises ApiError."""


class JsonPayload:
    """SERIALIZED_TF_TENSORS, RAW_JSON or ND_ARRAYS over HTTP."""

    empty_bytes = len('{"instances":[]}')
    most_instances = None

    def __init__(self, payload_format: str) -> None:
        """Takes one of `JSON_FORMATS`."""
        self._format = payload_format

    def instance(self, arrays: Mapping[str, Array]) -> bytes:
        """As `Payload.instance`: its JSON."""
        return instance(arrays, self._format)

    def instance_bytes(self, instance: bytes) -> int:
        """As `Payload.instance_bytes`."""
        return len(instance) + 1

    def sent(self, client: PredictionClient, endpoint: str, instances: Sequence[bytes]) -> tuple[Sequence[Any], int]:
        """As `Payload.sent`."""
        return client.predict(endpoint, instances)


def instance(arrays: Mapping[str, Array], payload_format: str) -> bytes:
    """One instance of a prediction request.

    Args:
        arrays: Band or property name to values: `[height, width, 1]` for bands of numbers,
            `[height, width, …]` for bands of arrays, any shape for properties.
        payload_format: One of `JSON_FORMATS`.

    Returns:
        JSON: base64 TensorProtos by name, numbers as text by name, or bare nested lists.
    """
    if payload_format == "SERIALIZED_TF_TENSORS":
        # Base64 needs no escapes: a JSON writer would only look for some, in what is most of a request.
        fields = [f'{json.dumps(name)}:"{tensors.encode_base64(values)}"' for name, values in arrays.items()]
        return f"{{{','.join(fields)}}}".encode()
    if payload_format == "RAW_JSON":
        return _json({name: values.astype(str).tolist() for name, values in arrays.items()})
    lists = [values.tolist() for values in arrays.values()]
    return _json(lists[0] if len(lists) == 1 else lists)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def outputs(prediction: Any, names: Sequence[str]) -> dict[str, Array]:
    """The arrays of one prediction, by output band.

    A model with one output may answer without its name, as TensorFlow Serving does.

    Args:
        prediction: One element of the answer's `predictions`.
        names: Output bands.

    Raises:
        ApiError: INVALID_ARGUMENT, naming the output that is missing or unreadable.
    """
    if not isinstance(prediction, Mapping) or (len(names) == 1 and set(prediction) == {"b64"}):
        if len(names) != 1:
            raise invalid(
                f"Model.predictImage: The endpoint answered without output names, but the model declares "
                f"{len(names)} output bands ({', '.join(names)}); return an object with these keys."
            )
        return {names[0]: _array(prediction, names[0])}
    if len(names) == 1 and len(prediction) == 1 and names[0] not in prediction:
        found = next(iter(prediction))
        raise invalid(
            f"Model.predictImage: The endpoint's prediction has the output '{found}', but outputBands declares "
            f"'{names[0]}'; name the model's output so."
        )
    missing = [name for name in names if name not in prediction]
    if missing:
        raise invalid(
            f"Model.predictImage: The endpoint's prediction lacks the output '{missing[0]}' of outputBands; it has: "
            f"{', '.join(sorted(str(key) for key in prediction))}."
        )
    return {name: _array(prediction[name], name) for name in names}


def _array(value: Any, name: str) -> Array:
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value
    if isinstance(value, Mapping) and set(value) == {"b64"}:
        value = value["b64"]
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) and len(value[0]) > 12:
        value = value[0]
    if isinstance(value, str):
        try:
            decoded = tensors.decode_base64(value)
        except tensors.TensorError as error:
            raise invalid(f"Model.predictImage: The output '{name}' is not a base64 TensorProto: {error}.") from error
        if decoded.dtype == object:
            raise invalid(f"Model.predictImage: The output '{name}' is a tensor of text; numbers are needed.")
        return decoded
    try:
        return np.asarray(value, dtype="float64")
    except (TypeError, ValueError) as error:
        raise invalid(f"Model.predictImage: The output '{name}' is no array of numbers: {error}.") from error
