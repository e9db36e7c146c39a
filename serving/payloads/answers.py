"""Answers in the formats of Earth Engine's HTTP payloads, and how long they get: of tensors this is known before."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import orjson

from earthline.formats import tensors
from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import derived
from serving.payloads.tiles import Array

_FRAME_BYTES = 64
"""Header of a tensor as text, and what stands around that and around its name, at most."""
_NUMBER_BYTES = {"uint8": 2, "float32": 4}
"""The shortest number of each type in JSON, with its comma."""
_INSTANCE_BYTES = 8
_NUMPY = orjson.OPT_SERIALIZE_NUMPY


class AnswerFormat(Protocol):
    """One way to write an answer."""

    def tile_bytes(self, shape: tuple[int, int], contract: Contract) -> int:
        """Bytes that a tile (height, width) adds to an answer: at most, but of numbers in JSON at least."""

    def written(self, results: Sequence[Array], contract: Contract) -> bytes:
        """The answer's body.

        Args:
            results: float32 (height, width, entries) of each tile, in the request's order.
            contract: Says what is served of them.
        """


class TensorTexts:
    """SERIALIZED_TF_TENSORS: `{"predictions": [{output: base64, …}, …]}`."""

    def tile_bytes(self, shape: tuple[int, int], contract: Contract) -> int:
        """As `AnswerFormat.tile_bytes`."""
        count = shape[0] * shape[1]
        return _INSTANCE_BYTES + sum(
            4 * -(-count * output.pixel_bytes // 3) + len(output.name.encode()) + _FRAME_BYTES
            for output in contract.outputs
        )

    def written(self, results: Sequence[Array], contract: Contract) -> bytes:
        """As `AnswerFormat.written`."""
        parts = [b'{"predictions":[']
        for number, result in enumerate(results):
            parts.append(b",{" if number else b"{")
            # Base64 needs no escapes: a JSON writer would only look for some, and copy it all.
            for place, (name, values) in enumerate(derived(result, contract).items()):
                parts += [b"," if place else b"", orjson.dumps(name), b':"', *tensors.text_parts(values), b'"']
            parts.append(b"}")
        parts.append(b"]}")
        return b"".join(parts)


class Numbers:
    """RAW_JSON and ND_ARRAYS: outputs as nested lists of numbers, `[row][column][value]`.

    Under ND_ARRAYS one output has no name, as its inputs have none. Where there are several, they are told apart by
    their names.
    """

    def __init__(self, named: bool) -> None:
        """Takes whether a single output has its name."""
        self._named = named

    def tile_bytes(self, shape: tuple[int, int], contract: Contract) -> int:
        """As `AnswerFormat.tile_bytes`."""
        count = shape[0] * shape[1]
        return count * sum(output.values * _NUMBER_BYTES[output.type] + 2 for output in contract.outputs)

    def written(self, results: Sequence[Array], contract: Contract) -> bytes:
        """As `AnswerFormat.written`."""
        predictions: list[Any] = []
        for result in results:
            outputs = {name: _json(values) for name, values in derived(result, contract).items()}
            named = self._named or len(outputs) > 1
            predictions.append(outputs if named else next(iter(outputs.values())))
        return orjson.dumps({"predictions": predictions}, option=_NUMPY)


def _json(values: Array) -> Any:
    if values.dtype == np.uint8 or np.isfinite(values).all():
        return np.ascontiguousarray(values)
    # JSON has no word for what is no number: it goes as text, as all numbers of RAW_JSON's requests do.
    return [
        [[value if np.isfinite(value) else str(value) for value in pixel] for pixel in row] for row in values.tolist()
    ]
