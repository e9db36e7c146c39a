"""Every example of a config in the documentation is one that loads."""

import json
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import yaml
from affine import Affine

from earthline import config

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^( *)```yaml\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    pytest.param(dedent(block[2]), id=f"{page.relative_to(ROOT)}-{number}")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    for number, block in enumerate(BLOCK.finditer(page.read_text("utf-8")))
]
REST = yaml.safe_load((ROOT / "docs" / "tutorial" / "valley.yaml").read_text("utf-8")) | {
    # Examples have many bands, and leave their model out.
    "serving": {"seams": "allowed"}
}
"""Stands for what an example leaves out."""


def completed(example: Any) -> dict[str, Any]:
    """An example with all that it does not say; a section below `data` is its own as a whole."""
    data = {**REST["data"], **example.get("data", {})}
    whole = {**REST, **example, "data": data}
    model = whole.get("train", {}).get("model", {})
    if model.get("name") == "file":
        # Its layers would be asked, and there is no such model here.
        model.setdefault("declares", {"stride": 4, "receptive_field": 67})
    return whole


def write_files(folder: Path) -> None:
    """The files that examples name."""
    page = (ROOT / "docs" / "how-to" / "imagery.md").read_text("utf-8")
    (folder / "my_imagery.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    page = (ROOT / "docs" / "how-to" / "validation.md").read_text("utf-8")
    (folder / "schema.yaml").write_text(page.partition("```yml\n")[2].partition("```")[0])
    (folder / "visited").mkdir()
    for name in ("points.csv", "visited/points.csv"):
        (folder / name).write_text("longitude,latitude,label\n10.8,45.5,water\n10.9,45.6,forest\n")
    (folder / "models").mkdir()
    for name in ("europe.keras", "theirs.keras", "unet.onnx"):
        # Only the training reads what is inside.
        (folder / "models" / name).write_bytes(b"")
    ring = [[10.5, 45.4], [11.0, 45.4], [10.8, 45.7], [10.5, 45.4]]
    features = [
        {"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        for name in ("Plagwitz", "Lindenau", "Connewitz")
    ]
    (folder / "district.geojson").write_text(json.dumps(features[0]))
    (folder / "all.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    meta, _, shapes, values = pyogrio.raw.read(folder / "all.geojson")
    options = {"crs": "EPSG:4326", "geometry_type": "Polygon", "layer": "districts"}
    pyogrio.raw.write(folder / "districts.gpkg", shapes, values, meta["fields"], **options)
    uses = np.array(["water", "forest", "orchard"], object)
    columns = {"landuse": uses, "survey_date": np.array(["2021-06-15", "2020-06-15", "2021-07-01"], "datetime64[D]")}
    plain = {"crs": "EPSG:4326", "geometry_type": "Polygon"}
    pyogrio.raw.write(folder / "fields.gpkg", shapes, list(columns.values()), list(columns), **plain)
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": 1, "width": 1, "crs": "EPSG:32632"}
    with rasterio.open(folder / "dem.tif", "w", transform=Affine(30, 0, 0, 0, -30, 0), **profile) as file:
        file.write(np.zeros((1, 1, 1), np.uint8))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 8


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_loads(text: str, tmp_path: Path) -> None:
    write_files(tmp_path)
    path = tmp_path / "example.yaml"
    path.write_text(yaml.safe_dump(completed(yaml.safe_load(text))))
    config.load(path)
