"""Labels tile by tile over the real wire: every stratum is right, and no imagery is asked for to draw a point."""

import json
import sys

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from components.export_examples.planning.label_tiles import NOTHING
from earthline.config import Data, Export

from ...scene import CRS, TRANSFORM, save

SHAPE, SIDE, OFFSET = (96, 130), 40, (1, -2)
FOLDER = "projects/sandbox/assets/label_tiles"
# In pixels (x = column, y = row); the last tiles of the second row do not touch it.
OUTLINE = shapely.Polygon([(3.31, 2.17), (128.23, 4.41), (70.13, 38.29), (76.37, 94.19), (5.21, 90.43)])
SCRIPT = """
import json, logging, sys
import ee
import numpy as np
from components.export_examples.planning import label_tiles
from components.export_examples.planning.selection import select
from earthline.config import Data, Export
from earthline.earth_engine import connection, imagery

label_tiles.SIDE = 40
asked, warned = [], []
logging.getLogger("components.export_examples").addHandler(type("Keep", (logging.Handler,), {
    "emit": lambda self, record: warned.append(record.getMessage())})(logging.WARNING))
connection.connect("sandbox")
compute, value = ee.data.computePixels, ee.data.computeValue
ee.data.computePixels = lambda params: asked.append(ee.serializer.toJSON(params["expression"])) or compute(params)
ee.data.computeValue = lambda *a, **k: asked.append("a value") or value(*a, **k)
outcome = {}
for name, data, export, most in json.load(open(sys.argv[1])):
    data, export = Data.model_validate_json(data), Export.model_validate_json(export)
    grid = imagery.grid(data)
    asked.clear(), warned.clear()
    tiles = label_tiles.LabelTiles.read(data, export, grid, most)
    told = {"asked": list(asked), "tiles": tiles.tiles, "of": tiles.of_tiles, "shape": grid.shape}
    strata = np.full(grid.shape, 254, np.uint8)
    for row, column, part in tiles.strips():
        strata[row : row + part.shape[0], column : column + part.shape[1]] = part
    told["strata"] = strata.tolist()
    asked.clear()
    plan = select(data, export, grid, most).plan
    told |= {"frame": plan.frame.tolist(), "wanted": plan.wanted.tolist(), "all": len(asked), "warned": list(warned)}
    told["middles"] = (np.stack([plan.row, plan.column], 1) + [d // 2 for d in export.patch_shape]).tolist()
    told["strata_of"] = plan.stratum.tolist()
    outcome[name] = told
print("OUTCOME" + json.dumps(outcome))
"""


def scene():
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    labels = np.where((rows // 8 + columns // 8) % 4 == 0, 2, 1).astype(np.uint8)
    labels[10:14, 10:14] = 0
    return labels


def expected(outlined):
    """Strata by pixel of the imagery, whose label lies off it."""
    labels = np.pad(scene(), 4)
    moved = labels[4 + OFFSET[0] : 4 + OFFSET[0] + SHAPE[0], 4 + OFFSET[1] : 4 + OFFSET[1] + SHAPE[1]]
    found = np.array([NOTHING, 0, 1], np.uint8)[moved]
    if outlined:
        rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] + 0.5
        found[~shapely.contains_xy(OUTLINE, columns, rows)] = NOTHING
    return found


@pytest.fixture(scope="module")
def outcomes(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("label_tiles")
    labels = scene()
    sandbox.command("add", f"{FOLDER}/labels", save(folder / "labels.tif", labels[None], nodata=0))
    imagery = np.full((2, *SHAPE), 7, np.uint8)
    sandbox.command("add", f"{FOLDER}/scene", save(folder / "scene.tif", imagery, nodata=0))
    a, b, c, d, e, f = TRANSFORM
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    # Straight in degrees is not quite straight in pixels.
    corners = shapely.segmentize(OUTLINE, 1).exterior.coords
    ring = [to_degrees.transform(a * x + b * y + c, d * x + e * y + f) for x, y in corners]
    (folder / "outline.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))

    def data(**region):
        classes = [{"name": name, "color": "#123456", "values": [value]} for value, name in ((1, "land"), (2, "water"))]
        content = {
            "imagery": {"image": f"{FOLDER}/scene", "bands": ["b1", "b2"], "data_type": "uint8"},
            "labels": {"image": f"{FOLDER}/labels", "band": "b1", "offset": OFFSET, "classes": classes},
            **region,
        }
        return Data.model_validate(content, context={"folder": folder}).model_dump_json()

    def export(**changes):
        base = {
            "patch_shape": [8, 6],
            "block_shape": [20, 20],
            "examples": {"train": 40, "validation": 12, "test": 16},
        }
        return Export.model_validate({**base, **changes}).model_dump_json()

    metres = {"block_shape": [256, 256], "block_size": 640.0, "buffer": 120.0}
    cases = [
        ("whole", data(), export(), None),
        ("outlined", data(region={"file": "outline.geojson"}), export(design="random"), None),
        ("grid", data(), export(design="systematic", **metres), None),
        ("looked at", data(), export(), 4),
    ]
    file = folder / "cases.json"
    file.write_text(json.dumps(cases))
    done = sandbox.run([sys.executable, "-c", SCRIPT, str(file)], timeout=240)
    return json.loads(done.stdout.split("OUTCOME")[-1])


@pytest.mark.parametrize(("name", "outlined"), [("whole", False), ("outlined", True), ("grid", False)])
def test_every_pixel_has_its_stratum(outcomes, name, outlined):
    found, wanted = np.array(outcomes[name]["strata"]), expected(outlined)
    if outlined:
        # The grid of an outlined region is cut to it; a tile that it does not touch is not asked for.
        top, left = (int(bound // 1) for bound in (OUTLINE.bounds[1], OUTLINE.bounds[0]))
        wanted = wanted[top : top + found.shape[0], left : left + found.shape[1]]
        assert outcomes[name]["tiles"] < 12
        found[found == 254] = NOTHING
    np.testing.assert_array_equal(found, wanted)


def test_labels_alone_are_asked_for_and_each_tile_once(outcomes):
    for told in outcomes.values():
        assert len(told["asked"]) == told["tiles"] == told["all"]
        assert all(f"{FOLDER}/labels" in each and f"{FOLDER}/scene" not in each for each in told["asked"])
    assert outcomes["whole"]["tiles"] == outcomes["whole"]["of"] == 12


def test_patches_are_centred_on_labels_of_their_stratum(outcomes):
    for name in ("whole", "grid"):
        told, strata = outcomes[name], expected(False)
        found = np.array([strata[row, column] for row, column in told["middles"]])
        assert (found != NOTHING).all()
        if name == "whole":
            assert found.tolist() == told["strata_of"]
            assert np.array(told["wanted"]).sum(axis=1).tolist() == [40, 12, 16]


def test_a_look_at_some_tiles_is_said(outcomes):
    told = outcomes["looked at"]
    assert (told["tiles"], told["of"]) == (4, 12)
    assert any(
        "the labels of 4 of its 12 tiles are looked at here; an export reads all" in each for each in told["warned"]
    )
    strata = np.array(told["strata"])
    seen = strata != 254
    np.testing.assert_array_equal(strata[seen], expected(False)[seen])
