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
from earthline.formats.served.outputs import derived
from earthline.runtimes.tensorflow_runtime import TensorFlowRuntime

TILES = 16
"""Different tiles of a benchmark."""
SCENE_BATCH = 8


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
    """The classes of a whole scene, as one tile and as tiles with their overlap; the latter go to `scene.npy`.

    Outside of the scene tiles are masked, as Earth Engine sends them. The scene is a whole number of tiles.
    """
    contract = runtime.contract
    pixels = tiles.scene(len(contract.bands), shape).astype(np.float32)
    whole = dict(zip(contract.inputs, [*pixels, np.ones(shape, np.float32)], strict=True))
    begun = time.perf_counter()
    runtime.predict({name: values[np.newaxis] for name, values in whole.items()})
    as_one = time.perf_counter() - begun
    (height, width), margin = contract.tile_shape, tuple(each // 2 for each in contract.overlap)
    around = {name: np.pad(values, [(each, each) for each in margin]) for name, values in whole.items()}
    corners = [(row, column) for row in range(0, shape[0], height) for column in range(0, shape[1], width)]
    sides = height + 2 * margin[0], width + 2 * margin[1]
    found = np.empty(shape, np.uint8)
    begun, worked = time.perf_counter(), time.process_time()
    for first in range(0, len(corners), SCENE_BATCH):
        some = corners[first : first + SCENE_BATCH]
        given = {
            name: np.stack([values[row : row + sides[0], column : column + sides[1]] for row, column in some])
            for name, values in around.items()
        }
        (classes,) = derived(runtime.predict(given), contract).values()
        for (row, column), tile in zip(some, classes[..., 0], strict=True):
            inner = tile[margin[0] : margin[0] + height, margin[1] : margin[1] + width]
            found[row : row + height, column : column + width] = inner
    as_tiles, worked = time.perf_counter() - begun, time.process_time() - worked
    np.save(folder / "scene.npy", found)
    return {"one": as_one, "tiles": as_tiles, "tiles_processor": worked}


if __name__ == "__main__":
    main()
