"""Outlines in Earth Engine: cut on grids of any orientation, taken from tables, refused where they are of no use."""

import json
import sys
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer
from rasterio.features import rasterize
from shapely.geometry import mapping

from earthline.grid import Grid

FOLDER = "projects/sandbox/assets/outline_test"
SHAPE = (60, 80)
GRIDS = {
    "north up": Affine(30, 0, 630_000, 0, -30, 228_000),
    "south up": Affine(30, 0, 630_000, 0, 30, 226_000),
    "aslant": Affine.translation(630_000, 228_000) @ Affine.rotation(25) @ Affine.scale(30, -30),
}
RINGS = [[(5.3, 7.1), (71.6, 3.4), (66.2, 54.7), (30.8, 40.1), (9.1, 55.6)], [(28.7, 16.2), (48.9, 20.4), (40.3, 33.7)]]
SCRIPT = """
import json, sys
import ee
import numpy as np
from earthline.config import Data, Predict
from earthline.earth_engine import imagery, verification
from earthline.earth_engine.connection import connect
from earthline.earth_engine.pixels import fetch
case = json.load(open(sys.argv[1]))
connect("sandbox")
def table(name, features):
    task = ee.batch.Export.table.toAsset(ee.FeatureCollection(features), name, case["folder"] + "/" + name)
    task.start()
    while task.active():
        pass
    assert task.status()["state"] == "COMPLETED", task.status()
square = ee.Geometry.Rectangle([-79, 35, -78, 36], "EPSG:4326", False)
table("squares", [ee.Feature(square, {"name": "one", "number": 1}), ee.Feature(square.buffer(9e4), {"name": "two"})])
table("dots", [ee.Feature(ee.Geometry.Point([-78, 35]), {"name": "dot"})])
table("rough", [ee.Feature(ee.Geometry.Polygon([case["rough"]], None, False), {"name": "rough"})])
def data(**changes):
    return Data.model_validate({**case["data"], **changes})
said = {"inside": {}, "refused": {}}
for name, outline in case["outlines"].items():
    image = {"image": case["folder"] + "/" + name.replace(" ", "_"), "bands": ["b1"], "data_type": "uint8"}
    here = data(imagery=image, region={"geometry": outline})
    grid = imagery.grid(here)
    said["inside"][name] = [grid.to_json(), fetch(imagery.inside(here, grid), grid, 3, "mask")["constant"].tolist()]
    aligned = data(imagery=image, region={"geometry": outline}, align_to=image["image"])
    assert np.allclose(imagery.grid(aligned).transform, grid.transform) and imagery.grid(aligned).shape == grid.shape
    composite = imagery.image(aligned).projection().getInfo()
    said["inside"][name].append(composite["transform"])
def refused(name, region, call=imagery.outline):
    try:
        call(data(region=region, **({"crs": "EPSG:32119", "scale": 30} if region else {})))
        said["refused"][name] = "accepted"
    except imagery.ImageryError as error:
        said["refused"][name] = str(error)
folder = case["folder"] + "/"
refused("no table", {"table": folder + "nothing"})
refused("no feature", {"table": folder + "squares", "where": {"name": "three"}})
refused("points", {"table": folder + "dots"})
refused("corners", {"table": folder + "rough"})
refused("simplified", {"table": folder + "rough", "simplify": 200})
for name in ("small", "beside"):
    refused(name, None, lambda _: imagery.grid(data(region={"geometry": case[name]})))
first = {"table": folder + "squares", "where": {"number": [1, 5]}}
said["chosen"] = imagery.outline(data(region=first, crs="EPSG:32119", scale=30)).bounds
print("OUTCOME" + json.dumps(said))
"""


def outline(transform: Affine) -> shapely.Polygon:
    """The rings, given in pixels of a grid, in degrees."""
    to_degrees = Transformer.from_crs("EPSG:32119", "EPSG:4326", always_xy=True)
    rings = [[to_degrees.transform(*(transform @ corner)) for corner in ring] for ring in RINGS]
    return shapely.Polygon(rings[0], rings[1:])


@pytest.fixture(scope="module")
def said(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("outlines")
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": SHAPE[0], "width": SHAPE[1]}
    for name, transform in GRIDS.items():
        path = folder / f"{name.replace(' ', '_')}.tif"
        with rasterio.open(path, "w", crs="EPSG:32119", transform=transform, **profile) as file:
            file.write(np.ones((1, *SHAPE), np.uint8))
        sandbox.command("add", f"{FOLDER}/{path.stem}", str(path))
    classes = [{"name": f"c{value}", "color": "#000000", "values": [value]} for value in (1, 2)]
    case = {
        "folder": FOLDER,
        "outlines": {name: mapping(outline(transform)) for name, transform in GRIDS.items()},
        "rough": shapely.get_coordinates(shapely.Point(-78, 35).buffer(0.3, quad_segs=1500)).tolist(),
        "small": mapping(shapely.box(-78.500001, 35.500001, -78.5, 35.500002)),
        "beside": mapping(shapely.box(10, 50, 10.1, 50.1)),
        "data": {
            "imagery": {"image": f"{FOLDER}/north_up", "bands": ["b1"], "data_type": "uint8"},
            "labels": {"image": f"{FOLDER}/north_up", "band": "b1", "classes": classes},
        },
    }
    (folder / "case.json").write_text(json.dumps(case))
    done = sandbox.run([sys.executable, "-c", SCRIPT, str(folder / "case.json")], timeout=200)
    line = next(line for line in done.stdout.splitlines() if line.startswith("OUTCOME"))
    found: dict[str, Any] = json.loads(line.removeprefix("OUTCOME"))
    return found


@pytest.mark.parametrize("name", GRIDS)
def test_pixel_centres_decide_on_grids_of_any_orientation(said: dict[str, Any], name: str) -> None:
    grid, mask, projected = said["inside"][name]
    grid = Grid.from_json(grid)
    transform = GRIDS[name]
    column, row = (round(place) for place in ~transform @ (grid.transform[2], grid.transform[5]))
    # In pixels every grid is upright; the rings are straight there but for the bend of a parallel, far below a pixel.
    burnt = rasterize([shapely.Polygon(RINGS[0], RINGS[1:])], SHAPE).astype(bool)
    whole = np.zeros(SHAPE, bool)
    whole[row : row + grid.shape[0], column : column + grid.shape[1]] = np.array(mask) > 0
    np.testing.assert_array_equal(whole, burnt)
    assert projected == pytest.approx(list(transform)[:6])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no table", ["data.region.table: ", "not found"]),
        ("no feature", ["data.region.where: ", "has no feature with {'name': 'three'}"]),
        ("points", ["data.region.table: ", "holds points"]),
        ("corners", ["data.region.table: ", "has 6,001 corners", "write `simplify: "]),
        ("small", ["data.region: the outline holds no pixel's centre"]),
        ("beside", ["data.region: the outline lies outside the imagery"]),
    ],
)
def test_what_is_of_no_use_is_told_by_its_key(said: dict[str, Any], name: str, words: list[str]) -> None:
    for word in words:
        assert word in said["refused"][name]


def test_a_table_is_taken_by_its_features_and_simplified(said: dict[str, Any]) -> None:
    assert said["refused"]["simplified"] == "accepted"
    assert said["chosen"] == pytest.approx([-79, 35, -78, 36])
