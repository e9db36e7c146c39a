"""`Model.predictProperties`: features sent to an endpoint, and their predicted properties."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.models import payloads
from earthline_sandbox.earthengine.models.payload_formats import payload_of
from earthline_sandbox.earthengine.models.prediction import DEFAULT_PAYLOAD_BYTES
from earthline_sandbox.earthengine.pixels.pixels import Array, PixelType
from earthline_sandbox.earthengine.records import PredictionClient
from earthline_sandbox.earthengine.values.values import INDEX, ArrayValue, Collection, Feature, Model
from earthline_sandbox.errors import ApiError, invalid

_AT_A_TIME = 256


def predict_properties(model: Model, collection: Collection, client: PredictionClient) -> Collection:
    """The features with the model's output properties; nothing is predicted until a feature is asked for.

    Args:
        model: From `Model.fromVertexAi`; its `inputProperties` are sent, every property where it names none.
        collection: Features.
        client: Reaches the endpoint.

    Raises:
        ApiError: INVALID_ARGUMENT: the model does not describe its output.
    """
    if not model.output_properties:
        raise invalid("Model.predictProperties: outputProperties is required for predictions of properties.")
    payload = payload_of(model.payload_format)

    def predicted() -> Iterator[Any]:
        members = iter(collection)
        while some := list(islice(members, _AT_A_TIME)):
            instances = [payload.instance(_inputs(model, member)) for member in some]
            batches = _batches(instances, model, payload)
            answers = (answer for batch in batches for answer in _asked(model, batch, client, payload))
            for member, answer in zip(some, answers, strict=True):
                yield member.with_properties(_outputs(model, answer))

    return collection.with_elements(predicted())


def _inputs(model: Model, member: Any) -> dict[str, Array]:
    if not isinstance(member, Feature):
        raise invalid("Model.predictProperties: Expected a FeatureCollection; the collection holds other elements.")
    names = model.input_properties or sorted(name for name in member.properties if name != INDEX)
    found: dict[str, Array] = {}
    for name in names:
        value = member.get(name)
        if value is None:
            raise invalid(f"Model.predictProperties: A feature has no property '{name}', which the model needs.")
        found[name] = _sent(model, name, value)
    return found


def _sent(model: Model, name: str, value: Any) -> Array:
    """A property as a tensor: one number has the shape [1], unless `inputShapes` says otherwise."""
    plain = value.data if isinstance(value, ArrayValue) else value
    texts = isinstance(plain, str) or (isinstance(plain, list) and any(isinstance(item, str) for item in plain))
    try:
        array = np.asarray(plain, dtype=object if texts else None)
        if not texts and array.dtype.kind not in "iuf":
            array = array.astype("float64")
    except (TypeError, ValueError) as error:
        raise invalid(f"Model.predictProperties: Property '{name}' is no number, text or array: {error}.") from error
    override = (model.input_type_override or {}).get(name)
    if override is not None and not texts:
        array = override.converted(array)
    shape = (model.input_shapes or {}).get(name)
    wanted = tuple(shape) if shape is not None else array.shape or (1,)
    if int(np.prod(wanted)) != array.size:
        raise invalid(
            f"Model.predictProperties: Property '{name}' has {array.size} values, but inputShapes declares "
            f"{list(wanted)}."
        )
    return array.reshape(wanted)


def _batches(instances: Sequence[Any], model: Model, payload: payloads.Payload) -> Iterator[list[Any]]:
    """Instances together up to the payload limit."""
    empty = payload.empty_bytes
    limit = model.max_payload_bytes or DEFAULT_PAYLOAD_BYTES
    batch: list[Any] = []
    size = empty
    for item in instances:
        length = payload.instance_bytes(item)
        if length + empty > limit:
            raise invalid(
                f"Model.predictProperties: One feature makes a request of {length + empty} bytes, more than "
                f"maxPayloadBytes ({limit}); send fewer properties, or raise it where the endpoint takes more."
            )
        if batch and size + length > limit:
            yield batch
            batch, size = [], empty
        batch.append(item)
        size += length
    if batch:
        yield batch


def _asked(model: Model, batch: list[Any], client: PredictionClient, payload: payloads.Payload) -> Sequence[Any]:
    predictions, _ = payload.sent(client, model.endpoint, batch)
    if len(predictions) != len(batch):
        raise invalid(
            f"Model.predictProperties: The endpoint must give one prediction for each of {len(batch)} instances."
        )
    return predictions


def _outputs(model: Model, prediction: Any) -> dict[str, Any]:
    declared: Mapping[str, Mapping[str, Any]] = model.output_properties or {}
    try:
        arrays = payloads.outputs(prediction, list(declared))
    except ApiError as error:
        message = error.message.replace("Model.predictImage", "Model.predictProperties")
        raise invalid(message.replace("outputBands", "outputProperties").replace("output bands", "outputs")) from error
    found: dict[str, Any] = {}
    for name, about in declared.items():
        kind = about.get("type")
        array = kind.converted(arrays[name]) if isinstance(kind, PixelType) else arrays[name]
        if int(about.get("dimensions") or 0) > 0:
            found[name] = ArrayValue(array)
        elif array.size == 1:
            found[name] = array.ravel()[0].item()
        else:
            raise invalid(
                f"Model.predictProperties: The output '{name}' has shape {list(array.shape)}, but outputProperties "
                "declares one number; give its 'dimensions'."
            )
    return found
