"""Requests into arrays and arrays into answers; what is wrong with a request is said to its sender."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from earthline.formats import tensors
from earthline.formats.contract import Contract

Array = np.ndarray[Any, Any]
Tile = Mapping[str, Array]
"""One instance: a float32 array (height, width) per input, the bands and their validity."""

MAX_SIDE = 4096
"""Longest side of a tile in pixels."""
_FRAME_BYTES = 64
"""Header of a tensor, and brackets and quotes around its text in an answer, without the output's name."""


class RequestError(ValueError):
    """A request that cannot be answered; the text says which instance and which input."""


@dataclass(frozen=True)
class Request:
    """What was asked.

    Attributes:
        tiles: One array (height, width) per input and instance, in the request's order.
        contract: Of the model that answers.
    """

    tiles: Sequence[Tile]
    contract: Contract

    def answer(self, results: Sequence[Array]) -> bytes:
        """The body of the answer, in the format of the request.

        Args:
            results: float32 (height, width, entries) of each tile, as a runtime computes them.
        """
        return answer(results, self.contract)


def read(body: bytes, contract: Contract) -> Request:
    """Reads a request's body. Raises RequestError, as `parse` does."""
    return Request(parse(body, contract), contract)


def parse(body: bytes, contract: Contract) -> list[Tile]:
    """Reads `{"instances": [{input: text, …}, …]}`.

    Args:
        body: JSON.
        contract: What the model takes.

    Returns:
        One array (height, width) per input and instance.

    Raises:
        RequestError: Not JSON, no instances, an input missing or unknown, text that is no tensor, a wrong shape, or
            more tiles than the answer may hold.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("instances"), list):
        raise RequestError('the body must be {"instances": [{input: tensor, …}, …]}')
    if not content["instances"]:
        raise RequestError("`instances` is empty: send at least one tile")
    tiles = [_tile(instance, f"instances[{index}]", contract) for index, instance in enumerate(content["instances"])]
    size = answer_bytes(tiles, contract)
    if size > contract.max_payload_bytes:
        shapes = ", ".join(f"{height} x {width}" for height, width in sorted({_shape(tile) for tile in tiles}))
        raise RequestError(
            f"the answer would have {size:,} bytes, over the contract's {contract.max_payload_bytes:,}: {len(tiles)} "
            f"of {shapes} pixels with {contract.entries} "
            f"{contract.task.kind}; send fewer or smaller tiles at a time"
        )
    return tiles


def answer_bytes(tiles: Sequence[Tile], contract: Contract) -> int:
    """Bytes of the answer to tiles, by arithmetic: it is known before anything is computed.

    Args:
        tiles: As `parse` gives them.
        contract: Names the output and its entries.
    """
    values = [math.prod(_shape(tile)) * contract.entries for tile in tiles]
    frame = _FRAME_BYTES + len(contract.output)
    return sum(4 * -(-4 * count // 3) + frame for count in values)


def groups(tiles: Sequence[Tile]) -> list[tuple[list[int], dict[str, Array]]]:
    """Tiles of one shape together, as batches.

    Args:
        tiles: As `parse` gives them.

    Returns:
        Places of the tiles, and one array (tiles, height, width) per input.
    """
    places: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, tile in enumerate(tiles):
        places[_shape(tile)].append(place)
    return [
        (chosen, {name: np.stack([tiles[place][name] for place in chosen]) for name in tiles[chosen[0]]})
        for chosen in places.values()
    ]


def answer(results: Sequence[Array], contract: Contract) -> bytes:
    """`{"predictions": [{output: text}, …]}` as JSON.

    Args:
        results: float32 (height, width, entries) of each instance.
        contract: Names the output.
    """
    return orjson.dumps({"predictions": [{contract.output: tensors.encode(result)} for result in results]})


def _shape(tile: Tile) -> tuple[int, int]:
    height, width = next(iter(tile.values())).shape
    return height, width


def _tile(instance: Any, place: str, contract: Contract) -> Tile:
    inputs = contract.inputs
    if not isinstance(instance, dict):
        raise RequestError(f"{place} is {type(instance).__name__} instead of an object of {_names(inputs)}")
    missing = [name for name in inputs if name not in instance]
    unknown = sorted(set(instance) - set(inputs))
    if missing == [contract.valid]:
        raise RequestError(
            f"{place} lacks the input {contract.valid}, 1 where the imagery is valid and 0 where it is masked: add the "
            "band to the ee.Image and unmask it, image.toFloat().unmask(0, false).addBands(image.mask().reduce('min')"
            f".gt(0).unmask(0, false).rename('{contract.valid}').toFloat())"
        )
    if missing:
        raise RequestError(f"{place} lacks the input {_names(missing)}; the model takes {_names(inputs)}")
    if unknown:
        raise RequestError(f"{place} has the unknown input {_names(unknown)}; the model takes {_names(inputs)}")
    tile = {name: _values(instance[name], f"{place}.{name}") for name in inputs}
    if len({values.shape for values in tile.values()}) > 1:
        shapes = {name: list(values.shape) for name, values in tile.items()}
        raise RequestError(f"{place}: the inputs differ in shape: {shapes}")
    return tile


def _values(text: Any, place: str) -> Array:
    if not isinstance(text, str):
        raise RequestError(
            f"{place} is {type(text).__name__} instead of a text; use payload format SERIALIZED_TF_TENSORS"
        )
    try:
        values = tensors.decode(text, MAX_SIDE * MAX_SIDE)
    except tensors.TensorError as error:
        raise RequestError(f"{place}: {error}") from error
    if values.ndim != 3 or values.shape[2] != 1 or not all(0 < side <= MAX_SIDE for side in values.shape[:2]):
        raise RequestError(
            f"{place}: a tensor of shape {list(values.shape)} instead of [height, width, 1], 1 to {MAX_SIDE} px a side"
        )
    return values[..., 0]


def _names(inputs: Sequence[str]) -> str:
    return ", ".join(inputs)
