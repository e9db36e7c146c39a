"""Requests by gRPC: GRPC_TF_TENSORS, GRPC_SERIALIZED_TF_TENSORS and GRPC_SERIALIZED_TF_EXAMPLES.

https://developers.google.com/earth-engine/guides/ee-vertex-payload-formats says what they hold, but not how tiles lie
in a tensor. So one tile may come with or without an axis of tiles before its rows, and a tensor in a string as it is or
as base64. What comes without that axis is answered without it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from earthline.formats import examples, tensors
from earthline.formats.served.contract import (
    ARRAY_SIGNATURE,
    EXAMPLE_INPUT,
    EXAMPLE_SIGNATURE,
    TENSOR_SIGNATURE,
    Contract,
)
from earthline.formats.served.outputs import derived
from serving.payloads import predict_messages
from serving.payloads.predict_messages import PredictRequest
from serving.payloads.requests import Request, check_length
from serving.payloads.tiles import (
    ARRAY_BAND,
    MAX_TILES,
    Array,
    RequestError,
    Tiles,
    check_names,
    from_text,
    most_values,
    shape_of,
    types,
)

_SIGNATURES = ("", TENSOR_SIGNATURE, ARRAY_SIGNATURE, EXAMPLE_SIGNATURE)
_FRAME_BYTES = 64
_PROTO_START = (b"\x08", b"\x0a", b"\x12")
"""First bytes of messages, which no base64 begins with: of a TensorProto (type), of an Example, of a shape first."""


class TensorAnswer:
    """A PredictResponse of numbers, (tiles, height, width, values) each."""

    def __init__(self, asked: PredictRequest, wanted: Sequence[str], whole: bool) -> None:
        """Takes what is wanted.

        Args:
            asked: The request.
            wanted: Names of outputs.
            whole: Whether all entries are answered as floats, as the signature `arrays` does.
        """
        self._asked = asked
        self._wanted = wanted
        self._whole = whole
        self.batched = True

    def tile_bytes(self, shape: tuple[int, int], contract: Contract) -> int:
        """Bytes that a tile (height, width) adds to the answer at most."""
        pixel = 4 * contract.entries if self._whole else _pixel_bytes(self._wanted, contract)
        return shape[0] * shape[1] * pixel + _FRAME_BYTES

    def written(self, results: Sequence[Array], contract: Contract) -> bytes:
        """The serialized response to results (height, width, entries) of all tiles."""
        values = np.stack(results) if self.batched else results[0]
        outputs = {contract.output: values} if self._whole else derived(values, contract)
        return predict_messages.response(
            ((name, tensors.serialize(outputs[name])) for name in self._wanted), self._asked.spec
        )


class TextAnswer:
    """A PredictResponse of texts, the web-safe base64 of a TensorProto for each tile."""

    def __init__(self, asked: PredictRequest, wanted: Sequence[str]) -> None:
        """Takes the request, and the names of what is wanted."""
        self._asked = asked
        self._wanted = wanted
        self.shape: tuple[int, ...] = ()

    def tile_bytes(self, shape: tuple[int, int], contract: Contract) -> int:
        """Bytes that a tile (height, width) adds to the answer at most."""
        count = shape[0] * shape[1] * _pixel_bytes(self._wanted, contract)
        return 4 * -(-count // 3) + _FRAME_BYTES * len(self._wanted)

    def written(self, results: Sequence[Array], contract: Contract) -> bytes:
        """The serialized response to results (height, width, entries) of all tiles."""
        found = [derived(result, contract) for result in results]
        return predict_messages.response(
            (
                (name, tensors.serialize_strings([_base64(outputs[name]) for outputs in found], self.shape))
                for name in self._wanted
            ),
            self._asked.spec,
        )


def read(serialized: bytes, contract: Contract) -> Request:
    """Reads a PredictRequest, in any of the formats.

    Args:
        serialized: As it came.
        contract: What the model takes.

    Raises:
        RequestError: Not a PredictRequest, a signature or output that is unknown, or as of `bodies.read`.
    """
    check_length(serialized, contract)
    asked = predict_messages.read(serialized)
    if asked.signature not in _SIGNATURES:
        raise RequestError(f"the model has no signature '{asked.signature[:100]}'; it has {', '.join(_SIGNATURES[1:])}")
    whole = asked.signature == ARRAY_SIGNATURE
    given = (contract.output,) if whole else tuple(output.name for output in contract.outputs)
    unknown = [name for name in asked.outputs if name not in given]
    if unknown:
        raise RequestError(f"output_filter: the model gives no {unknown[0][:100]}; it gives {', '.join(given)}")
    wanted = [name for name in given if name in asked.outputs] if asked.outputs else given
    if set(asked.inputs) == {EXAMPLE_INPUT} and EXAMPLE_INPUT not in contract.inputs:
        return _examples(asked, contract, TensorAnswer(asked, wanted, whole))
    names = check_names(asked.inputs, "the request", contract)
    if _kind(asked.inputs[names[0]], names[0]) == "string":
        return _texts(asked.inputs, names, contract, TextAnswer(asked, wanted))
    return _numbers(asked.inputs, names, contract, TensorAnswer(asked, wanted, whole))


def _numbers(
    inputs: Mapping[str, memoryview], names: Sequence[str], contract: Contract, answer: TensorAnswer
) -> Request:
    """Tensors of numbers, (tiles, height, width, 1), or one tile without the first axis."""
    arrays: dict[str, Array] = {}
    most = 0
    tiles = Tiles(contract, answer)
    for name in names:
        serialized = inputs[name]
        # What few bytes blow up to is bounded by the first, and what takes its bytes may be as long as it is.
        allowed = max(most, len(serialized)) if most else most_values(name, contract)
        try:
            array = tensors.parse(serialized, allowed, types(name, contract))
        except tensors.TensorError as error:
            raise RequestError(f"{name}: {error}") from error
        if array.ndim not in (3, 4) or not len(array):
            depth = len(contract.inputs) if name == ARRAY_BAND else 1
            raise RequestError(
                f"{name}: a tensor of shape {list(array.shape)} instead of [tiles, height, width, {depth}] or [height, "
                f"width, {depth}]"
            )
        if not arrays:
            answer.batched = array.ndim == 4
        elif (array.ndim == 4) != answer.batched:
            raise RequestError(f"{name} has {array.ndim} axes, {names[0]} has {3 + answer.batched}")
        arrays[name] = array if answer.batched else array[np.newaxis]
        if len(arrays[name]) != len(arrays[names[0]]):
            raise RequestError(f"{name} has {len(array)} tiles, {names[0]} has {len(arrays[names[0]])}")
        most = max(most, array.size)
    for number in range(min(len(arrays[names[0]]), MAX_TILES + 1)):
        tiles.add(((name, arrays[name][number]) for name in names), f"instances[{number}]")
    return Request(tiles.added(), contract, answer)


def _texts(inputs: Mapping[str, memoryview], names: Sequence[str], contract: Contract, answer: TextAnswer) -> Request:
    """Tensors of strings, a serialized tensor (height, width, 1) for each tile."""
    strings: dict[str, Sequence[bytes]] = {}
    for name in names:
        shape, strings[name] = _strings(inputs[name], name)
        if name == names[0]:
            answer.shape = shape
        elif len(strings[name]) != len(strings[names[0]]):
            raise RequestError(f"{name} has {len(strings[name])} tiles, {names[0]} has {len(strings[names[0]])}")

    def tile(number: int) -> Iterator[tuple[str, Array]]:
        for name in names:
            yield name, _tensor(strings[name][number], f"instances[{number}].{name}", name, contract)

    return _collected(tile, len(strings[names[0]]), contract, answer)


def _examples(asked: PredictRequest, contract: Contract, answer: TensorAnswer) -> Request:
    """One tensor of strings, a serialized tf.Example for each tile with a float list per input."""
    shape, strings = _strings(asked.inputs[EXAMPLE_INPUT], EXAMPLE_INPUT)
    answer.batched = bool(shape)

    def tile(number: int) -> Iterator[tuple[str, Array]]:
        place = f"instances[{number}]"
        serialized = strings[number]
        if not serialized.startswith(_PROTO_START):
            serialized = _bare(serialized, place)
        try:
            features = examples.values(serialized)
        except ValueError as error:
            raise RequestError(f"{place}: {error}") from error
        for name in check_names(features, place, contract):
            floats = np.frombuffer(features[name].floats, "<f4")
            depth = len(contract.inputs) if name == ARRAY_BAND else 1
            if not floats.size or floats.size % depth:
                raise RequestError(f"{place}.{name}: {floats.size} floats instead of a float list of height x width")
            yield name, floats.reshape(*_shape(floats.size // depth, f"{place}.{name}", contract), depth)

    request = _collected(tile, len(strings), contract, answer)
    if len({shape_of(each) for each in request.tiles}) > 1:
        raise RequestError("the instances differ in shape: send tiles of one shape at a time")
    return request


def _collected(
    tile: Callable[[int], Iterator[tuple[str, Array]]],
    count: int,
    contract: Contract,
    answer: TensorAnswer | TextAnswer,
) -> Request:
    if not count:
        raise RequestError("the request holds no tile: send at least one")
    tiles = Tiles(contract, answer)
    for number in range(count):
        tiles.add(tile(number), f"instances[{number}]")
    return Request(tiles.added(), contract, answer)


def _shape(count: int, place: str, contract: Contract) -> tuple[int, int]:
    """Height and width of so many pixels, which an Example does not tell: the contract's, or those of a square."""
    (height, width), (rows, columns) = contract.tile_shape, contract.overlap
    # Google's texts say of the overlap that it is the total, and that it lies at each edge.
    for edges in (1, 2, 0):
        if (height + edges * rows) * (width + edges * columns) == count:
            return height + edges * rows, width + edges * columns
    side = math.isqrt(count)
    if side * side == count:
        return side, side
    raise RequestError(
        f"{place}: {count} floats are neither the contract's tile of {height} x {width} pixels with its overlap of "
        f"{rows} x {columns} nor a square"
    )


