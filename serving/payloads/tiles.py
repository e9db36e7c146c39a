"""Tiles of a request: what a model takes, checked, and each with the place that it has in the request."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from earthline.formats import tensors
from earthline.formats.served.contract import Contract

Array = np.ndarray[Any, Any]
Tile = Mapping[str, Array]
"""One instance: an array (height, width) per input, the bands and their validity."""

MAX_SIDE = 4096
"""Longest side of a tile in pixels."""
MAX_TILES = 1024
"""Tiles of one request; Earth Engine sends a few dozen at most."""
_LONGEST_MESSAGE = 4000
ARRAY_BAND = "array"
"""Name that Earth Engine's `image.toArray()` gives its one band, which holds all inputs in their order."""


class RequestError(ValueError):
    """A request that cannot be answered; the text says which instance and which input.

    Attributes:
        status: Of HTTP: 400, or 413 where there is too much of it.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        """Takes the text and the status."""
        super().__init__(message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]} …")
        self.status = status


class Sizes(Protocol):
    """What an answer weighs in one of the formats."""

    def tile_bytes(self, shape: tuple[int, int], contract: Contract) -> int:
        """Bytes that a tile (height, width) adds to an answer."""


class Tiles:
    """The tiles of one request, one after the other; no more of them than the answer may hold."""

    def __init__(self, contract: Contract, sizes: Sizes, *, written_out: bool = True) -> None:
        """Begins without any.

        Args:
            contract: What the model takes, and how long a request and an answer may be.
            sizes: Of the answer's format.
            written_out: Whether values take as many bytes in a request as they do here, but where a tensor stands for
                a run of equal ones: a few bytes may ask for a gigabyte. Of numbers in JSON they may take fewer.
        """
        self._contract = contract
        self._sizes = sizes
        self._written_out = written_out
        self._bytes = self._held = 0
        self._added: list[Tile] = []

    def added(self) -> list[Tile]:
        """All of them, in the request's order."""
        return self._added

    def add(self, given: Iterable[tuple[str, Array]], place: str) -> None:
        """Adds a tile.

        Args:
            given: By input (height, width, 1), or the one `ARRAY_BAND` (height, width, inputs). What comes first is
                checked before the next is asked for, so that a request which is too large is not read.
            place: Where it stands in the request.

        Raises:
            RequestError: A wrong shape, or the answer would be too long.
        """
        if len(self._added) == MAX_TILES:
            raise RequestError(f"{place}: more than {MAX_TILES:,} instances; send fewer at a time")
        values: dict[str, Array] = {}
        shape: tuple[int, ...] = ()
        for name, array in given:
            if values and array.shape == (*shape, 1):  # as the one before, which was found right
                self._hold(array, f"{place}.{name}")
                values[name] = array[..., 0]
                continue
            depth = len(self._contract.inputs) if name == ARRAY_BAND and is_array(name, self._contract) else 1
            if array.ndim != 3 or array.shape[2] != depth or not all(0 < side <= MAX_SIDE for side in array.shape[:2]):
                raise RequestError(
                    f"{place}.{name}: a tensor of shape {list(array.shape)} instead of [height, width, {depth}], 1 to "
                    f"{MAX_SIDE} px a side"
                )
            if not values:
                shape = array.shape[:2]
                self._claim((array.shape[0], array.shape[1]), place)
            elif array.shape[:2] != shape:
                raise RequestError(
                    f"{place}: the inputs differ in shape: {next(iter(values))} is {list(shape)}, {name} is "
                    f"{list(array.shape[:2])}"
                )
            self._hold(array, f"{place}.{name}")
            if depth > 1:
                values = {own: array[..., number] for number, own in enumerate(self._contract.inputs)}
            else:
                values[name] = array[..., 0]
        self._added.append({name: values[name] for name in self._contract.inputs})

    def _hold(self, array: Array, place: str) -> None:
        self._held += array.nbytes
        if self._written_out and self._held > self._contract.max_payload_bytes:
            raise RequestError(
                f"{place}: with this tensor the request asks for {self._held:,} bytes of values, and one that writes "
                f"all of them may have {self._contract.max_payload_bytes:,}; send fewer or smaller tiles at a time"
            )

    def _claim(self, shape: tuple[int, int], place: str) -> None:
        contract = self._contract
        self._bytes += self._sizes.tile_bytes(shape, contract)
        if self._bytes > contract.max_payload_bytes:
            outputs = ", ".join(output.name for output in contract.outputs)
            raise RequestError(
                f"{place}: with this tile of {shape[0]} x {shape[1]} pixels the answer would have {self._bytes:,} "
                f"bytes ({outputs}), over the contract's {contract.max_payload_bytes:,}; send fewer or smaller tiles "
                "at a time"
            )


_FLOAT = ("float32",)
_ANY = (*_FLOAT, "uint8", "int8", "int16", "uint16", "int32", "uint32")


def is_array(name: str, contract: Contract) -> bool:
    """True for the band of `toArray()`, where the model has no input of that name."""
    return name == ARRAY_BAND and ARRAY_BAND not in contract.inputs


def check_names(given: Mapping[str, Any], place: str, contract: Contract) -> Sequence[str]:
    """The inputs to read of an instance, in the model's order.

    Args:
        given: By name.
        place: Where they stand in the request.
        contract: What the model takes.

    Raises:
        RequestError: One is missing or unknown.
    """
    inputs = contract.inputs
    if len(given) == 1 and is_array(next(iter(given)), contract):
        return (ARRAY_BAND,)
    missing = [name for name in inputs if name not in given]
    unknown = ", ".join(sorted(set(given) - set(inputs))[:20]) if missing or len(given) > len(inputs) else ""
    if missing == [contract.valid]:
        raise RequestError(
            f"{place} lacks the input {contract.valid}, 1 where the imagery is valid and 0 where it is masked: add the "
            "band to the ee.Image and unmask it, image.toFloat().unmask(0, false).addBands(image.mask().reduce('min')"
            f".gt(0).unmask(0, false).rename('{contract.valid}').toFloat())"
        )
    if missing:
        has = f" and has the unknown input {unknown}" if unknown else ""
        raise RequestError(f"{place} lacks the input {', '.join(missing)}{has}; the model takes {', '.join(inputs)}")
    if unknown:
        raise RequestError(f"{place} has the unknown input {unknown}; the model takes {', '.join(inputs)}")
    return inputs


def types(name: str, contract: Contract) -> tuple[str, ...]:
    """Types that an input's tensor may have: float32, and all whole numbers where the contract sends such.

    Google documents no table from Earth Engine's types to TensorFlow's: a band of 16 bits may come as 32.
    """
    # An array band has one type for all inputs.
    own = set(contract.types.values()) if is_array(name, contract) else (contract.types.get(name, "float32"),)
    return _FLOAT if all(kind == "float32" for kind in own) else _ANY


def most_values(name: str, contract: Contract) -> int:
    """Values that an input's tensor may have: an answer has a byte for each pixel at least."""
    return min(MAX_SIDE * MAX_SIDE, contract.max_payload_bytes) * (len(contract.inputs) if name == ARRAY_BAND else 1)


def from_text(text: tensors.Text, place: str, name: str, contract: Contract) -> Array:
    """The tensor of an input in a web-safe base64 text. Raises RequestError, saying what it is instead."""
    try:
        return tensors.decode(text, most_values(name, contract), types(name, contract))
    except tensors.TensorError as error:
        raise RequestError(f"{place}: {error}") from error


def shape_of(tile: Tile) -> tuple[int, int]:
    """Pixels (height, width)."""
    height, width = next(iter(tile.values())).shape
    return height, width
