"""`earthline plan`: what it says is compared with what the sandbox's request log counts when the export then runs."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from tests.conftest import Sandbox

from ..conftest import Shell

SIDE = 240
ASSETS = "projects/sandbox/assets/planned"
CONFIG = f"""\
name: planned
data:
  imagery: {{image: {ASSETS}/scene, bands: [b1]}}
  labels:
    image: {ASSETS}/labels
    band: b1
    offset: [1, -1]
    classes:
      - {{name: wet, color: "#0000ff", values: [0]}}
      - {{name: dry, color: "#ffff00", values: [1]}}
export:
  patch_shape: [8, 8]
  block_shape: [24, 24]
  examples: {{train: 90, validation: 30, test: 30}}
train: {{model: {{depth: 1}}}}
serving: {{tile_shape: [32, 32], overlap: [8, 8], seams: allowed}}
predict: {{tile_shape: [64, 64]}}
"""
STEP = """
import sys
from pathlib import Path

from kfp import dsl

from components.export_examples.run import run
from earthline.config import load

config = load(Path(sys.argv[1]))
sections = {"data": config.data.model_dump_json(), "export": config.export.model_dump_json()}
run(**sections, project="sandbox", temp_location="", examples=dsl.Dataset(uri=sys.argv[2], metadata={}))
"""
COMPUTING = ("value:compute", "image:computePixels")
"""What takes Earth Engine's time; the rest of a process's requests are those that connect and describe."""


@pytest.fixture(scope="module")
def config(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planned")
    path = folder / "planned.yaml"
    path.write_text(CONFIG)
    labels = (np.indices((SIDE, SIDE)).sum(axis=0) // 8 % 2).astype("uint8")
    scene = (100 + 50 * labels + np.arange(SIDE)).astype("uint16")
    for name, pixels in (("scene", scene), ("labels", labels)):
        tif = folder / f"{name}.tif"
        profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": pixels.dtype}
        transform = Affine(10, 0, 600000, 0, -10, 5000000)
        with rasterio.open(tif, "w", crs="EPSG:32633", transform=transform, **profile) as written:
            written.write(pixels, 1)
        sandbox.command("add", f"{ASSETS}/{name}", str(tif))
    return path


@pytest.fixture(scope="module")
def planned(shell: Shell, config: Path) -> dict[str, Any]:
    """What the command prints as JSON; of three limits one holds, one may be exceeded, and one is."""
    limits = ("budget.requests=10000", "budget.dollars=5", "budget.monthly_dollars=100")
    code, output, error = shell.earthline("plan", str(config), "--json", *(f"--set={limit}" for limit in limits))
    assert code == 2, error
    found: dict[str, Any] = json.loads(output)
    return found


def test_requests_are_exact_and_bytes_within_a_twentieth_of_what_the_export_then_takes(
    sandbox: Sandbox, config: Path, planned: dict[str, Any], tmp_path: Path
) -> None:
    log: Any = {"host": "127.0.0.1", "path": "/_sandbox/earthengine/requests", "headers": {"X-Sandbox": "1"}}
    sandbox.request("DELETE", **log)
    sandbox.run([sys.executable, "-c", STEP, str(config), str(tmp_path / "examples")])
    entries = sandbox.request("GET", **log).json()["requests"]
    made, sent = Counter[str](), Counter[str]()
    for entry in entries:
        made[entry["method"]] += 1
        sent[entry["method"]] += entry["bytes_out"]
    planning, export = planned["parts"]["planning"], planned["parts"]["export"]
    assert export["requests"]["basis"] == "exact" and export["requests"]["low"] == export["requests"]["high"]
    assert planning["requests"]["low"] + export["requests"]["low"] == sum(made[method] for method in COMPUTING)
    expected = planning["bytes"]["low"] + export["bytes"]["low"]
    assert sum(sent[method] for method in COMPUTING) == pytest.approx(expected, rel=0.05)
    # Neighbours come together, or the plan would say nothing that the number of patches does not.
    assert 0 < export["requests"]["low"] < 150


def test_every_figure_says_what_it_rests_on_and_nothing_is_invented(planned: dict[str, Any]) -> None:
    parts, whole = planned["parts"], planned["total"]
    assert list(parts) == ["planning", "export", "training", "other steps", "map"]
    # Nothing has run in this folder: how long a training takes is nobody's guess.
    assert parts["training"]["hours"] == {
        "low": 0,
        "high": None,
        "basis": "unknown",
        "note": parts["training"]["hours"]["note"],
    }
    assert "no run of this config" in parts["training"]["hours"]["note"]
    assert whole["dollars"]["high"] is None and whole["dollars"]["basis"] == "unknown"
    # The sandbox has no profiler, so that EECU-hours are what others published.
    assert parts["export"]["eecu_hours"]["basis"] == "published"
    assert parts["export"]["hours"]["basis"] == "measured" and parts["export"]["hours"]["low"] > 0
    assert parts["map"]["requests"]["low"] == 16  # 240 pixels a side by 64
    assert planned["monthly"]["endpoint, a month"]["dollars"]["low"] == pytest.approx(730 * 0.219)
    assert planned["share_of_month"]["community"]["high"] == pytest.approx(whole["eecu_hours"]["high"] / 150)
    assert all(price["page"].startswith("https://") and price["read"] for price in planned["prices"])
    limits = {each["key"]: each for each in planned["budget"]}
    assert [key for key, each in limits.items() if each["exceeded"]] == ["monthly_dollars"]
    assert "may be exceeded" in limits["dollars"]["text"]
    assert "100; this run takes 159.9" in limits["monthly_dollars"]["text"]


def test_tasks_for_what_no_request_gives_are_a_note_beside_the_requests(
    shell: Shell, config: Path, planned: dict[str, Any]
) -> None:
    code, output, error = shell.earthline("plan", str(config), "--json", "--set=export.method=pixels_then_batch")
    assert code == 0, error
    both, plain = json.loads(output)["parts"]["export"], planned["parts"]["export"]
    assert both["requests"] == plain["requests"] and both["bytes"] == plain["bytes"]
    assert "tasks of Earth Engine come on top" in both["notes"][0] and "and no probe request did" in both["notes"][0]


def test_a_run_over_its_budget_is_not_started(shell: Shell, config: Path) -> None:
    code, _, error = shell.earthline("run", str(config), "--set", "budget.requests=12")
    assert code == 2 and "Traceback" not in error
    assert "budget.requests: 12; this run takes" in error and "fewer export.examples" in error
    assert not list((shell.folder / "runs").glob("*/run.json"))


def test_a_table_of_prices_that_is_not_there_is_an_error_of_its_own(shell: Shell, config: Path) -> None:
    code, _, error = shell.earthline("plan", str(config), "--prices", "nowhere.yaml")
    assert code == 2 and "nowhere.yaml: cannot be read" in error
