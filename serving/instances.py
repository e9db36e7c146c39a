"""Requests into arrays and arrays into answers; what is wrong with a request is said to its sender."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from earthline import tensors
from earthline.contract import Contract

Array = np.ndarray[Any, Any]
Tile = Mapping[str, Array]
"""One instance: a float32 array (height, width) per band."""

MAX_SIDE = 4096
"""Longest side of a tile in pixels."""


class RequestError(ValueError):
    """A request that cannot be answered; the text says which instance and which band."""


def parse(body: bytes, contract: Contract) -> list[Tile]:
    """Reads `{"instances": [{band: text, …}, …]}`.

    Args:
        body: JSON.
        contract: What the model takes.

    Returns:
        One array (height, width) per band and instance.

    Raises:
        RequestError: Not JSON, no instances, a band missing or unknown, text that is no tensor, or a wrong shape.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("instances"), list):
        raise RequestError('the body must be {"instances": [{band: tensor, …}, …]}')
    if not content["instances"]:
        raise RequestError("`instances` is empty: send at least one tile")
    return [_tile(instance, f"instances[{index}]", contract) for index, instance in enumerate(content["instances"])]


def groups(tiles: Sequence[Tile]) -> list[tuple[list[int], dict[str, Array]]]:
    """Tiles of one shape together, as batches.

    Args:
        tiles: As `parse` gives them.

    Returns:
        Places of the tiles, and one array (tiles, height, width) per band.
    """
    places: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, tile in enumerate(tiles):
        places[next(iter(tile.values())).shape].append(place)
    return [
        (chosen, {band: np.stack([tiles[place][band] for place in chosen]) for band in tiles[chosen[0]]})
        for chosen in places.values()
    ]


def answer(results: Sequence[Array], contract: Contract) -> bytes:
    """`{"predictions": [{output: text}, …]}` as JSON.

    Args:
        results: float32 (height, width, classes) of each instance.
        contract: Names the output.
    """
    return orjson.dumps({"predictions": [{contract.output: tensors.encode(result)} for result in results]})


def _tile(instance: Any, place: str, contract: Contract) -> Tile:
    if not isinstance(instance, dict):
        raise RequestError(f"{place} is {type(instance).__name__} instead of an object of {_names(contract.bands)}")
    missing = [band for band in contract.bands if band not in instance]
    unknown = sorted(set(instance) - set(contract.bands))
    if missing:
        raise RequestError(f"{place} lacks the band {_names(missing)}; the model takes {_names(contract.bands)}")
    if unknown:
        raise RequestError(f"{place} has the unknown band {_names(unknown)}; the model takes {_names(contract.bands)}")
    tile = {band: _band(instance[band], f"{place}.{band}") for band in contract.bands}
    shapes = {band: list(values.shape) for band, values in tile.items()}
    if len(set(map(tuple, shapes.values()))) > 1:
        raise RequestError(f"{place}: the bands differ in shape: {shapes}")
    return tile


def _band(text: Any, place: str) -> Array:
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


def _names(bands: Sequence[str]) -> str:
    return ", ".join(bands)
