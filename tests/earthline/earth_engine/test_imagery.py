"""The one imagery definition, against Earth Engine's protocol and the real scene."""

import json
from typing import Any

import pytest

from earthline.earth_engine import imagery

SCRIPT = """
import json
import os
from pathlib import Path

import ee
import numpy as np

from earthline.earth_engine import connection, imagery, verification
from earthline.config import BoundingBox, Data, load

connection.connect("sandbox")
data = load(Path(os.environ["CONFIG"])).data
content = data.model_dump()
said = {}


def changed(**sections):
    merged = {**content}
    for name, values in sections.items():
        merged[name] = {**(content[name] or {}), **values} if isinstance(values, dict) else values
    return Data.model_validate(merged)


def refused(name, broken):
    try:
        verification.verify(broken)
        said[name] = "accepted"
    except imagery.ImageryError as error:
        said[name] = str(error)


verification.verify(data)
refused("band", changed(imagery={"bands": ["B1", "B99"]}))
refused("label band", changed(labels={"band": "nothing"}))
refused("asset", changed(imagery={"image": "projects/sandbox/assets/nowhere"}))
refused("region", changed(region={"west": 10, "south": 10, "east": 11, "north": 11}))

grid = imagery.grid(data)
said["grid"] = grid.to_json()
said["bands"] = imagery.image(data).bandNames().getInfo()
said["types"] = sorted({band["data_type"]["max"] for band in imagery.image(data).getInfo()["bands"]})
said["label bands"] = imagery.labels(data).bandNames().getInfo()
box = BoundingBox(west=-78.75, south=35.72, east=-78.70, north=35.76)
part = imagery.grid(data, box)
said["part"] = part.to_json()
said["inside"] = [
    (part.transform[2] - grid.transform[2]) / grid.transform[0],
    (part.transform[5] - grid.transform[5]) / grid.transform[4],
]

window = grid.window(200, 200, (16, 16))


def pixels(image, at):
    return ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": at.to_request()})


image = pixels(imagery.image(data), window)
reverse = pixels(imagery.image(changed(imagery={"bands": list(reversed(data.imagery.bands))})), window)
said["order"] = list(image.dtype.names) == list(data.imagery.bands)
said["reversed"] = list(reverse.dtype.names) == list(reversed(data.imagery.bands))
said["same pixels"] = all(np.array_equal(image[band], reverse[band]) for band in data.imagery.bands)
labels = pixels(imagery.labels(data), window)[imagery.LABEL_BAND]
raw = pixels(imagery.label_values(data), window)[data.labels.band]
ids = {value: index for index, each in enumerate(data.labels.classes) for value in each.values}
pairs = set(zip(raw.ravel().tolist(), labels.ravel().tolist()))
said["remapped"] = all(ids[value] == label for value, label in pairs if value in ids)
said["values"] = sorted(set(raw.ravel().tolist()))
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(sandbox: Any, request: pytest.FixtureRequest) -> dict[str, Any]:
    sandbox.command("seed", "north_carolina")
    config = request.config.rootpath / "configs" / "quickstart.yaml"
    content = json.loads(sandbox.python(SCRIPT, CONFIG=str(config)))
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("band", ["data.imagery.bands: B99 not in", "which has B1"]),
        ("label band", ["data.labels.band: nothing not in", "which has landcover"]),
        ("asset", ["data.imagery.image:", "projects/sandbox/assets/nowhere", "not found"]),
        ("region", ["data.region: (10, 10, 11, 11) lies outside the imagery"]),
    ],
)
def test_what_is_not_there_is_named_with_its_key(said: dict[str, Any], name: str, words: list[str]) -> None:
    assert len(said[name].splitlines()) == 1
    for word in words:
        assert word in said[name]


def test_the_grid_is_the_images_own(said: dict[str, Any]) -> None:
    assert said["grid"]["crs"] == "EPSG:32119"
    assert said["grid"]["shape"] == [443, 489] or said["grid"]["shape"] == [489, 443]
    assert said["grid"]["transform"][0] == pytest.approx(28.5)


def test_a_part_lies_on_the_same_pixels(said: dict[str, Any]) -> None:
    height, width = said["part"]["shape"]
    assert 0 < height < said["grid"]["shape"][0] and 0 < width < said["grid"]["shape"][1]
    for pixels in said["inside"]:
        assert pixels > 0
        assert pixels == pytest.approx(round(pixels), abs=1e-6)


def test_bands_keep_the_configs_order_and_pixels_do_not_care(said: dict[str, Any]) -> None:
    assert said["order"] and said["reversed"] and said["same pixels"]
    assert said["types"] == [255]


def test_labels_are_class_ids(said: dict[str, Any]) -> None:
    assert said["label bands"] == [imagery.LABEL_BAND]
    assert len(said["values"]) > 1
    assert said["remapped"]
