"""Tiles of a benchmark: requests as Earth Engine sends them, and what each should give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from earthline.formats import tensors
from earthline.formats.served.agreement import differs
from earthline.formats.served.contract import Contract

Array = np.ndarray[Any, Any]

EXPECTED = "expected.npz"
MOST_VALUES = 16 << 20
TOLERANCE = 1e-4
"""Largest difference of an entry, all of which are probabilities; runtimes differ by less."""


def made(contract: Contract, tiles: int, shape: tuple[int, int], seed: int = 0) -> dict[str, Array]:
    """Random tiles with a hole: float32 (tiles, height, width) by input.

    Args:
        contract: Names the inputs.
        tiles: Number of them.
        shape: Shape in pixels `(height, width)`.
        seed: Of chance.
    """
    generator = np.random.default_rng(seed)
    inputs = {band: generator.integers(0, 256, (tiles, *shape)).astype(np.float32) for band in contract.bands}
    valid = np.ones((tiles, *shape), np.float32)
    valid[:, : shape[0] // 8, : shape[1] // 8] = 0
    return {**inputs, contract.valid: valid}


def scene(bands: int, shape: tuple[int, int]) -> Array:
    """A whole scene of random pixels: uint8 (bands, height, width)."""
    return np.random.default_rng(11).integers(0, 256, (bands, *shape)).astype(np.uint8)


def body(inputs: Mapping[str, Array], tiles: Sequence[int], contract: Contract) -> bytes:
    """The body of a request for some tiles, in the payload format SERIALIZED_TF_TENSORS."""
    typed = {name: contract.typed(name, values[..., np.newaxis]) for name, values in inputs.items()}
    instances = [{name: tensors.encode(values[tile]) for name, values in typed.items()} for tile in tiles]
    return orjson.dumps({"instances": instances})


def http(content: bytes, host: str, path: str) -> bytes:
    """A whole HTTP request."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    return head.encode() + b"\r\n\r\n" + content


@dataclass(frozen=True)
class Expected:
    """Requests, and what each should give.

    Attributes:
        bodies: One for each tile.
        values: float32 (tiles, height, width, entries), all that the model gives.
        contract: Says which outputs are made of them.
    """

    bodies: list[bytes]
    values: Array
    contract: Contract

    def write(self, folder: Path) -> None:
        """Writes them beside the contract, which lies in the folder."""
        sizes = np.array([len(each) for each in self.bodies])
        np.savez(
            folder / EXPECTED, bodies=np.frombuffer(b"".join(self.bodies), np.uint8), sizes=sizes, values=self.values
        )

    @classmethod
    def read(cls, folder: Path) -> "Expected":
        """Reads them."""
        with np.load(folder / EXPECTED, allow_pickle=False) as kept:
            ends, joined = np.cumsum(kept["sizes"]), kept["bodies"].tobytes()
            bodies = [joined[end - size : end] for size, end in zip(kept["sizes"], ends, strict=True)]
            return cls(bodies, kept["values"], Contract.read(folder))

    def problem(self, tile: int, answer: bytes) -> str:
        """Why an answer is not that to a tile; empty where it is."""
        wanted = {output.name: output for output in self.contract.outputs}
        try:
            (prediction,) = orjson.loads(answer)["predictions"]
            if not isinstance(prediction, dict):  # a single output may come without its name
                prediction = {next(iter(wanted)): prediction}
            if set(prediction) != set(wanted):
                return f"has {sorted(prediction)} instead of {sorted(wanted)}"
            for name, text in prediction.items():
                found, values = tensors.decode(text, MOST_VALUES, (wanted[name].type,)), self.values[tile]
                if found.shape != (*values.shape[:2], wanted[name].values):
                    return f"{name} has shape {found.shape}"
                wrong = float(differs(found, values, wanted[name], TOLERANCE).mean())
                if wrong:
                    return f"{name} differs in {100 * wrong:.2f} % of pixels"
        except (ValueError, KeyError, TypeError) as error:
            return f"{type(error).__name__}: {error}"
        return ""
