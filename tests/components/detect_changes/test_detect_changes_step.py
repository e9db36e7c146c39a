"""Changes against a sandbox: what new images, changed labels and another scale of values make of a workflow."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

FOLDER = "projects/sandbox/assets/changes_test"
SHAPE = (60, 80)
SCRIPT = """
import json, subprocess, sys
from pathlib import Path

import ee
from kfp import dsl

from components.detect_changes.changes import Changes
from components.detect_changes.run import run
from earthline.config import Data

case = json.loads(sys.argv[1])
ee.Initialize(project="sandbox")
ee.data.createAsset({"type": "FOLDER"}, case["assets"])
ee.data.createAsset({"type": "IMAGE_COLLECTION"}, f"{case['assets']}/scenes")


def add(asset, file, day=None):
    words = [sys.executable, "-m", "earthline_sandbox", "add", f"{case['assets']}/{asset}", case["files"][file]]
    if day:
        milliseconds = ee.Date(day).millis().getInfo()
        words += ["--property", f"system:time_start={milliseconds}"]
    subprocess.run([*words, "--force", "--home", case["home"]], check=True, cwd=case["root"], capture_output=True)


def look(name):
    folder = Path(case["folder"]) / name
    artifact = dsl.Artifact(uri=str(folder / "changes"), metadata={})
    decision = run(
        sections={"data": case["data"], "train": "{}"}, drift_limit=0.25, psi_limit=0.25, force=False,
        project="sandbox", location="us-central1", workflow_label="earthline-workflow", name="nobody",
        endpoint_name="nobody", changes=artifact, fingerprint=str(folder / "fingerprint"),
        champion_file=str(folder / "champion"),
        accepted_statistics_file=str(folder / "statistics"))
    changes = Changes.read(folder / "changes")
    said[name] = {
        "decision": decision, "reasons": changes.reasons, "fingerprint": (folder / "fingerprint").read_text(),
        "champion": (folder / "champion").read_text(),
        "sources": [source.model_dump() for source in changes.snapshot.sources],
        "bands": {band: value.model_dump() for band, value in changes.snapshot.bands.items()},
    }


said = {}
add("labels", "labels")
add("scenes/one", "dim", "2026-01-05")
look("first")
look("same")
add("scenes/two", "bright", "2026-02-07")
look("more")
add("labels", "labels")
look("labels")
print("SAID" + json.dumps(said))
"""


def save(path: Path, low: int, high: int) -> str:
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 1, "height": SHAPE[0], "width": SHAPE[1]}
    transform = Affine(30, 0, 630000, 0, -30, 228000)
    with rasterio.open(path, "w", crs="EPSG:32119", transform=transform, **profile) as file:
        file.write(np.random.default_rng(0).integers(low, high, (1, *SHAPE), dtype=np.uint16))
    return str(path)


@pytest.fixture(scope="module")
def said(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("changes")
    sections = {
        "imagery": {"collection": f"{FOLDER}/scenes", "bands": ["b1"], "start": "2026-01-01", "end": "2027-01-01"},
        "labels": {
            "image": f"{FOLDER}/labels",
            "band": "b1",
            "classes": [
                {"name": "land", "color": "#1b7837", "values": [1]},
                {"name": "water", "color": "#2b8cbe", "values": [2]},
            ],
        },
        "region": {"west": -78.79, "south": 35.79, "east": -78.77, "north": 35.8},
        "crs": "EPSG:32119",
        "scale": 30,
    }
    case = {
        "assets": FOLDER,
        "home": str(sandbox.home),
        "root": str(Path(__file__).parents[3]),
        "folder": str(folder),
        "data": json.dumps(sections),
        "files": {
            "dim": save(folder / "dim.tif", 100, 200),
            "bright": save(folder / "bright.tif", 400, 500),
            "labels": save(folder / "labels.tif", 1, 3),
        },
    }
    done: subprocess.CompletedProcess[str] = sandbox.run([sys.executable, "-c", SCRIPT, json.dumps(case)])
    line = next(line for line in done.stdout.splitlines() if line.startswith("SAID"))
    content: dict[str, Any] = json.loads(line.removeprefix("SAID"))
    return content


def test_without_an_accepted_run_there_is_always_reason(said: dict[str, Any]) -> None:
    assert {look["decision"] for look in said.values()} == {"retrain"}
    assert said["first"]["reasons"] == ["no run of this workflow was accepted yet"]
    assert said["first"]["champion"] == "none"


def test_the_sources_are_told_by_number_day_and_version(said: dict[str, Any]) -> None:
    imagery, labels = said["first"]["sources"]
    assert (imagery["role"], imagery["images"], imagery["newest"]) == ("imagery", 1, "2026-01-05")
    assert (labels["role"], labels["images"]) == ("labels", 1)
    more, _ = said["more"]["sources"]
    assert (more["images"], more["newest"]) == (2, "2026-02-07")
    assert more["version"] > imagery["version"] > 0
    assert said["labels"]["sources"][1]["version"] > labels["version"]


def test_the_fingerprint_changes_with_the_sources_alone(said: dict[str, Any]) -> None:
    assert said["first"]["fingerprint"] == said["same"]["fingerprint"]
    assert len({said[name]["fingerprint"] for name in ("first", "more", "labels")}) == 3


def test_the_bands_are_those_of_the_composite(said: dict[str, Any]) -> None:
    dim, both = said["first"]["bands"]["b1"], said["more"]["bands"]["b1"]
    assert dim["mean"] == pytest.approx(150, abs=3)
    assert dim["std"] == pytest.approx(29, abs=3)
    assert len(dim["quantiles"]) == 21 and dim["quantiles"][0] <= dim["quantiles"][10] <= dim["quantiles"][20]
    assert dim["quantiles"][10] == pytest.approx(150, abs=6)
    assert both["mean"] > 250
