"""The planning of an export: memory and time for a million patches beside ten thousand, on the same labels."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine

from benchmarks.measurements import Measurement
from benchmarks.sandbox import sandbox

SIDE = 4096
FEW, MANY = 10_000, 1_000_000
ASSET = "projects/sandbox/assets/plan/labels"
CLASSES = 4
PLAN = """
import json, sys, time
from pathlib import Path
from components.export_examples.planning.selection import select
from earthline.config import Data, Export
from earthline.earth_engine import connection, imagery

connection.connect("sandbox")
data, export = Data.model_validate_json(sys.argv[1]), Export.model_validate_json(sys.argv[2])
grid = imagery.grid(data)
began = time.perf_counter()
chosen = select(data, export, grid)
# What getrusage calls the maximum of a process begins with that of the one which started it.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps({
    "seconds": time.perf_counter() - began,
    "patches": len(chosen.plan.first),
    "megabytes": int(peak.split()[1]) / 1024,
}))
"""


def measure() -> list[Measurement]:
    """Plans both, each in a process of its own.

    Raises:
        RuntimeError: A plan has fewer patches than were asked for.
    """
    with sandbox() as (folder, service):
        path = folder / "labels.tif"
        _write(path)
        service.add(ASSET, path)
        few, many = (_planned(number) for number in (FEW, MANY))
    return [
        Measurement(f"plan of {MANY:,} patches, memory", many["megabytes"], f"{FEW:,}", few["megabytes"], "MB"),
        Measurement(f"plan of {MANY:,} patches, time", many["seconds"], f"{FEW:,}", few["seconds"], "s"),
    ]


def _write(path: Path) -> None:
    """Labels in patches of ground, a tenth of them without one."""
    random = np.random.default_rng(0)
    coarse = random.integers(1, CLASSES + 1, (SIDE // 32, SIDE // 32), np.uint8)
    labels = np.kron(coarse, np.ones((32, 32), np.uint8))
    labels[random.random(labels.shape, np.float32) < 0.1] = 0
    profile = {"driver": "GTiff", "count": 1, "height": SIDE, "width": SIDE, "dtype": "uint8", "nodata": 0}
    transform = Affine(10, 0, 600_000, 0, -10, 5_000_000)
    with rasterio.open(path, "w", crs="EPSG:32633", transform=transform, tiled=True, **profile) as file:
        file.write(labels, 1)


def _planned(patches: int) -> dict[str, float]:
    data = {
        "imagery": {"image": ASSET, "bands": ["b1"], "data_type": "uint8"},
        "labels": {
            "image": ASSET,
            "band": "b1",
            "classes": [
                {"name": f"class {value}", "color": "#123456", "values": [value]} for value in range(1, CLASSES + 1)
            ],
        },
    }
    shares = {"train": 0.6, "validation": 0.15, "test": 0.25}
    export = {
        "patch_shape": [16, 16],
        "block_shape": [256, 256],
        "examples": {split: round(share * patches) for split, share in shares.items()},
    }
    answer = subprocess.run(
        [sys.executable, "-c", PLAN, json.dumps(data), json.dumps(export)],
        check=True,
        stdout=subprocess.PIPE,
    )
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    if found["patches"] < patches:
        raise RuntimeError(f"the plan has {found['patches']:,} of {patches:,} patches")
    return found
