"""`earthline label`, as a user types it."""

import csv
import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import rasterio

from cli.app import main
from tests.earthline.field_points.test_points import rasters


@dataclass(frozen=True)
class Done:
    exit_code: int
    output: str


def label(*words: str) -> Done:
    said = io.StringIO()
    code = 0
    with patch.object(sys, "argv", ["earthline", "label", *words]), redirect_stdout(said), redirect_stderr(said):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Done(code, said.getvalue())


def fill(table: Path, word: Callable[[int], str], separator: str = ",") -> None:
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows({**row, "label": word(number)} for number, row in enumerate(rows))


def test_places_are_written_beside_the_map_or_what_is_missing_is_told(tmp_path: Path) -> None:
    rasters(tmp_path, margin=np.random.default_rng(1).random((30, 40)))
    done = label("next", "12", str(tmp_path), "--seed", "3")
    assert done.exit_code == 0, done.output
    assert "12 places, those that need a label most first" in done.output and "one of: water, 高い" in done.output
    assert (tmp_path / "points.geojson").is_file() and len((tmp_path / "points.csv").read_text().splitlines()) == 13
    refused = label("next", "12", str(tmp_path / "none"))
    assert refused.exit_code == 2 and refused.output.startswith("error: ") and "map.tif is not there" in refused.output


def test_a_run_is_named_by_its_id_too_and_a_preview_is_no_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "two").mkdir()
    (tmp_path / "runs" / "two" / "preview.tif").touch()
    rasters(tmp_path / "runs" / "one", margin=np.random.default_rng(1).random((30, 40)))
    assert label("next", "12", "one").exit_code == 0
    assert (tmp_path / "runs" / "one" / "points.csv").is_file()
    for words in (("next", "12", "two"), ("estimate", "runs/two")):
        refused = label(*words)
        assert (
            refused.exit_code == 2 and "runs/two holds the preview of a model that was not deployed" in refused.output
        )
    (tmp_path / "runs" / "one" / "confidence.tif").unlink()
    assert "predict.bands" in label("next", "12", "one", "--output", "more").output


def test_labels_that_somebody_filled_in_are_never_written_over(tmp_path: Path) -> None:
    rasters(tmp_path, margin=np.random.default_rng(1).random((30, 40)))
    assert label("next", "9", str(tmp_path)).exit_code == label("next", "12", str(tmp_path)).exit_code == 0
    table, places = tmp_path / "points.csv", tmp_path / "points.geojson"
    fill(table, lambda number: "water" if number in (3, 5) else "", separator=";")
    before = table.read_bytes()
    refused = label("next", "12", str(tmp_path))
    assert refused.exit_code == 2 and "points.csv holds 2 labels that somebody filled in" in refused.output
    assert table.read_bytes() == before
    table.unlink()
    content = json.loads(places.read_text())
    content["features"][0]["properties"]["label"] = "water"
    places.write_text(json.dumps(content))
    refused = label("next", "12", str(tmp_path))
    assert refused.exit_code == 2 and "points.geojson holds 1 labels" in refused.output and not table.exists()
    places.write_text("of somebody")
    assert label("next", "12", str(tmp_path)).exit_code == 2 and places.read_text() == "of somebody"
    assert label("next", "12", str(tmp_path), "--output", str(tmp_path / "more")).exit_code == 0


def test_visited_places_tell_how_right_the_map_is(tmp_path: Path) -> None:
    rasters(tmp_path, margin=np.random.default_rng(1).random((30, 40)))
    assert label("next", "12", str(tmp_path)).exit_code == 0
    table = tmp_path / "points.csv"
    assert "0 of 12 points have a label" in label("estimate", str(tmp_path)).output
    fill(table, lambda number: ("高い" if number < 9 else " Water ") if number < 11 else "")
    done = label("estimate", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "from 11 points, 95 % intervals" in done.output and "points without a label: 1." in done.output
    assert "another map" not in done.output
    assert f"as one more of its list: {{file: {table}, field: label}}" in done.output
    with rasterio.open(tmp_path / "map.tif", "r+") as file:
        file.write(np.zeros((30, 40), np.uint8), 1)
    assert "drawn from another map" in label("estimate", str(tmp_path)).output
    fill(table, lambda number: "wate")
    assert "labels of no class: 'wate' (nearly 'water'); write" in label("estimate", str(tmp_path)).output
    fill(table, lambda number: "water")
    alone = label("estimate", str(tmp_path)).output
    assert "no point has 高い on the ground, so nothing is known" in alone
    (row,) = (line.split() for line in alone.splitlines() if line.startswith("高い"))
    assert row[-1] == "-"
    fill(table, lambda number: "Swamp" if number == 4 else "water")
    wrong = label("estimate", str(tmp_path))
    assert wrong.exit_code == 2 and "labels of no class: 'Swamp'; write one of 'water', '高い'" in wrong.output
    config = tmp_path / "field.yaml"
    classes = '[{name: water, color: "#0000ff", values: [swamp, sea]}, {name: 高い, color: "#00ff00", values: [tall]}]'
    config.write_text(
        "name: field\ndata: {imagery: {image: a/b, bands: [red]}, labels: {file: points.csv, field: label, ignore: "
        f"[water], classes: {classes}}}}}\n"
    )
    done = label("estimate", str(tmp_path), "--config", str(config))
    assert done.exit_code == 0 and "overall accuracy 100.0 % from 12 points" in done.output, done.output
