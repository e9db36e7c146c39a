"""Labels that are points and polygons are known by what they hold, tables by when they changed."""

import json

import numpy as np

from ..scene import save

SCRIPT = """
import ee, json, sys
from components.detect_changes.sources import read_sources
from earthline.config import Data
from earthline.earth_engine.connection import connect
connect("sandbox")
TABLE = "projects/sandbox/assets/detect_labels"
ASKED = {"classes": [
    {"name": "land", "color": "#111111", "values": ["land"]}, {"name": "water", "color": "#222222", "values": ["water"]}
]}

def labels(**given):
    imagery = {"image": "projects/sandbox/assets/detect_scene", "bands": ["b1"]}
    data = Data.model_validate({"imagery": imagery, "labels": {**ASKED, **given}})
    return read_sources(data)[-1].model_dump()

def export(count):
    points = [ee.Feature(ee.Geometry.Point(10 + number, 50), {"kind": "land"}) for number in range(count)]
    task = ee.batch.Export.table.toAsset(ee.FeatureCollection(points), assetId=TABLE, overwrite=True)
    task.start()
    while task.active():
        pass
    return labels(table=TABLE, field="kind")

one, two = [[0, [10, 50]], [1, [11, 50]]], [[0, [10, 50]], [1, [11, 51]]]
print(json.dumps([labels(features=one), labels(features=one[::-1]), labels(features=two), export(1), export(2)]))
"""


def test_labels_change_with_their_content(sandbox, tmp_path):
    scene = save(tmp_path / "scene.tif", np.ones((1, 4, 4), np.uint8))
    sandbox.command("add", "projects/sandbox/assets/detect_scene", scene)
    one, again, other, table, later = json.loads(sandbox.python(SCRIPT).splitlines()[-1])
    assert one == again and one != other
    assert (one["role"], one["images"], one["version"]) == ("labels", 2, 0)
    assert one["asset"].startswith("features ")
    assert table["asset"] == later["asset"] == "projects/sandbox/assets/detect_labels"
    assert 0 < table["version"] < later["version"]
