"""A continuous value from export to map: short-wave infrared of a Landsat scene, learned from its other bands."""

import json
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml

from .conftest import Laptop

SCENE = "projects/sandbox/assets/north_carolina/landsat7_2000"
MAP = "projects/sandbox/assets/maps/swir"
VALUE = {"name": "SWIR brightness", "unit": "%", "range": [0, 110], "multiply": 0.4, "add": 1, "breaks": [25, 40, 60]}
CONFIG = {
    "name": "swir",
    "environment": {"experiment": "brightness"},
    "data": {
        "imagery": {"image": SCENE, "bands": ["B1", "B2", "B3", "B4"], "data_type": "uint8"},
        "labels": {"image": SCENE, "band": "B5", "value": VALUE},
    },
    "export": {
        "patch_shape": [16, 16],
        "block_shape": [64, 64],
        "examples": {"train": 150, "validation": 40, "test": 80},
        "shards": 1,
    },
    "train": {
        "model": {"name": "pixel_mlp", "units": 16, "dropout": 0.0},
        "epochs": 8,
        "learning_rate": 0.02,
        "loss": {"name": "quantile", "interval": 0.8},
    },
    "evaluate": {"baseline_trees": 10, "baseline_windows": [], "min_gain": -1},
    "predict": {"asset": MAP, "region": {"west": -78.72, "south": 35.72, "east": -78.71, "north": 35.73}},
    "serving": {"tile_shape": [96, 96], "overlap": [2, 2]},
}
ASKED = """
import ee, json
ee.Initialize(project="sandbox")
asset = ee.data.getAsset("projects/sandbox/assets/maps/swir")
known = ee.data.getAsset("projects/sandbox/assets/earthline/swir")["properties"]
scene = ee.Image("projects/sandbox/assets/north_carolina/landsat7_2000").select(["B1", "B2", "B3", "B4"])
values = ee.Image(ee.deserializer.fromJSON(known["ee_map"]).call(scene))
image = ee.Image("projects/sandbox/assets/maps/swir")
alone = ee.data.getAsset("projects/sandbox/assets/swir_expression")["properties"]["ee_map"]
alone = ee.Image(ee.deserializer.fromJSON(alone).call(scene)).rename("expression", "low", "high")
both = image.rename("stored").addBands(values.rename("asked")).addBands(alone)
point = ee.Geometry.Point([-78.715, 35.725])
from google.cloud import aiplatform
aiplatform.init(project="sandbox", location="us-central1", api_transport="rest")
runs = [[run.get_params(), run.get_metrics()] for run in aiplatform.ExperimentRun.list(experiment="brightness")]
print(json.dumps({"runs": runs, "properties": asset["properties"], "type": asset["bands"][0]["dataType"],
                  "at": both.reduceRegion("first", point, 28.5).getInfo()}))
"""


@pytest.mark.slow
def test_a_value_is_learned_judged_served_and_mapped_in_its_unit(laptop: Laptop) -> None:
    (laptop.folder / "swir.yaml").write_text(yaml.safe_dump(CONFIG))
    output = laptop.earthline("run", "swir.yaml")
    (run,) = laptop.folder.glob("runs/swir-*")
    found: dict[str, Any] = json.loads((run / "evaluation.json").read_text("utf-8"))
    metrics = found["model"]["metrics"]
    with rasterio.open(run / "map.tif") as file:
        values = file.read(1)
        assert (file.dtypes[0], file.descriptions[0], file.units[0]) == ("float32", "value", "%")
        assert file.tags()["value_name"] == "SWIR brightness" and file.tags()["value_range"] == "0 110"
        valid = values[values != file.nodata]

    # The labels' own unit, from their multiplied numbers to the map.
    assert 20 < valid.mean() < 60 and len(valid) > 0.9 * values.size
    assert metrics["rmse"]["value"] < found["baselines"][0]["scores"]["metrics"]["rmse"]["value"]
    assert metrics["rmse"]["interval"]["low"] < metrics["rmse"]["value"] < metrics["rmse"]["interval"]["high"]
    assert metrics["r2"]["value"] > 0 and found["measures"]["rmse"]["unit"] == "%"
    held = found["test"]["details"]["intervals"]
    assert held["wanted"] == 0.8 and 0.5 < held["held"] <= 1
    assert f"RMSE       {metrics['rmse']['value']:.3f}" in output

    report = (run / "report.html").read_text("utf-8")
    for text in ("SWIR brightness (%)", "intervals of 80 % hold", "linear-gradient", "Labels and map"):
        assert text in report.replace("Intervals", "intervals")
    assert "Labels: SWIR brightness (%)" in (run / "validation.html").read_text("utf-8")
    assert (run / "scatter.png").read_bytes().startswith(b"\x89PNG")

    # The same model without its endpoint; bounds of an interval of 80 % are the quantiles .1 and .9.
    asset = ("--asset", "projects/sandbox/assets/swir_expression")
    proved = laptop.earthline("expression", f"runs/{run.name}", *asset, "--bands", "q0.1,q0.9")
    stored = json.loads((run / "expression.json").read_text("utf-8"))
    assert stored["proof"] in proved and stored["map"] == ["value", "q0.1", "q0.9"]

    told = json.loads(laptop.python(ASKED))
    assert told["properties"]["value_name"] == "SWIR brightness" and told["properties"]["value_unit"] == "%"
    assert told["type"]["precision"] == "FLOAT"
    ((settings, figures),) = told["runs"]
    assert settings["model"] == "pixel_mlp" and settings["train_examples"] > 100
    assert figures["rmse"] == pytest.approx(metrics["rmse"]["value"]) and figures["blessed"] == 1
    assert told["at"]["stored"] == pytest.approx(told["at"]["asked"], abs=1e-3)
    assert told["at"]["expression"] == pytest.approx(told["at"]["asked"], abs=1e-3)
    assert told["at"]["low"] < told["at"]["expression"] < told["at"]["high"]
    assert np.isclose(valid, told["at"]["stored"], atol=1e-3).any()
