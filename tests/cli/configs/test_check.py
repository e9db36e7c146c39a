"""`earthline check`: what a run would find out late, and be paid for, is a line here."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from cli.configs import check
from earthline.config import load

SIDE = 96
CONFIG = """\
name: checked
data:
  imagery: {image: projects/sandbox/assets/checked/scene, bands: [b1]}
  labels:
    image: projects/sandbox/assets/checked/labels
    band: b1
    classes:
      - {name: wet, color: "#0000ff", values: [0]}
      - {name: dry, color: "#ffff00", values: [1]}
export: {patch_shape: [8, 8], block_shape: [24, 24]}
train: {model: {depth: 1}}
serving: {tile_shape: [32, 32], overlap: [8, 8], seams: allowed}
"""
# One process for all of them: starting it takes longer than asking.
DRIVER = """
import json, sys
from pathlib import Path

from cli.configs.check import _findings
from earthline.config import load

said = []
for overrides in json.loads(sys.argv[2]):
    found = _findings(load(Path(sys.argv[1]), overrides), True, "")
    said.append({each.name: [each.passed, each.detail, each.fix] for each in found})
print(json.dumps(said))
"""
FAR = "{west: 40, south: 10, east: 40.1, north: 10.1}"
# Overrides, and what each question that must fail says. Mistakes that do not meet share a case.
CASES: dict[str, tuple[list[str], dict[str, str]]] = {
    "no image, no bucket": (
        ["data.imagery.image=projects/sandbox/assets/no", "environment.bucket=no-such-bucket"],
        {"imagery": "data.imagery.image", "bucket": "gs://no-such-bucket is not there"},
    ),
    "no band, no location": (
        ["data.imagery.bands=[b1, b9]", "environment.location=us-centrall1"],
        {"imagery": "data.imagery.bands: b9 not in", "Vertex AI": "did you mean us-central1"},
    ),
    "no label band, map over something": (
        ["data.labels.band=b7", "predict.asset=projects/sandbox/assets/checked/other"],
        {"labels": "data.labels.band: b7 not in", "map's asset": "is there already"},
    ),
    "large patches, map below an image": (
        [
            "export={patch_shape: [128, 128], block_shape: [256, 256]}",
            "predict.asset=projects/sandbox/assets/checked/other/map",
        ],
        {"splits": "export.patch_shape", "map's asset": "checked/other is an asset of type IMAGE"},
    ),
    "few blocks, value of no class": (
        [
            "export={patch_shape: [8, 8], block_shape: [90, 90]}",
            "data.labels.classes=[{name: a, color: '#000000', values: [0]}, {name: b, color: '#ffffff', values: [5]}]",
        ],
        {"splits": "export.block_shape: empty split", "label values": "values of no class: 1"},
    ),
    "map elsewhere": (
        [f"predict.region={FAR}"],
        {"grid": "predict.region: (40, 10, 40.1, 10.1) lies outside"},
    ),
    "split elsewhere": (
        [
            "export={patch_shape: [8, 8], split_regions: {train: [{west: 41, south: 10, east: 41.1, north: 10.1}], "
            f"validation: [{FAR}], test: [{{west: 42, south: 10, east: 42.1, north: 10.1}}]}}}}"
        ],
        {"splits": "export.split_regions.train[0]"},
    ),
    "layout for others": (["export.format=earth_engine"], {"pipeline": "export.format: earth_engine is for trainers"}),
    "nothing": (["predict.asset=projects/sandbox/assets/checked/maps/2021"], {}),
}


@pytest.fixture(scope="module")
def config(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checked")
    path = folder / "checked.yaml"
    path.write_text(CONFIG)
    labels = (np.indices((SIDE, SIDE)).sum(axis=0) // 8 % 2).astype("uint8")
    scene = (100 + 50 * labels + np.arange(SIDE)).astype("uint16")
    for name, pixels in (("scene", scene), ("labels", labels), ("other", scene)):
        tif = folder / f"{name}.tif"
        profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": pixels.dtype}
        transform = Affine(10, 0, 600000, 0, -10, 5000000)
        with rasterio.open(tif, "w", crs="EPSG:32633", transform=transform, **profile) as written:
            written.write(pixels, 1)
        sandbox.command("add", f"projects/sandbox/assets/checked/{name}", str(tif))
    return path


@pytest.fixture(scope="module")
def said(sandbox: Any, config: Path) -> dict[str, dict[str, Any]]:
    overrides = json.dumps([overrides for overrides, _ in CASES.values()])
    reply = sandbox.run([sys.executable, "-c", DRIVER, str(config), overrides], timeout=240)
    # Google's clients are kept from writing what nobody can act on.
    assert reply.stderr == ""
    return dict(zip(CASES, json.loads(reply.stdout), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_what_a_run_would_find_out_late_is_a_line_of_check(said: dict[str, dict[str, Any]], case: str) -> None:
    _, expected = CASES[case]
    failed = {key: detail for key, (passed, detail, _) in said[case].items() if passed is False}
    assert failed.keys() == expected.keys()
    for name, words in expected.items():
        assert words in failed[name]
    passed = [key for key, (passed, _, _) in said[case].items() if passed]
    assert {"config", "pipeline", "Earth Engine"} - expected.keys() <= set(passed)


def test_what_needs_a_failed_answer_is_not_asked(said: dict[str, dict[str, Any]]) -> None:
    skipped = {key: detail for key, (passed, detail, _) in said["no image, no bucket"].items() if passed is None}
    assert skipped == dict.fromkeys(["grid", "data type", "label values", "splits"], "not asked: it needs imagery")
    assert "`earthline sandbox add ASSET FILE.tif`" in said["no image, no bucket"]["imagery"][2]
    assert said["no image, no bucket"]["bucket"][2].startswith("gcloud storage buckets create gs://no-such-bucket")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("environment.bucket=no-such-bucket", "environment.bucket: gs://no-such-bucket is not there"),
        ("export={patch_shape: [8, 8], block_shape: [90, 90]}", "export.block_shape: empty split"),
        ("export.format=earth_engine", "export.format: earth_engine is for trainers of your own"),
    ],
)
def test_a_run_starts_nothing_where_a_check_would_fail(
    sandbox: Any, config: Path, tmp_path: Path, override: str, words: str
) -> None:
    reply = subprocess.run(
        [sys.executable, "-m", "cli", "run", str(config), "--set", override],
        env={**os.environ, "EARTHLINE_SANDBOX_HOME": str(sandbox.home)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (reply.returncode, reply.stdout) == (2, "")
    assert reply.stderr.startswith(f"error: {words}")
    assert len(reply.stderr.splitlines()) == 1
    assert list((tmp_path / "runs").iterdir()) == []


def test_local_examples_are_looked_at_without_google(tmp_path: Path) -> None:
    from tests.components import foreign

    content = {
        "name": "elsewhere",
        "data": foreign.data(files=["part-*.tfrecord"], split={"by": "file"}),
        "export": {"patch_shape": [foreign.SIDE, foreign.SIDE]},
        "train": {"model": {"depth": 1}},
        "serving": {"tile_shape": [32, 32], "overlap": [8, 8], "seams": "allowed"},
    }
    path = tmp_path / "elsewhere.yaml"
    path.write_text(json.dumps(content))

    def said() -> dict[str, tuple[bool | None, str]]:
        return {each.name: (each.passed, each.detail) for each in check._findings(load(path), False, "skipped")}

    assert said()["examples"] == (False, f"{tmp_path}/part-*.tfrecord matches no file; check the name")
    foreign.write(tmp_path / "part-0.tfrecord", [foreign.example(foreign.picture(0))])
    found = said()
    assert found["examples"][0] and found["examples"][1].startswith("1 files, 0.0 MB; the first record has every band")
    assert found["Earth Engine"] == (None, "skipped")
    foreign.write(tmp_path / "part-0.tfrecord", [foreign.example({**foreign.picture(0), "red": np.ones(3)})])
    assert said()["examples"][0] is False and "feature 'red' holds 3 values" in said()["examples"][1]
    content["data"] = foreign.data(files=["gs://bucket/part-*.tfrecord"], split={"by": "file"})
    path.write_text(json.dumps(content))
    assert "examples" not in said(), "Cloud Storage is not asked"


def test_a_package_of_the_users_own_that_is_not_here_is_told_before_the_export(tmp_path: Path) -> None:
    def said(name: str) -> dict[str, tuple[bool | None, str]]:
        content = {
            "name": "own",
            "data": {
                "imagery": {"image": "a/b", "bands": ["B1"]},
                "labels": {"image": "a/c", "band": "b", "value": {"name": "biomass", "range": [0, 500]}},
            },
            "train": {"model": {"name": name, "declares": {"stride": 1, "receptive_field": 9}}},
        }
        (tmp_path / "own.yaml").write_text(json.dumps(content))
        found = check._findings(load(tmp_path / "own.yaml"), False, "skipped")
        return {each.name: (each.passed, each.detail) for each in found}

    passed, detail = said("no_such_package.networks:build")["model's package"]
    assert passed is None and detail.startswith("no_such_package of train.model is not installed here")
    assert "model's package" not in said("keras.networks:build")
