"""TFRecords made elsewhere, in the bucket: from the config to a map, and said what is unknown of them."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tensorflow as tf
import yaml

from .conftest import Laptop

SIDE = 16
BANDS = ("B1", "B2", "B3", "B4", "B5")
UPLOAD = """
from pathlib import Path
from google.cloud import storage
bucket = storage.Client(project="sandbox").bucket("earthline-sandbox")
for path in sorted(Path("elsewhere").iterdir()):
    bucket.blob(f"elsewhere/{path.name}").upload_from_filename(path)
"""


def write(folder: Path) -> None:
    """Bright and dark squares, a list of floats for each band, gzip."""
    folder.mkdir()
    random = np.random.default_rng(3)
    for number in range(8):
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(str(folder / f"part-{number}.tfrecord.gz"), options) as file:
            for _ in range(6):
                bright = random.random((SIDE // 4, SIDE // 4)).repeat(4, axis=0).repeat(4, axis=1) > 0.5
                values = {band: np.where(bright, 140, 60) + random.integers(0, 40, bright.shape) for band in BANDS}
                features = {
                    name: tf.train.Feature(float_list=tf.train.FloatList(value=np.ravel(each).astype(float)))
                    for name, each in {**values, "cover": bright}.items()
                }
                file.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def config(quickstart: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(Path(quickstart).read_text("utf-8"))
    content["name"] = "elsewhere"
    content["data"]["examples"] = {
        "files": ["gs://earthline-sandbox/elsewhere/*.tfrecord.gz"],
        "split": {"by": "file"},
    }
    content["data"]["labels"] = {
        "feature": "cover",
        "classes": [
            {"name": "dark", "color": "#303030", "values": [0]},
            {"name": "bright", "color": "#f0f0a0", "values": [1]},
        ],
    }
    content["export"] = {"patch_shape": [SIDE, SIDE]}
    content["train"] = {"model": {"name": "pixel_mlp"}, "epochs": 2}
    content["evaluate"] = {"min_gain": -1, "baseline_trees": 10}
    content["predict"] = {"region": {"west": -78.72, "south": 35.72, "east": -78.71, "north": 35.73}}
    return content


@pytest.mark.slow
def test_examples_of_others_become_a_map(laptop: Laptop, quickstart: str) -> None:
    write(laptop.folder / "elsewhere")
    (laptop.folder / "elsewhere.yaml").write_text(yaml.safe_dump(config(quickstart)))
    laptop.earthline("sandbox", "start", code=None)
    laptop.python(UPLOAD)
    output = laptop.earthline("run", "elsewhere.yaml")
    (folder,) = (laptop.folder / "runs").glob("elsewhere-*")
    with rasterio.open(folder / "map.tif") as produced:
        assert set(np.unique(produced.read(1))) <= {0, 1, 255}
    assert json.loads((folder / "evaluation.json").read_text())["test"]["patches"] >= 6
    assert "predict_map" in output
    told = "eakage cannot be excluded: the examples were made elsewhere and do not say where they lie (split by file, 8"
    assert told in (folder / "validation.html").read_text()
    report = re.sub(r"\s+", " ", (folder / "report.html").read_text())
    assert told in report and "pixels apart" not in report and "Earth Engine did not give" not in report

    # Check looks at them without a run.
    asked = laptop.earthline("check", "elsewhere.yaml", "--online")
    assert "8 files, " in asked and "the first record has every band of 16 x 16 pixels" in asked
