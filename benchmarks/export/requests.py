"""Requests that an export saves by merging neighbouring patches, and its memory for many patches beside few.

Memory is that of the whole step after its planning: fetching, encoding, the spool, and shards and manifest. What
Earth Engine would answer is made inside of the process, at once; no other memory is spared by that.
"""

import json
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

from benchmarks.measurements import Measurement
from components.export_examples.fetching.requests import expected
from earthline.config import Data, Export

PATCHES = 10_000
"""Of which requests are counted: 64 x 64 pixels of ten bands of int16."""
SCATTERED_SIDE, DENSE_SIDE = 100_000, 2_000
"""Pixels of a side of the ground: patches cover a two hundred and fiftieth of the one, and the other ten times."""
FEW, MANY = 1_000, 100_000
"""Of which memory is measured: patches of 32 x 32 pixels of ten bands, so that the few fill what waits for the disk."""
STEP = """
import io, json, sys
from pathlib import Path
import ee
import numpy as np
from components.export_examples import pipeline, rounds
from components.export_examples.fetching import fetch, requests
from components.export_examples.fetching.memory import return_freed
from components.export_examples.fetching.requests import Requests
from components.export_examples.job import Job
from components.export_examples.planning.patches import Plan
from components.export_examples.writing.spool import Spool
from components.export_examples.writing.write import write
from earthline.config import Data, Export
from earthline.earth_engine import pixels
from earthline.formats.manifest import Manifest
from earthline.grid import Grid
from earthline.task import task_of

data, export = Data.model_validate_json(sys.argv[1]), Export.model_validate_json(sys.argv[2])
patches, side, folder = int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5])
kind = requests.pixel_type(data)
return_freed()

def answer(request):
    size = request["grid"]["dimensions"]
    made = np.zeros((size["height"], size["width"]), kind)
    for name in kind.names:
        made[name] = 1
    written = io.BytesIO()
    np.save(written, made)
    return written.getvalue()

ee.data.computePixels = answer
pixels.encoded = lambda image: None
fetch.connect = lambda *arguments: None
fetch.windows.request_image = lambda data, grid: data
corners = np.random.default_rng(0).integers(0, side, (3 * patches // 2, 2)).astype(np.int32)
corners = np.unique(corners, axis=0)
parts = np.array_split(corners, 3)
wanted = np.array([[len(part)] for part in parts])
plan = Plan.of({(split, 0): part for split, part in enumerate(parts)}, wanted * 2 // 3, wanted * 10, ("all",))
grid = Grid("EPSG:32633", (10, 0, 0, 0, -10, 0), (side, side))
spool = Spool.open(str(folder / "spool"), {})
job = Job(data, export, "project", grid)

def bring(missing, done, total):
    corners = np.column_stack([missing.row, missing.column])
    asked = Requests.of(missing.split, corners, data, export)
    pipeline.run(job, asked, spool.folder, {}, done=done, total=total)

found = rounds.gather(plan, spool, bring)
task = task_of(data)
manifest = Manifest(
    grid=grid.to_json(), bands=data.imagery.band_names, data_type=data.imagery.data_type,
    patch_shape=export.patch_shape, task=task.record, label_type=task.data_type, splits={}, gap=0,
    block_shape=export.block_shape, split_areas={}, seed=0, expression_hash="", sources=(),
)
written = write(spool, found.corners, manifest, str(folder), shards=export.shards)
# What getrusage calls the maximum of a process begins with that of the one which started it.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
examples = sum(split.examples for split in written.splits.values())
print(json.dumps({"megabytes": int(peak.split()[1]) / 1024, "examples": examples}))
"""


def measure() -> list[Measurement]:
    """Counts requests and pixels of scattered and of dense patches, and measures both memories.

    Raises:
        RuntimeError: An export has not as many examples as it was to have.
    """
    found = []
    for name, side in (("scattered", SCATTERED_SIDE), ("dense", DENSE_SIDE)):
        data, export = _sections(10, 64)
        corners = np.unique(np.random.default_rng(0).integers(0, side, (PATCHES, 2)), axis=0)
        asked, alone = expected(corners, data, export), len(corners)
        found += [
            Measurement(f"requests for {alone:,} {name} patches", asked.requests, "one a patch", alone, "requests"),
            Measurement("  pixels in them", asked.pixels / 1e6, "of the patches", alone * 64 * 64 / 1e6, "Mpx"),
        ]
    few, many = ([_memory(number, side) for number in (FEW, MANY)] for side in (64_000, 8_000))
    for name, (small, large) in (("scattered", few), ("dense", many)):
        found.append(Measurement(f"export of {MANY:,} {name} patches, memory", large, f"{FEW:,}", small, "MB"))
    return found


def _sections(bands: int, side: int) -> tuple[Data, Export]:
    names = [f"b{number}" for number in range(bands)]
    classes = [{"name": f"class {value}", "color": "#123456", "values": [value]} for value in (1, 2)]
    data = {
        "imagery": {"image": "projects/p/assets/image", "bands": names, "data_type": "int16"},
        "labels": {"image": "projects/p/assets/labels", "band": "b0", "classes": classes},
    }
    export = {"patch_shape": (side, side), "block_shape": (4 * side, 4 * side)}
    return Data.model_validate(data), Export.model_validate(export)


def _memory(patches: int, side: int) -> float:
    """Peak memory of an export in MB."""
    data, export = _sections(10, 32)
    with tempfile.TemporaryDirectory() as folder:
        arguments = [data.model_dump_json(), export.model_dump_json(), str(patches), str(side), folder]
        done = subprocess.run(
            [sys.executable, "-c", STEP, *arguments], check=True, stdout=subprocess.PIPE, text=True, timeout=3_600
        )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if abs(told["examples"] - patches) > 3:
        raise RuntimeError(f"{told['examples']} examples instead of {patches}")
    return float(told["megabytes"])
