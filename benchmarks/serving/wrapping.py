"""What Earth Engine's way of sending tiles costs beside plain arrays, step by step and as a whole."""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measurements import Measurement, in_turn
from benchmarks.serving import tiles
from benchmarks.serving.prepared import SIZES, prepare
from earthline import runtimes
from earthline.formats import tensors
from serving import payloads

TILES = 8


def measure(*, rounds: int = 25, names: tuple[str, ...] = ("classes", "probabilities")) -> list[Measurement]:
    """All ways in turn, in one process.

    Args:
        rounds: How often each is measured.
        names: Models of `prepared.SIZES`.
    """
    found = []
    for name in names:
        size = SIZES[name]
        with tempfile.TemporaryDirectory() as place:
            prepare(Path(place), name)
            runtime = runtimes.load(Path(place))
        inputs = tiles.made(runtime.contract, TILES, (size.tile, size.tile))
        body = tiles.body(inputs, [0], runtime.contract)
        one = {band: values[:1] for band, values in inputs.items()}
        taken = in_turn(
            {
                "wrapped": partial(_wrapped, runtime, body),
                "plain": partial(runtime.predict, one),
                "read": partial(_read, runtime, body),
                "answered": partial(payloads.read(body, runtime.contract).answer, list(runtime.predict(one))),
            },
            rounds,
        )
        for where, spent in (
            ("", {way: 1_000 * each.seconds for way, each in taken.items()}),
            (", in processor time", {way: 1_000 * each.processor for way, each in taken.items()}),
        ):
            found += [
                Measurement(
                    f"{size.told}: a request{where}", spent["wrapped"], "the same as plain arrays", spent["plain"], "ms"
                ),
                Measurement(f"  reading the request{where}", spent["read"], "plain arrays", spent["plain"], "ms"),
                Measurement(f"  writing the answer{where}", spent["answered"], "plain arrays", spent["plain"], "ms"),
            ]
    return found + _decoding(rounds)


def _read(runtime: Any, body: bytes) -> Any:
    return payloads.groups(payloads.read(body, runtime.contract).tiles)


def _wrapped(runtime: Any, body: bytes) -> bytes:
    """What the server does with a request, without HTTP."""
    request = payloads.read(body, runtime.contract)
    results: list[Any] = [None] * len(request.tiles)
    for places, inputs in payloads.groups(request.tiles):
        for place, result in zip(places, runtime.predict(inputs), strict=True):
            results[place] = result
    return bytes(request.answer(results))


def _decoding(rounds: int, side: int = 128, many: int = 100) -> list[Measurement]:
    """Decoding tensors beside copying as many bytes of text."""
    values = np.random.default_rng(0).normal(size=(side, side, 1)).astype(np.float32)
    text = tensors.encode(values)
    data = text.encode()
    target = bytearray(len(data))

    def copied() -> None:
        for _ in range(many):
            target[:] = data

    taken = in_turn(
        {
            "decoded": lambda: [tensors.decode(text, side * side) for _ in range(many)],
            "encoded": lambda: [tensors.encode(values) for _ in range(many)],
            "copied": copied,
        },
        rounds,
    )
    rates = {name: many * len(data) / each.processor / 1e6 for name, each in taken.items()}
    return [
        Measurement("  text of a tensor, decoded", rates["decoded"], "copied in memory", rates["copied"], "MB/s"),
        Measurement("  text of a tensor, encoded", rates["encoded"], "copied in memory", rates["copied"], "MB/s"),
    ]
