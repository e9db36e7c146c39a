"""A runtime called in its own process, without a server: the limit. `python -m benchmarks.serving.in_process`.

Reads tasks from standard input and answers each with a line, both JSON.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving import tiles
from earthline import runtimes
from earthline.formats.served_outputs import derived
from earthline.runtimes.tensorflow_runtime import TensorFlowRuntime

TILES = 16
"""Different tiles of a benchmark."""


def main() -> None:
    """Arguments: the model's folder, and `chosen` for the runtime that it records or `tensorflow`."""
    folder, which = Path(sys.argv[1]), sys.argv[2]
    runtime: Any = runtimes.load(folder) if which == "chosen" else TensorFlowRuntime(folder)
    for line in sys.stdin:
        task = json.loads(line)
        if "scene" in task:
            print(json.dumps(_scene(runtime, folder, tuple(task["scene"]))), flush=True)
            continue
        inputs = tiles.made(runtime.contract, TILES, tuple(task["shape"]))
        if "write" in task:
            bodies = [tiles.body(inputs, [tile], runtime.contract) for tile in range(TILES)]
            tiles.Expected(bodies, runtime.predict(inputs), runtime.contract).write(folder)
            print(json.dumps({"bytes": len(bodies[0])}), flush=True)
        else:
            print(json.dumps(_measured(runtime, inputs, task["batch"], task["seconds"])), flush=True)


def _measured(runtime: Any, inputs: dict[str, Any], batch: int, seconds: float) -> dict[str, float]:
    batches = [
        {name: np.ascontiguousarray(values[first : first + batch]) for name, values in inputs.items()}
        for first in range(0, TILES - batch + 1, batch)
    ]
    runtime.predict(batches[0])
    worked, begun, done = time.process_time(), time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        runtime.predict(batches[done % len(batches)])
        done += 1
    worked = time.process_time() - worked
    return {"tiles": done * batch, "seconds": time.perf_counter() - begun, "processor": worked}


def _scene(runtime: Any, folder: Path, shape: tuple[int, int]) -> dict[str, float]:
    """The classes of a whole scene, as one tile; they go to `scene.npy`."""
    contract = runtime.contract
    inputs = dict(zip(contract.bands, tiles.scene(len(contract.bands), shape)[:, np.newaxis], strict=True))
    inputs |= {contract.valid: np.ones((1, *shape))}
    inputs = {name: values.astype(np.float32) for name, values in inputs.items()}
    begun = time.perf_counter()
    classes = derived(runtime.predict(inputs), contract)
    seconds = time.perf_counter() - begun
    np.save(folder / "scene.npy", next(iter(classes.values()))[0, ..., 0])
    return {"seconds": seconds}


if __name__ == "__main__":
    main()
