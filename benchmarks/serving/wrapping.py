"""What Earth Engine's way of sending tiles costs beside plain arrays, step by step and as a whole."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pybase64

from benchmarks.measurements import Measurement, in_turn
from benchmarks.serving import tiles
from benchmarks.serving.prepared import SIZES, prepare
from earthline import runtimes
from earthline.formats import tensors
from serving import memory, payloads

TILES = 8
TEXTS = 768
"""Texts of tensors that are decoded one after the other, 67 MB: more than the caches of a processor hold."""


def measure(*, rounds: int = 25, names: tuple[str, ...] = ("classes", "probabilities")) -> list[Measurement]:
    """All ways in turn, in one process.

    Args:
        rounds: How often each is measured.
        names: Models of `prepared.SIZES`.
    """
    memory.keep()  # as the server does: else each large block is given back to the system, and faulted in again
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
    return payloads.read(body, runtime.contract)


def _wrapped(runtime: Any, body: bytes) -> bytes:
    """What the server does with a request of one tile, without HTTP."""
    request = _read(runtime, body)
    (tile,) = request.tiles
    return bytes(request.answer(runtime.predict({name: values[np.newaxis] for name, values in tile.items()})))


def _decoding(rounds: int, side: int = 128) -> list[Measurement]:
    """Decoding tensors beside copying as many bytes of text, from memory to where it was free."""
    values = list(np.random.default_rng(0).normal(size=(TEXTS, side, side, 1)).astype(np.float32))
    texts = [memoryview(tensors.encode(each).encode()) for each in values]

    # What the library can where it need not exchange the two characters of the web-safe alphabet.
    standard = [pybase64.b64encode(tensors.serialize(each)) for each in values]

    def each_of(way: Callable[[Any], object], given: list[Any]) -> Callable[[], None]:
        def ask() -> None:
            for one in given:
                way(one)

        return ask

    taken = in_turn(
        {
            "decoded": each_of(lambda text: tensors.decode(text, side * side), texts),
            "encoded": each_of(tensors.text_parts, values),
            "standard": each_of(partial(pybase64.b64decode, validate=True), standard),
            "copied": each_of(bytes, texts),
        },
        rounds,
    )
    rates = {name: TEXTS * len(texts[0]) / each.processor / 1e6 for name, each in taken.items()}
    return [
        Measurement("  text of a tensor, decoded", rates["decoded"], "copied in memory", rates["copied"], "MB/s"),
        Measurement("    in the standard alphabet", rates["standard"], "copied in memory", rates["copied"], "MB/s"),
        Measurement("  text of a tensor, encoded", rates["encoded"], "copied in memory", rates["copied"], "MB/s"),
    ]
