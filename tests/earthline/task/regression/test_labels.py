"""Labels of a continuous value in Earth Engine, through the real client against the sandbox."""

import json
import sys
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

FOLDER = "projects/sandbox/assets/value_labels"
SCRIPT = """
import ee, json, sys
from earthline.config import Data
from earthline.earth_engine import connection, imagery, verification
from earthline.earth_engine.pixels import fetch
from earthline.grid import Grid
from earthline.task import task_of
connection.connect("sandbox")
case = json.load(open(sys.argv[1]))
places = [ee.Geometry.Point(place) for place in case["places"]]
for name, values in case["tables"].items():
    rows = [ee.Feature(place, {"height": value}) for place, value in zip(places, values)]
    task = ee.batch.Export.table.toAsset(ee.FeatureCollection(rows), assetId=name)
    task.start()
    while task.active():
        pass
    assert task.status()["state"] == "COMPLETED", task.status()
grid = Grid("EPSG:32633", (40.0, 0.0, 500000.0, 0.0, -40.0, 5500000.0), (8, 10))
found = {}
for name, section in case["sections"].items():
    data = Data.model_validate(section)
    task = task_of(data)
    try:
        told = [question.ask() for question in verification.questions(data) if "label" in question.name]
        image = imagery.labels(data)
        strata = fetch(task.stratum(image).unmask(255, False), grid, 3, name)["earthline_label"]
        labels = fetch(task.unmasked(image), grid, 3, name)["earthline_label"]
        found[name] = {"labels": labels.tolist(), "type": labels.dtype.name, "strata": strata.tolist(), "told": told}
        verification.EXACT_PIXELS = 10
        found[name]["drawn"] = verification.questions(data)[-1].ask()
        verification.EXACT_PIXELS = 10**7
    except Exception as error:
        found[name] = {"error": f"{type(error).__name__}: {error}"}
print("OUTCOME" + json.dumps(found))
"""
FINE = np.random.default_rng(6).uniform(0, 200, (32, 40)).astype(np.float32)
"""Sixteen to a pixel of the grid."""
FINE[0:4, 0:4] = np.nan
FINE[4, 5] = np.nan
FINE[8:12, 8:10] = -9999


def section(**labels: Any) -> dict[str, Any]:
    value = {"name": "height", "unit": "m", "range": [0, 25], "multiply": 0.1, "add": 1, "breaks": [9, 11]}
    labels = {"image": f"{FOLDER}/heights", "band": "b1", "ignore": [-9999], "value": value} | labels
    return {
        "imagery": {"image": f"{FOLDER}/scene", "bands": ["b1"], "data_type": "float32"},
        "labels": {key: given for key, given in labels.items() if given is not None},
    }


@pytest.fixture(scope="module")
def found(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("values")

    def save(name: str, pixels: np.ndarray, side: float) -> str:
        path = folder / f"{name}.tif"
        profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "height": len(pixels), "width": len(pixels[0])}
        grid = {"crs": "EPSG:32633", "transform": Affine(side, 0, 500_000, 0, -side, 5_500_000)}
        with rasterio.open(path, "w", **profile, **grid) as file:
            file.write(pixels, 1)
        return str(path)

    scene = np.random.default_rng(1).uniform(0, 1, (8, 10)).astype(np.float32)
    sandbox.command("add", f"{FOLDER}/scene", save("scene", scene, 40))
    sandbox.command("add", f"{FOLDER}/heights", save("heights", FINE, 10))
    table = {"image": None, "band": None, "field": "height"}
    sections = {
        "raster": section(),
        "not ignored": section(ignore=[]),
        "table": section(**table, table=f"{FOLDER}/points"),
        "too high": section(**table, table=f"{FOLDER}/high", ignore=[]),
        "texts": section(**table, table=f"{FOLDER}/texts"),
    }
    tables = {
        f"{FOLDER}/points": [20, -9999, 150.5],
        f"{FOLDER}/high": [20, 900, 3],
        f"{FOLDER}/texts": ["a", "b", "c"],
    }
    to_degrees = Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
    pixels = ((0, 0), (2, 3), (4, 4))
    places = [to_degrees.transform(500_020 + 40 * column, 5_499_980 - 40 * row) for row, column in pixels]
    (folder / "case.json").write_text(json.dumps({"sections": sections, "tables": tables, "places": places}))
    done = sandbox.run([sys.executable, "-c", SCRIPT, str(folder / "case.json")])
    line = next(line for line in done.stdout.splitlines() if line.startswith("OUTCOME"))
    outcome: dict[str, Any] = json.loads(line.removeprefix("OUTCOME"))
    return outcome


def test_finer_labels_are_averaged_without_what_means_none(found: dict[str, Any]) -> None:
    known = np.where(FINE == -9999, np.nan, 0.1 * FINE + 1).reshape(8, 4, 10, 4)
    with np.errstate(invalid="ignore"):
        expected = np.nansum(known, axis=(1, 3)) / np.isfinite(known).sum(axis=(1, 3))
    mine = found["raster"]
    labels = np.array(mine["labels"])
    there = np.isfinite(expected)
    assert mine["type"] == "float32" and not there[0, 0] and there.sum() == 79
    np.testing.assert_allclose(labels[there], expected[there], rtol=1e-5)
    assert labels[0, 0] == np.finfo(np.float32).min
    assert (np.array(mine["strata"])[there] == np.digitize(labels[there], [9, 11])).all()
    low, high = np.nanmin(known), np.nanmax(known)
    assert f"values from {low:.4g} to {high:.4g} m; nine in ten from" in mine["told"][-1]
    assert f"values from {low:.4g} to {high:.4g} m; nine in ten from" in mine["drawn"]


def test_a_value_outside_of_the_range_is_told_as_the_raster_has_it(found: dict[str, Any]) -> None:
    said = found["not ignored"]["error"]
    assert "data.labels.value.range" in said and "the range is [0, 25]; widen it, or add -9999" in said
    assert "outside" not in said and "as they are before `multiply` and `add`" in said


def test_a_table_s_field_is_scaled_and_checked(found: dict[str, Any]) -> None:
    labels = np.array(found["table"]["labels"])
    none = np.finfo(np.float32).min
    assert labels[0, 0] == 3 and labels[4, 4] == pytest.approx(16.05) and labels[2, 3] == none
    assert (labels != none).sum() == 2
    assert "holds values from 1.3 to 91 m" in found["too high"]["error"]
    assert "holds 'a', which is no number" in found["texts"]["error"]
