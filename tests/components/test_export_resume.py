"""An export that is killed, cut off or out of room goes on where it was, and ends with the same bytes."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earthline.config import Data, Export
from earthline_sandbox.lifecycle import control
from earthline_sandbox.settings import Home
from tests.conftest import Sandbox

from .scene import save

pytestmark = pytest.mark.slow

SIDE = 1536
FOLDER = "projects/sandbox/assets/export_resume"
STEP = """
import json, sys
from kfp import dsl
from components.export_examples.run import run
case = json.load(open(sys.argv[1]))
examples = dsl.Dataset(uri=sys.argv[2], metadata={})
run(data=case["data"], export=case["export"], project="sandbox", temp_location=case["temp"], examples=examples)
print("METADATA" + json.dumps(examples.metadata))
"""
PLANNED = re.compile(r"(\d+) patches come by (\d+) requests")
HELD = re.compile(r"an earlier run ended: (\d+) patches")


@dataclass(frozen=True)
class Exporter:
    """Runs the step in processes of its own, all with one folder for temporary files."""

    sandbox: Sandbox
    case: Path
    temp: Path

    def start(self, folder: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", STEP, str(self.case), str(folder)],
            env=self.sandbox.client_environment(),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def finish(self, folder: Path) -> str:
        """Runs it to its end; gives what it logged."""
        process = self.start(folder)
        _, log = process.communicate(timeout=300)
        assert process.returncode == 0, log
        return log

    def kill(self, folder: Path, after: float) -> str:
        """Kills it so many seconds after it began to fetch; gives what it logged."""
        process = self.start(folder)
        log = ""
        for line in process.stderr:
            log += line
            if PLANNED.search(line):
                break
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        rest = process.communicate(timeout=60)[1]
        return log + rest

    def admin(self, method: str, path: str, content: Any = None) -> Any:
        return control.call(Home(self.sandbox.home), method, f"earthengine/{path}", content)

    def asked(self) -> int:
        """Requests for pixels since the last time that this was asked."""
        entries = self.admin("GET", "requests")["requests"]
        self.admin("DELETE", "requests")
        return sum(entry["method"] == "image:computePixels" for entry in entries)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.fixture(scope="module")
def exporter(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    imagery = np.stack([rows % 251 + 1, columns % 251 + 1]).astype(np.uint8)
    labels = np.where((rows // 24 + columns // 24) % 4 == 0, 2, 1).astype(np.uint8)
    for name, layers in (("scene", imagery), ("labels", labels[None])):
        sandbox.command("add", f"{FOLDER}/{name}", save(folder / f"{name}.tif", layers, nodata=0))
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
    case = folder / "case.json"
    sections = {
        "data": Data.model_validate(data).model_dump_json(),
        "export": Export.model_validate(export).model_dump_json(),
        "temp": str(folder / "temp"),
    }
    case.write_text(json.dumps(sections))
    exporter = Exporter(sandbox, case, folder / "temp")
    # Slow enough to be interrupted, as Earth Engine is.
    exporter.admin("POST", "faults", {"kind": "stall", "method": "image:computePixels", "seconds": 0.3})
    yield exporter
    exporter.admin("DELETE", "faults")


@pytest.fixture(scope="module")
def whole(exporter, tmp_path_factory):
    """An uninterrupted run: its folder, its log and its requests for pixels."""
    folder = tmp_path_factory.mktemp("whole")
    exporter.asked()
    log = exporter.finish(folder)
    return folder, log, exporter.asked()


def test_killed_again_and_again_it_ends_with_the_same_bytes(exporter, whole, tmp_path):
    folder, log, requests = whole
    patches, windows = map(int, PLANNED.search(log).groups())
    planning = requests - windows
    assert windows >= 20 and planning < 10
    chance, held = random.Random(20), 0
    for kill in range(3):
        log = exporter.kill(tmp_path / str(kill), chance.uniform(0.5, 3))
        assert not (tmp_path / str(kill) / "manifest.json").exists()
        exporter.asked()
    assert list(exporter.temp.rglob("*.chunk"))
    log = exporter.finish(tmp_path / "last")
    held = int(HELD.search(log)[1])
    missing, windows = map(int, PLANNED.search(log).groups())
    assert 0 < held < patches and held + missing == patches
    assert exporter.asked() == planning + windows
    assert content(tmp_path / "last") == content(folder)
    assert not exporter.temp.exists() or not list(exporter.temp.rglob("*"))
