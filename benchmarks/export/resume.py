"""An export that is killed at twenty random moments: whether the files are the same, and what it fetched twice."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio import Affine

from benchmarks.measurements import Measurement
from benchmarks.sandbox import Service, sandbox
from earthline.config import Data, Export

KILLS = 20
SIDE = 1536
SECONDS = 0.3
"""Of each answer: Earth Engine takes longer."""
FOLDER = "projects/sandbox/assets/killed"
STEP = """
import json, sys
from kfp import dsl
from components.export_examples.run import run
case = json.load(open(sys.argv[1]))
run(data=case["data"], export=case["export"], project="sandbox", temp_location=case["temp"],
    examples=dsl.Dataset(uri=sys.argv[2], metadata={}))
"""


def measure() -> list[Measurement]:
    """Kills the step until it was killed `KILLS` times, each time at any moment of its life; every end is compared.

    Raises:
        AssertionError: An end with other files than the uninterrupted run's.
    """
    chance = random.Random(20)
    with sandbox() as (folder, service):
        case = _case(folder, service)
        service.add_fault("stall", "image:computePixels", SECONDS)
        begun = time.monotonic()
        assert _run(case, folder / "whole", None)
        seconds, expected = time.monotonic() - begun, _content(folder / "whole")
        requests, kills, ends, number = service.pixel_requests(), 0, 0, 0
        begun = time.monotonic()
        while kills < KILLS:
            out = folder / str(number)
            # Once it was killed often enough it is left to end.
            if _run(case, out, chance.uniform(0, 1.2 * seconds)):
                ends += 1
                assert _content(out) == expected, f"run {number} left other files"
            else:
                kills += 1
            number += 1
        assert _run(case, folder / "last", None)
        assert _content(folder / "last") == expected, "the last run left other files"
        ends += 1
        spent, asked = time.monotonic() - begun, service.pixel_requests()
    return [
        Measurement(
            f"requests of {ends} exports killed {KILLS} times in all, those of {number + 1} plannings too",
            asked,
            f"{ends} uninterrupted",
            requests * ends,
            "",
        ),
        Measurement("time for these", spent, f"{ends} uninterrupted", seconds * ends, "s"),
    ]


def _run(case: Path, out: Path, patience: float | None) -> bool:
    """Runs the step in a process of its own, and kills it after a while; True where it had ended before."""
    process = subprocess.Popen([sys.executable, "-c", STEP, str(case), str(out)], stderr=subprocess.PIPE)
    try:
        _, log = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return False
    assert process.returncode == 0, log.decode()
    return True


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def _case(folder: Path, service: Service) -> Path:
    """A scene whose values tell their place, and the step's sections."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    scene = np.stack([rows % 251 + 1, columns % 251 + 1]).astype(np.uint8)
    labels = np.where((rows // 24 + columns // 24) % 4 == 0, 2, 1).astype(np.uint8)
    profile = {"driver": "GTiff", "dtype": "uint8", "height": SIDE, "width": SIDE, "crs": "EPSG:32633"}
    for name, layers in (("scene", scene), ("labels", labels[np.newaxis])):
        path = folder / f"{name}.tif"
        transform = Affine(10, 0, 600_000, 0, -10, 5_000_000)
        with rasterio.open(path, "w", count=len(layers), transform=transform, **profile) as file:
            file.write(layers)
        service.add(f"{FOLDER}/{name}", path)
    classes = [
        {"name": "land", "color": "#1b7837", "values": [1]},
        {"name": "water", "color": "#2b8cbe", "values": [2]},
    ]
    data = {
        "imagery": {"image": f"{FOLDER}/scene", "bands": ["b1", "b2"], "data_type": "uint8"},
        "labels": {"image": f"{FOLDER}/labels", "band": "b1", "classes": classes},
    }
    export = {
        "patch_shape": [32, 32],
        "block_shape": [256, 256],
        "examples": {"train": 60, "validation": 12, "test": 20},
        "concurrency": 2,
    }
    sections = {
        "data": Data.model_validate(data).model_dump_json(),
        "export": Export.model_validate(export).model_dump_json(),
        "temp": str(folder / "temp"),
    }
    case = folder / "case.json"
    case.write_text(json.dumps(sections))
    return case
