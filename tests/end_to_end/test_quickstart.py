"""From the config to the map, and what a second run may skip."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from .conftest import FAST, SMALL, Laptop, fast

STEPS = (
    "export_examples",
    "validate_examples",
    "train_model",
    "evaluate_model",
    "prepare_saved_model",
    "deploy_model",
    "register_ee_model",
    "predict_map",
)
UNMODIFIED = """
import json, sys
import ee
from google.cloud import aiplatform, storage
ee.Initialize(project="sandbox")
registered = ee.data.getAsset("projects/sandbox/assets/earthline/quickstart")
aiplatform.init(project="sandbox", location="us-central1")
(endpoint,) = aiplatform.Endpoint.list(filter='display_name="quickstart"')
refusal = ""
try:
    endpoint.predict(instances=[{"B1": "not a tensor"}])
except Exception as error:
    refusal = str(error)
objects = [blob.name for blob in storage.Client(project="sandbox").list_blobs("earthline-sandbox", max_results=5)]
import urllib.request
try:
    urllib.request.urlopen("https://example.com", timeout=10)
    outside = "reached"
except OSError as error:
    outside = str(error)
print(json.dumps({"type": registered["type"], "refusal": refusal, "objects": objects, "outside": outside}))
"""


def latest(laptop: Laptop) -> Path:
    return max((laptop.folder / "runs").iterdir(), key=lambda folder: folder.stat().st_mtime)


def record(laptop: Laptop) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((latest(laptop) / "run.json").read_text())
    return content


@pytest.mark.slow
def test_the_first_run_makes_a_map_of_the_scene(laptop: Laptop, first_run: str) -> None:
    for step in STEPS:
        assert step in first_run
    with rasterio.open(latest(laptop) / "map.tif") as produced:
        assert produced.crs.to_epsg() == 32119
        assert produced.shape == (443, 489)
        assert produced.transform.a == pytest.approx(28.5)
        classes = set(produced.read(1).ravel().tolist())
    assert classes <= {0, 1, 2, 3, 255}
    assert len(classes - {255}) > 1
    report = (latest(laptop) / "report.html").read_text()
    assert "CC BY-SA" in report
    assert "forest" in report


@pytest.mark.slow
def test_the_same_map_comes_from_the_files_alone(laptop: Laptop, first_run: str, tmp_path: Path) -> None:
    """Without Earth Engine: each band in a file of its own, and the model that the run made, by the run's id."""
    (asset,) = laptop.home.glob("**/landsat7_2000/@asset.json")
    bands = {band["name"]: asset.parent / band["file"] for band in json.loads(asset.read_text())["bands"]}
    names = ("B1", "B2", "B3", "B4", "B5")
    told = [word for place, name in enumerate(names, start=1) for word in ("--input", f"{name}={place}")]
    files = [str(bands[name]) for name in names]
    output = tmp_path / "here.tif"
    laptop.earthline("predict", *files, *told, "--model", latest(laptop).name, "--output", str(output))
    with rasterio.open(output) as here, rasterio.open(latest(laptop) / "map.tif") as there:
        assert (here.crs, here.transform, here.nodata) == (there.crs, there.transform, there.nodata)
        assert here.colormap(1) == there.colormap(1)
        np.testing.assert_array_equal(here.read(1), there.read(1))


@pytest.mark.slow
def test_unmodified_clients_reach_the_sandbox_and_nothing_else(laptop: Laptop, first_run: str, tmp_path: Path) -> None:
    import sys

    script = tmp_path / "notebook.py"
    script.write_text(UNMODIFIED)
    earthline = Path(sys.executable).with_name("earthline")
    shell = f'eval "$({earthline} sandbox env)" && exec {sys.executable} {script}'
    done = subprocess.run(
        ["bash", "-c", shell], env=laptop.environment, capture_output=True, text=True, timeout=180, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert "B1" in seen["refusal"] or "band" in seen["refusal"]
    assert seen["objects"]
    assert "reached" not in seen["outside"]


DELETION = """
from google.cloud import aiplatform
aiplatform.init(project="sandbox", location="us-central1", api_transport="rest")
(endpoint,) = aiplatform.Endpoint.list(filter='display_name="quickstart"')
endpoint.delete(force=True)
"""
SERVING = """
from google.cloud import aiplatform
aiplatform.init(project="sandbox", location="us-central1", api_transport="rest")
(endpoint,) = aiplatform.Endpoint.list(filter='display_name="quickstart"')
print(sorted(endpoint.traffic_split.values())[-1])
"""


@pytest.mark.slow
def test_after_its_endpoint_was_deleted_a_run_serves_again_from_what_it_has(
    laptop: Laptop, first_run: str, quickstart: str
) -> None:
    laptop.python(DELETION)
    output = laptop.earthline("run", quickstart, *FAST)
    cached = {step for step in STEPS for line in output.splitlines() if step in line and "cached" in line}
    # What has effects outside is done again; nothing else is.
    assert cached == set(STEPS) - {"deploy_model", "register_ee_model", "predict_map"}, output
    assert record(laptop)["state"] == "SUCCEEDED"
    assert laptop.python(SERVING).split() == ["100"]


@pytest.mark.slow
def test_other_epochs_train_anew_and_a_rejected_model_is_not_deployed(
    laptop: Laptop, first_run: str, quickstart: str
) -> None:
    output = laptop.earthline("run", quickstart, *fast("train.epochs=1", "evaluate.min_gain=1"), code=None)
    cached = {step for step in STEPS for line in output.splitlines() if step in line and "cached" in line}
    assert cached == {"export_examples", "validate_examples"}, output
    assert not (latest(laptop) / "map.tif").exists()
    # That is when people need to look.
    for name in ("preview.tif", "report.html", "evaluation.json"):
        assert (latest(laptop) / name).exists(), name


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("train.epoch=1", ("train.epoch", "epochs")),
        ("data.imagery.bands=[B1,B9]", ("data.imagery.bands", "B9", "B1")),
        ("data.region={west: 10, south: 50, east: 11, north: 51}", ("data.region", "outside")),
        ("export.patch_shape=[30,30]", ("export.patch_shape", "stride")),
    ],
)
def test_a_mistake_is_named_before_anything_runs(
    laptop: Laptop, first_run: str, quickstart: str, override: str, named: tuple[str, ...]
) -> None:
    before = set((laptop.folder / "runs").iterdir())
    output = laptop.earthline("run", quickstart, "--set", override, code=2)
    assert "Traceback" not in output
    for word in named:
        assert word in output
    assert set((laptop.folder / "runs").iterdir()) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "named"),
    [
        (
            "data.labels.classes=[{name: a, color: '#000000', values: [1]}, {name: b, color: '#ffffff', values: [2]}]",
            ("data.labels", "5"),
        ),
        (
            "export.split_regions={train: [{west: -78.78, south: 35.7, east: -78.7, north: 35.8}], validation: "
            "[{west: -78.69, south: 35.7, east: -78.685, north: 35.705}], test: "
            "[{west: -78.68, south: 35.7, east: -78.66, north: 35.8}]}",
            ("validation",),
        ),
    ],
    ids=["label values with no class", "empty split"],
)
def test_a_mistake_that_only_the_data_show_fails_the_step(
    laptop: Laptop, quickstart: str, override: str, named: tuple[str, ...]
) -> None:
    output = laptop.earthline("run", quickstart, *SMALL, "--set", override, code=None)
    assert "SUCCEEDED" not in output
    for word in named:
        assert word in output, output
