"""`earthline export`: a dataset in a folder, without a pipeline, that goes on where it was interrupted."""

import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rich.console import Console

from cli.runs import export
from earthline import datasets
from tests.components import foreign
from tests.conftest import Sandbox

from ..conftest import Shell

SIDE = 400
FOLDER = "projects/sandbox/assets/exported"
CONFIG = f"""\
name: exported
data:
  imagery: {{image: {FOLDER}/scene, bands: [b1, b2]}}
  labels:
    image: {FOLDER}/labels
    band: b1
    classes:
      - {{name: wet, color: "#0000ff", values: [0]}}
      - {{name: dry, color: "#ffff00", values: [1]}}
export: {{patch_shape: [8, 8], block_shape: [40, 40], examples: {{train: 60, validation: 12, test: 20}}, shards: 2}}
train: {{model: {{depth: 1}}}}
serving: {{tile_shape: [32, 32], overlap: [8, 8], seams: allowed}}
"""


def scene() -> np.ndarray:
    random = np.random.default_rng(4)
    return random.integers(1, 200, (2, SIDE, SIDE)).astype(np.uint8)


@pytest.fixture(scope="module")
def config(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    labels = (np.indices((SIDE, SIDE)).sum(axis=0) // 9 % 2).astype(np.uint8)
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "dtype": "uint8", "crs": "EPSG:32633"}
    for name, bands in (("scene", scene()), ("labels", labels[np.newaxis])):
        path = folder / f"{name}.tif"
        with rasterio.open(
            path, "w", transform=Affine(10, 0, 600_000, 0, -10, 5_000_000), count=len(bands), **profile
        ) as file:
            file.write(bands)
        sandbox.command("add", f"{FOLDER}/{name}", str(path))
    path = folder / "exported.yaml"
    path.write_text(CONFIG)
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(shell: Shell, config: Path) -> Path:
    """The folder of an export that nothing interrupted."""
    code, told, progress = shell.earthline("export", str(config), "--output", "whole")
    assert code == 0, progress
    assert "train: 60 patches" in told and "wet, dry (0 to 1)" in told
    assert "92 patches planned" in progress and "92/92 patches" in progress
    return shell.folder / "whole"


def test_a_dataset_holds_what_earth_engine_has(whole: Path) -> None:
    dataset = datasets.open(whole)
    pixels = np.moveaxis(scene(), 0, -1)
    for name in dataset:
        for sample in dataset[name]:
            rows, columns = (slice(sample[key], sample[key] + 8) for key in ("row", "column"))
            np.testing.assert_array_equal(sample["image"], pixels[rows, columns])
            assert sample["mask"][3, 3] == (sample["row"] + sample["column"] + 6) // 9 % 2


@pytest.mark.slow
def test_an_interrupted_export_goes_on_and_ends_alike(
    sandbox: Sandbox, shell: Shell, config: Path, whole: Path, tmp_path: Path
) -> None:
    again = ("export", str(config), "--output", str(tmp_path / "parts"), "--set", "export.concurrency=2")
    sandbox.command("faults", "add", "slow", "--method", "image:computePixels", "--seconds", "2")
    try:
        begun = subprocess.Popen(
            [sys.executable, "-m", "cli", *again],
            env=shell.variables,
            cwd=shell.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("parts/.unfinished/**/*.chunk")):
            assert begun.poll() is None and time.monotonic() < deadline, begun.communicate()[0]
            time.sleep(0.05)
        os.kill(begun.pid, signal.SIGINT)
        told = begun.communicate(timeout=60)[0]
    finally:
        sandbox.command("faults", "clear")
    assert begun.returncode == 130, told
    assert "what has arrived is kept" in told and "Traceback" not in told
    assert not (tmp_path / "parts" / "manifest.json").exists()
    code, _, progress = shell.earthline(*again)
    assert code == 0, progress
    assert content(tmp_path / "parts") == content(whole)
    assert "goes on where an earlier run ended" in progress
    assert "92 patches come by" not in progress, "what had arrived was asked for again"


def test_a_finished_dataset_is_written_over_by_force_alone(
    shell: Shell, config: Path, whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "set")
    (tmp_path / "set" / "mine.txt").write_text("precious")
    before = content(tmp_path / "set")
    few = ("--set", "export.examples={train: 6, validation: 2, test: 3}", "--set", "export.compress=gzip")
    export = ("export", str(config), "-o", str(tmp_path / "set"), "--format", "earth_engine", *few)
    code, told, progress = shell.earthline(*export)
    assert (code, told) == (2, "") and "--force" in progress
    assert content(tmp_path / "set") == before

    code, _, progress = shell.earthline(*export, "--force")
    assert code == 0, progress
    assert not list((tmp_path / "set").glob("*.tfrecord")) and (tmp_path / "set" / "mine.txt").read_text() == "precious"
    split = datasets.open(tmp_path / "set")["train"]
    assert split.manifest.format == "earth_engine" and all(path.suffix == ".gz" for path in split.records.paths)
    assert len(list(split)) == 6


def test_what_earth_engine_refuses_is_a_line(sandbox: Sandbox, shell: Shell, config: Path, tmp_path: Path) -> None:
    few = ("--set", "export.examples={train: 6, validation: 2, test: 3}")
    sandbox.command("faults", "add", "memory", "--method", "image:computePixels")
    try:
        code, _, told = shell.earthline("export", str(config), "-o", str(tmp_path / "b"), *few)
    finally:
        sandbox.command("faults", "clear")
    assert code == 1, told
    assert "memory" in told.splitlines()[-1] and "start the same command again" in told.splitlines()[-1]
    assert "Traceback" not in told


def test_a_try_that_failed_is_told_by_its_words_alone(caplog: pytest.LogCaptureFixture) -> None:
    console = Console(file=io.StringIO(), width=200)
    with export._told(console):
        logging.getLogger("earthline.earth_engine.retry").warning("export: 503; again in 2.0 s")
        logging.getLogger("earthline.earth_engine.retry").info("export: asked at once")
    assert console.file.getvalue() == "export: 503; again in 2.0 s\n"  # type: ignore[attr-defined]
    assert not caplog.records, "who configured logging would show it a second time, with the logger's name"
    logging.getLogger("earthline").warning("afterwards")
    assert len(caplog.records) == 1


def test_an_export_over_its_budget_is_not_begun(shell: Shell, config: Path, tmp_path: Path) -> None:
    limit = ("--set", "budget.requests=2", "--set", "budget.monthly_dollars=0.01")
    code, _, told = shell.earthline("export", str(config), "-o", str(tmp_path / "b"), *limit)
    assert code == 2, told
    assert "budget.requests: 2; this run takes" in told and "nothing was started" in told
    assert "monthly_dollars" not in told, "an export leaves no endpoint that costs by the month"
    assert not (tmp_path / "b").exists()


def test_examples_of_others_are_laid_out_alike_without_google(tmp_path: Path) -> None:
    told = {
        "name": "elsewhere",
        "data": foreign.data(files=["part-*.tfrecord"], split={"by": "file"}),
        "export": {"patch_shape": [foreign.SIDE, foreign.SIDE], "shards": 1},
        "train": {"model": {"depth": 1}},
        "serving": {"tile_shape": [32, 32], "overlap": [8, 8], "seams": "allowed"},
    }
    (tmp_path / "elsewhere.yaml").write_text(json.dumps(told))
    nowhere = Shell(tmp_path, tmp_path / "no-sandbox")
    code, _, said = nowhere.earthline("export", "elsewhere.yaml", "-o", "set")
    assert code == 2 and "matches no file" in said
    for number in range(6):
        foreign.write(tmp_path / f"part-{number}.tfrecord", [foreign.example(foreign.picture(number))])
    code, out, said = nowhere.earthline("export", "elsewhere.yaml", "-o", "set")
    assert code == 0, said
    assert "leakage cannot be excluded" in out
    dataset = datasets.open(tmp_path / "set")
    assert sum(len(dataset[name]) for name in dataset) == 6 and dataset.grid is None
    assert not (tmp_path / "no-sandbox").exists()
