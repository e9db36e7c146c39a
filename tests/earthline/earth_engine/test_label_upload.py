"""A large file of labels becomes a table, through the real client and the sandbox's wire, and once only."""

import json

import numpy as np
import pytest

FOLDER = "projects/sandbox/assets/earthline/labels"
SCRIPT = """
import ee, json, sys
import numpy as np, shapely
from pathlib import Path
from google.cloud import storage
from earthline.config import Outline, load
from earthline.earth_engine import connection, label_upload
from earthline.earth_engine.imagery import features, labels
settings = load(Path(sys.argv[1]))
section = settings.data.labels
connection.connect("sandbox")
lines = []
first = label_upload.ensure(section, settings.environment.bucket, "sandbox", lines.append)
again = label_upload.ensure(section, settings.environment.bucket, "sandbox", lines.append)
travelled = type(settings.data).model_validate_json(settings.data.model_dump_json())
found = features.listed(travelled, travelled.labels)
triangle = {"type": "Polygon", "coordinates": [[[9.9, 46.9], [11.1, 46.9], [9.9, 48.1], [9.9, 46.9]]]}
outlined = settings.data.model_copy(update={"region": Outline.model_validate({"geometry": triangle})})
bucket = storage.Client(project="sandbox").bucket(settings.environment.bucket)
left = [blob.name for blob in bucket.list_blobs(prefix="earthline/labels")]
print(json.dumps({
    "table": section.table, "uploads": [first, again], "lines": lines, "left": left,
    "travels": len(settings.data.model_dump_json()),
    "classes": np.bincount(found.values).tolist(),
    "same": found.digest() == section.content,
    "from": ee.data.getAsset(section.table)["properties"]["attribution"],
    "told": features.require_field(travelled.labels),
    "known": features.require_known(travelled, travelled.labels),
    "outlined": features.require_known(outlined, section),
    "touch": int(shapely.intersects(section.held.shapes, outlined.region.shape).sum()),
}))
"""
CONFIG = """
name: many-labels
data:
  imagery: {image: projects/sandbox/assets/nothing, bands: [b1]}
  region: {west: 9.9, south: 46.9, east: 11.1, north: 48.1}
  labels:
    file: fields.geojson
    field: kind
    classes:
      - {name: forest, color: "#1b7837", values: [wood]}
      - {name: water, color: "#2b8cbe", values: [lake]}
"""


@pytest.fixture
def config(tmp_path):
    random = np.random.default_rng(4)
    rows = []
    for number, (x, y) in enumerate(random.uniform((10, 47), (11, 48), (1500, 2)).round(6).tolist()):
        ring = [[x, y], [x + 1e-3, y], [x + 1e-3, y + 1e-3], [x, y]]
        geometry = (
            {"type": "Point", "coordinates": [x, y]} if number % 3 else {"type": "Polygon", "coordinates": [ring]}
        )
        kind = "wood" if number % 2 else "lake"
        rows.append({"type": "Feature", "geometry": geometry, "properties": {"kind": kind}})
    (tmp_path / "fields.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def test_a_large_file_is_uploaded_once_and_read_back_whole(sandbox, config):
    told = json.loads(sandbox.python(f"import sys\nsys.argv[1:] = [{str(config)!r}]\n" + SCRIPT).splitlines()[-1])
    assert told["table"].startswith(f"{FOLDER}/") and len(told["table"]) == len(FOLDER) + 33
    assert told["uploads"] == [True, False]
    assert len(told["lines"]) == 2
    assert told["lines"][0].startswith("uploading 1,500 labels of fields.geojson (") and "once" in told["lines"][0]
    assert told["lines"][1].startswith(f"labels are {told['table']}")
    assert told["left"] == []
    assert told["travels"] < 2500
    assert told["classes"] == [750, 750] and told["same"]
    assert "1,500 features" in told["told"] and "1,500 features lie in the region" in told["known"]
    assert told["from"] == "labels of fields.geojson"
    # Of an outline, what lies in its extent alone does not lie in it.
    assert 100 < told["touch"] < 1400
    assert told["outlined"] == f"{told['touch']:,} features lie in the region"