def _kind(serialized: memoryview, name: str) -> str:
    try:
        return tensors.type_of(serialized)
    except tensors.TensorError as error:
        raise RequestError(f"{name}: {error}") from error


def _strings(serialized: memoryview, name: str) -> tuple[tuple[int, ...], Sequence[bytes]]:
    try:
        shape, found = tensors.strings(serialized, MAX_TILES)
    except tensors.TensorError as error:
        raise RequestError(f"{name}: {error}") from error
    if len(shape) > 2:
        raise RequestError(f"{name}: strings of shape {list(shape)} instead of [tiles]")
    return shape, found


def _tensor(string: bytes, place: str, name: str, contract: Contract) -> Array:
    if not string.startswith(_PROTO_START):
        return from_text(memoryview(string), place, name, contract)
    try:
        return tensors.parse(string, most_values(name, contract), types(name, contract))
    except tensors.TensorError as error:
        raise RequestError(f"{place}: {error}") from error


def _bare(text: bytes, place: str) -> bytes:
    try:
        return tensors.from_base64(memoryview(text))
    except tensors.TensorError as error:
        raise RequestError(f"{place}: {error}") from error


def _pixel_bytes(wanted: Sequence[str], contract: Contract) -> int:
    return sum(output.pixel_bytes for output in contract.outputs if output.name in wanted)


def _base64(values: Array) -> bytes:
    return b"".join(tensors.text_parts(values))
