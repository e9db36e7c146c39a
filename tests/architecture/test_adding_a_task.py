"""A task is its module, its head, its template and a line in each registry, and every step works with it.

Grades in an order, as a throw-away task, are added to a copy of the tree, and no other file of the copy is touched.
The steps then run on a scene whose every value is known: labels are encoded, examples written and validated, a model
trained, judged by a gate in which less is better, proved, and its map drawn with a report.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from .trees import ROOT, copied, insert

PARTS = Path(__file__).with_name("ordinal")
FOLDER = "projects/sandbox/assets/task_test"
SHAPE = (96, 130)
NONE = 255
GRADES = ["none", "low", "medium", "high"]
LABELS = {"image": f"{FOLDER}/grades", "band": "b1", "grades": GRADES}
CONFIG = {
    "name": "grades",
    "data": {"imagery": {"image": f"{FOLDER}/scene", "bands": ["b1", "b2"], "data_type": "uint8"}, "labels": LABELS},
    "export": {
        "patch_shape": [8, 8],
        "block_shape": [24, 24],
        "examples": {"train": 60, "validation": 12, "test": 24},
        "shards": 1,
    },
    "train": {"model": {"name": "pixel_mlp", "units": 16, "dropout": 0.0}, "epochs": 30, "learning_rate": 0.02},
    "evaluate": {"baseline_trees": 10, "baseline_windows": [], "min_gain": -1},
}


POINTS = [(row, column, (row + column) // 5 % 4) for row in range(2, 96, 5) for column in range(2, 130, 5)]
"""Row, column and grade of points, on valid imagery but for a few."""


def save(path: Path, pixels: np.ndarray, nodata: float) -> str:
    profile = {
        "driver": "GTiff",
        "dtype": pixels.dtype.name,
        "count": len(pixels),
        "height": SHAPE[0],
        "width": SHAPE[1],
        "crs": "EPSG:32119",
        "transform": Affine(30, 0, 630_000, 0, -30, 228_000),
        "nodata": nodata,
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(pixels)
    return str(path)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(tmp_path_factory.mktemp("tree"), "earthline", "components", "trainer", "serving")
    shutil.copy(PARTS / "task.py", folder / "earthline" / "task" / "ordinal.py")
    shutil.copy(PARTS / "ordinal.html.j2", folder / "earthline" / "task" / "ordinal.html.j2")
    shutil.copy(PARTS / "head.py", folder / "trainer" / "heads" / "ordinal.py")
    labels = '("earthline.task.ordinal:GradeRaster", "earthline.task.ordinal:GradePoints")'
    losses = '("earthline.task.ordinal:HuberLoss",)'
    line = f'    "ordinal": Parts({labels}, "earthline.task.ordinal:Ordinal", {losses}),'
    insert(folder / "earthline" / "task" / "__init__.py", "TASKS = {", line)
    insert(
        folder / "trainer" / "heads" / "__init__.py",
        "HEADS = {",
        '    "ordinal": "trainer.heads.ordinal:OrdinalHead",',
    )
    return folder


@pytest.fixture(scope="module")
def outcome(sandbox: Any, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("grades")
    scene = np.random.default_rng(3).integers(1, 100, (2, *SHAPE)).astype(np.uint8)
    grades = ((0.4 * scene[0] + 0.2 * scene[1]) / 15).clip(0, 3).astype(np.uint8)
    scene[1, 40:44, 60:66] = 0
    grades[10:14, 10:30] = NONE
    sandbox.command("add", f"{FOLDER}/scene", save(folder / "scene.tif", scene, 0))
    labels = save(folder / "grades.tif", grades[np.newaxis], NONE)
    sandbox.command("add", f"{FOLDER}/grades", labels)
    both = {**LABELS, "classes": [{"name": name, "color": "#000000", "values": [id]} for id, name in enumerate("ab")]}
    points = {"grades": GRADES, "file": "grades.csv", "field": "grade", "crs": "EPSG:32119"}
    (folder / "points.yaml").write_text(json.dumps({**CONFIG, "data": {**CONFIG["data"], "labels": points}}))
    (folder / "grades.csv").write_text(
        "longitude,latitude,grade\n"
        + "".join(
            f"{630_000 + 30 * (column + 0.5)},{228_000 - 30 * (row + 0.5)},{grade}\n" for row, column, grade in POINTS
        )
    )
    case = {
        "folder": str(folder),
        "points": str(folder / "points.yaml"),
        "config": CONFIG,
        "both": both,
        "labels": labels,
        "none": NONE,
    }
    (folder / "case.json").write_text(json.dumps(case))
    command = [sys.executable, str(PARTS / "steps.py"), str(folder / "case.json")]
    done = sandbox.run(command, timeout=280, PYTHONPATH=str(tree))
    last = next(line for line in done.stdout.splitlines() if line.startswith("OUTCOME"))
    found: dict[str, Any] = json.loads(last.removeprefix("OUTCOME"))
    assert Path(found["place"]).is_relative_to(tree)
    return found


@pytest.mark.slow
def test_the_config_knows_its_keys(outcome: dict[str, Any]) -> None:
    assert outcome["config"] == "1 grades"
    assert "data.labels" in outcome["both"] and "`grades`" in outcome["both"] and "`classes`" in outcome["both"]


@pytest.mark.slow
def test_labels_are_encoded_written_counted_and_validated(outcome: dict[str, Any]) -> None:
    data_type, wrong, labels = outcome["labels"]
    assert (data_type, wrong) == ("uint8", 0)
    assert labels == outcome["statistics"] and labels["pixels"] > 3000 and 1 < labels["mean"] < 2
    assert "<h2>Grades</h2>" in outcome["validation"] and "masked" in outcome["validation"]


@pytest.mark.slow
def test_a_model_is_trained_and_judged_by_a_gate_in_which_less_is_better(outcome: dict[str, Any]) -> None:
    assert outcome["trained"]["val_distance"] < 0.4
    metrics, matrix, headline, gate, best = outcome["evaluation"]
    assert outcome["verdict"] == "blessed" and matrix == {}
    assert gate["metric"] == "distance" and best == gate["compared_with"]
    assert gate["gain"] == pytest.approx(metrics["baseline_distance"] - metrics["distance"])
    assert gate["gain_interval"]["low"] <= gate["gain"] <= gate["gain_interval"]["high"]
    assert headline == f"mean distance {metrics['distance']:.3f} grades"
    assert outcome["figures"] == ["distances.png", "evaluation.json"]


@pytest.mark.slow
def test_points_with_a_grade_are_labels_as_well(outcome: dict[str, Any]) -> None:
    found = outcome["points"]
    assert set(found["values"]) == {grade for *_, grade in POINTS}
    assert all(found["features"]["train"][grade]["points"] > 5 for grade in GRADES)
    assert found["said"] == "grades.csv"


@pytest.mark.slow
def test_the_served_model_is_proved(outcome: dict[str, Any]) -> None:
    output, entries, difference = outcome["contract"]
    assert (output, entries) == ("estimate", 1) and difference <= 1e-3
    assert outcome["outputs"] == ["estimate"]


@pytest.mark.slow
def test_the_map_is_decoded_and_drawn_with_its_report(outcome: dict[str, Any]) -> None:
    assert outcome["map"] == ["uint8", True, "grade"] and outcome["mapped"]
    assert outcome["error"] < 1
    page = outcome["report"]
    for text in ("Grades on the map", "mean distance", "Distances of", *GRADES, "1 grades"):
        assert text in page
    assert page.count("data:image/png;base64,") == 4, "imagery, labels, map and learning curves"


def test_no_other_file_is_touched(tree: Path) -> None:
    registries = {"earthline/task/__init__.py": 1, "trainer/heads/__init__.py": 1}
    mine = {"earthline/task/ordinal.py", "earthline/task/ordinal.html.j2", "trainer/heads/ordinal.py"}
    for path in tree.rglob("*"):
        name = path.relative_to(tree).as_posix()
        if not path.is_file() or "__pycache__" in name or name in mine:
            continue
        before, after = ((folder / name).read_text(errors="replace").splitlines() for folder in (ROOT, tree))
        assert len(after) - len(before) == registries.get(name, 0), name
