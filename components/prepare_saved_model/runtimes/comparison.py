"""Measures both runtimes in a fresh process: `python -m components.prepare_saved_model.runtimes.comparison FOLDER`.

Asked are real tiles, `probe.npz` beside the contract, and what becomes of them with masks and in odd sizes. The last
line of standard output is JSON: `figures`, by `RuntimeFigures`, and `faults`, why a runtime is not among them.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from earthline import runtimes
from earthline.formats.served.contract import Contract
from earthline.formats.served.references import Reference, scale
from earthline.formats.served.runtime_record import RuntimeFigures, RuntimeName
from earthline.runtimes.openvino_runtime import FOLDER, WORTH_COMPILING

Array = np.ndarray[Any, Any]

TOLERANCE = 1e-5
"""Largest difference of an output to TensorFlow's that passes, as a share of `references.scale`."""
BATCHES = (1, 4, 8)
"""Tiles in a call that are tried."""
BATCH_PIXELS = 1 << 17
"""Of all tiles of a batch that is tried: larger ones gain nothing and take seconds."""
ROUNDS = 3
"""Times that each runtime is measured, in turn: another program on the machine hits both alike."""
ROUND_SECONDS = 0.3

Rate = tuple[float, float]
"""Processor time of a tile in seconds, and tiles per second by the clock."""
_DISTRIBUTIONS: Mapping[RuntimeName, tuple[str, ...]] = {
    "openvino": ("openvino",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
}


def compare(folder: Path) -> tuple[list[RuntimeFigures], dict[str, str]]:
    """Loads, compares and measures.

    Args:
        folder: The SavedModel with contract, probe and, where it could be converted, OpenVINO's network.

    Returns:
        Figures of TensorFlow and of each runtime that gives the same, and by name why another does not.
    """
    contract, probe = Contract.read(folder), Reference.read(folder)
    loaded: dict[RuntimeName, runtimes.Runtime] = {}
    seconds: dict[RuntimeName, float] = {}
    faults: dict[str, str] = {}
    names: tuple[RuntimeName, ...] = ("openvino", "tensorflow") if (folder / FOLDER).is_dir() else ("tensorflow",)
    for name in names:
        began = time.perf_counter()
        try:
            loaded[name] = runtimes.load(folder, name)
        except runtimes.RuntimeFault as error:
            faults[name] = str(error)
        seconds[name] = time.perf_counter() - began
    tiles = {band: probe.image[..., place] for place, band in enumerate(contract.bands)} | {contract.valid: probe.valid}
    differences: dict[RuntimeName, float] = {"tensorflow": 0.0}
    if "openvino" in loaded:
        difference, where = _difference(loaded["openvino"], loaded["tensorflow"], tiles)
        differences["openvino"] = difference
        if not difference <= TOLERANCE:
            del loaded["openvino"]
            faults["openvino"] = f"its outputs differ from TensorFlow's by up to {difference:.2g} ({where})"
    rates = _rates(loaded, tiles)
    return [
        RuntimeFigures(
            name=name,
            version=_version(name),
            batch=batch,
            processor_milliseconds=round(1000 * spent, 3),
            tiles_per_second=round(rate, 2),
            load_seconds=round(seconds[name], 2),
            max_difference=differences[name],
        )
        for name, (batch, spent, rate) in rates.items()
    ], faults


def _difference(runtime: runtimes.Runtime, other: runtimes.Runtime, tiles: dict[str, Array]) -> tuple[float, str]:
    """The largest difference, as a share of the largest output, and the case that had it."""
    worst, where = 0.0, "none"
    for told, inputs in _cases(tiles, runtime.contract):
        wanted = other.predict(inputs)
        tolerated = scale(wanted)
        # For other shapes than the plan's, as often as it takes until a network has been compiled: both must be right.
        planned = inputs[runtime.contract.valid].shape[1:] in runtime.contract.warm_shapes
        for _ in range(1 if planned else WORTH_COMPILING + 1):
            found = runtime.predict(inputs)
            if found.shape != wanted.shape:
                return float("inf"), f"{told}: {list(found.shape)} instead of {list(wanted.shape)}"
            difference = float(np.abs(found - wanted).max(initial=0.0)) / tolerated
            if not difference <= worst:
                worst, where = difference if np.isfinite(difference) else float("inf"), told
    return worst, where


def _cases(tiles: dict[str, Array], contract: Contract) -> Iterator[tuple[str, dict[str, Array]]]:
    valid, first = contract.valid, contract.bands[0]
    yield "real tiles", tiles
    for height, width in (*contract.warm_shapes, (1, 1), (contract.stride + 1, 2 * contract.stride - 1)):
        yield f"{height} x {width} px", {name: values[:1, :height, :width] for name, values in tiles.items()}
    masked = tiles[valid].copy()
    masked[:, : masked.shape[1] // 3, masked.shape[2] // 2 :] = 0
    masked[-1] = 0
    yield "with masks", tiles | {valid: masked}
    holes = tiles[first].copy()
    holes[:, ::7, ::5], holes[:, 1::7, 1::5] = np.nan, np.inf
    yield "with NaN and infinity", tiles | {first: holes}


def _rates(
    loaded: Mapping[RuntimeName, runtimes.Runtime], tiles: dict[str, Array]
) -> dict[RuntimeName, tuple[int, float, float]]:
    """The best batch of each, with the best of rounds in turn.

    Processor time decides. By the clock, on a machine with other work to do, whoever has more threads gets more of it.
    """
    batches = {}
    pixels = next(iter(tiles.values()))[0].size
    fitting = [batch for batch in BATCHES if batch == 1 or batch * pixels <= BATCH_PIXELS]
    for name, runtime in loaded.items():
        tried = {batch: _rate(runtime, tiles, batch) for batch in (fitting if runtime.batch > 1 else (1,))}
        batches[name] = min(tried, key=lambda batch: tried[batch])
    rounds: dict[RuntimeName, list[Rate]] = {name: [] for name in loaded}
    for _ in range(ROUNDS):
        for name, runtime in loaded.items():
            rounds[name].append(_rate(runtime, tiles, batches[name]))
    return {
        name: (batches[name], min(spent for spent, _ in rates), max(rate for _, rate in rates))
        for name, rates in rounds.items()
    }


def _rate(runtime: runtimes.Runtime, tiles: dict[str, Array], batch: int) -> Rate:
    """Over about a third of a second, with as many calls at once as the runtime likes."""
    chosen = np.arange(batch) % len(next(iter(tiles.values())))
    inputs = {name: values[chosen] for name, values in tiles.items()}
    runtime.predict(inputs)
    began, spent = time.perf_counter(), time.process_time()

    def worked(_: int) -> int:
        done = 0
        while not done or time.perf_counter() - began < ROUND_SECONDS:
            runtime.predict(inputs)
            done += batch
        return done

    with ThreadPoolExecutor(runtime.calls) as pool:
        done = sum(pool.map(worked, range(runtime.calls)))
    return (time.process_time() - spent) / done, done / (time.perf_counter() - began)


def _version(name: RuntimeName) -> str:
    for distribution in _DISTRIBUTIONS[name]:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def main() -> int:
    """Prints what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    figures, faults = compare(parser.parse_args().folder)
    print(json.dumps({"figures": [each.model_dump() for each in figures], "faults": faults}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
