"""Points and polygons as labels, through the steps against a sandbox: pixels by rasterio, splits without a leak."""

import json
import sys

import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.features import rasterize
from shapely.geometry import mapping

from earthline.config import Data, Export
from earthline.formats.examples import Patch
from earthline.formats.label_features import FeatureRecords
from earthline.formats.manifest import SPLITS, Manifest
from earthline.formats.shards import read
from earthline.task.classification.classes import UNLABELLED

from ...outcomes import outcome
from ...scene import CRS, TRANSFORM, save

pytestmark = pytest.mark.slow

SHAPE = (120, 150)
FOLDER = "projects/sandbox/assets/feature_test"
CLASSES = [
    {"name": "land", "color": "#1b7837", "values": ["field", "forest"]},
    {"name": "water", "color": "#2b8cbe", "values": ["lake"]},
]
EXPORT = {
    "patch_shape": [8, 8],
    "block_shape": [30, 30],
    "examples": {"train": 60, "validation": 20, "test": 30},
    "shards": 2,
    "seed": 3,
}
STEPS = """
import json, sys
from pathlib import Path
from kfp import dsl
from components.export_examples.run import run as export
from components.validate_examples.run import run as validate
from earthline.config import Data
from earthline.config.sections.labels import vector
from earthline.earth_engine import connection, label_upload
def uploaded(content, folder):
    # As a file is that is too large to travel with the config.
    vector.MOST_INLINE_BYTES = 0
    data = Data.model_validate(content, context={"folder": Path(folder)})
    vector.MOST_INLINE_BYTES = 24_000
    data.labels.settle("sandbox")
    connection.connect("sandbox")
    told = []
    label_upload.ensure(data.labels, "earthline-sandbox", "sandbox", told.append)
    return data.model_dump_json(), told
outcomes = {}
for name, case in json.load(open(sys.argv[1])).items():
    try:
        examples = dsl.Dataset(uri=case["folder"], metadata={})
        told = []
        if case["upload"]:
            case["data"], told = uploaded(json.loads(case["data"]), case["upload"])
        export(data=case["data"], export=case["export"], project="sandbox", temp_location="", examples=examples)
        statistics = Path(case["folder"]) / "statistics"
        report = dsl.HTML(uri=case["folder"] + "/report.html")
        try:
            validate(data=case["data"], examples=examples, statistics=dsl.Artifact(uri=str(statistics)), report=report)
        finally:
            outcomes[name] = {
                "statistics": json.loads((statistics / "statistics.json").read_text()), "data": case["data"],
                "told": told,
            }
    except Exception as error:
        outcomes.setdefault(name, {})["error"] = f"{type(error).__name__}: {error}"
print("OUTCOME" + json.dumps(outcomes))
"""


def features():
    """Points and polygons in the scene's CRS, with the texts of their class; two polygons contradict each other."""
    random = np.random.default_rng(2)
    affine = Affine(*TRANSFORM)

    def on_ground(shape):
        return shapely.transform(shape, lambda xy: np.column_stack(affine @ tuple(xy.T)))

    kinds = ["field", "forest", "lake"]
    places = random.uniform(0, (SHAPE[1], SHAPE[0]), (150, 2))
    found = [(shapely.Point(place), kinds[number % 3]) for number, place in enumerate(places)]
    middles = random.uniform((4, 4), (SHAPE[1] - 4, SHAPE[0] - 4), (24, 2))
    for number, (x, y) in enumerate(middles):
        angle, wide, tall = random.uniform(0, 3), random.uniform(2, 9), random.uniform(2, 5)
        turned = shapely.affinity.rotate(shapely.box(x - wide, y - tall, x + wide, y + tall), angle, use_radians=True)
        found.append((turned, kinds[number % 3]))
    return [(on_ground(shape), kind) for shape, kind in found], found


def burned(found, all_touched=False):
    """Class ids (rows, columns) by rasterio, `UNLABELLED` where there is none or where classes contradict."""
    held = []
    for class_id, kinds in enumerate((("field", "forest"), ("lake",))):
        shapes = [shape for shape, kind in found if kind in kinds]
        polygons = [shape for shape in shapes if shape.geom_type == "Polygon"]
        covered = rasterize(polygons, SHAPE, transform=Affine.identity(), all_touched=all_touched).astype(bool)
        if all_touched:
            # Earth Engine leaves out what covers less than half a percent of a pixel (guides/reducers_reduce_region).
            for row, column in np.argwhere(covered):
                pixel = shapely.box(column, row, column + 1, row + 1)
                covered[row, column] = max(pixel.intersection(polygon).area for polygon in polygons) >= 0.005
        for shape in shapes:
            if shape.geom_type == "Point":
                covered[int(shape.y), int(shape.x)] = True
        held.append(np.where(covered, class_id, UNLABELLED))
    one, two = held
    return np.where((one < UNLABELLED) & (two < UNLABELLED), UNLABELLED, np.minimum(one, two)).astype(np.uint8)


def write_geojson(path, found):
    rows = [
        {"type": "Feature", "geometry": mapping(shape), "properties": {"kind": kind, "year": 2020 + number % 2}}
        for number, (shape, kind) in enumerate(found)
    ]
    crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{CRS.replace(':', '::')}"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": rows}))
    return path


def content(**labels):
    imagery = {"image": f"{FOLDER}/scene", "bands": ["b1", "b2"], "data_type": "uint8"}
    return {"imagery": imagery, "labels": {"field": "kind", "classes": CLASSES, **labels}}


def section(folder, **labels):
    return Data.model_validate(content(**labels), context={"folder": folder}).model_dump_json()


def export(**changes):
    return Export.model_validate({**EXPORT, **changes}).model_dump_json()


@pytest.fixture(scope="module")
def scene(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    imagery = np.stack([rows + 1, columns + 1]).astype(np.uint8)
    imagery[:, 60:64, 70:74] = 0
    sandbox.command("add", f"{FOLDER}/scene", save(folder / "scene.tif", imagery, nodata=0))
    on_ground, _ = features()
    write_geojson(folder / "labels.geojson", on_ground)
    return folder


@pytest.fixture(scope="module")
def outcomes(sandbox, scene):
    cases = {
        "sound": {"file": "labels.geojson"},
        "touched": {"file": "labels.geojson", "all_touched": True},
        "grouped": {"file": "labels.geojson", "group_distance": 100.0},
        "shifted": {"file": "labels.geojson", "offset": [2, -3]},
    }
    file = scene / "cases.json"
    file.write_text(
        json.dumps(
            {
                name: {"data": data, "export": export(), "folder": str(scene / name), "upload": upload}
                for name, data, upload in (
                    *((name, section(scene, **labels), "") for name, labels in cases.items()),
                    ("large", json.dumps(content(**cases["sound"])), str(scene)),
                )
            }
        )
    )
    done = sandbox.run([sys.executable, "-c", STEPS, str(file)], timeout=300)
    return outcome(done)


def patches(folder):
    manifest = Manifest.read(folder)
    for split in SPLITS:
        for path in manifest.shards(folder, split):
            for record in read(path):
                yield (
                    split,
                    Patch.decode(record, manifest.patch_shape, len(manifest.bands), manifest.data_type, "uint8"),
                )


@pytest.mark.parametrize(
    ("case", "touched", "offset"), [("sound", False, (0, 0)), ("touched", True, (0, 0)), ("shifted", False, (2, -3))]
)
def test_pixels_are_those_of_rasterio(outcomes, scene, case, touched, offset):
    assert "error" not in outcomes[case], outcomes[case]
    expected = np.pad(burned(features()[1], touched), 20, constant_values=UNLABELLED)
    count = 0
    for _, patch in patches(scene / case):
        top, left = patch.row + 20 + offset[0], patch.column + 20 + offset[1]
        wanted = np.where(patch.valid, expected[top : top + 8, left : left + 8], UNLABELLED)
        kept = patch.label != UNLABELLED
        np.testing.assert_array_equal(patch.label[kept], wanted[kept])
        count += int(kept.sum())
    assert count > 300


def test_a_large_file_as_a_table_gives_the_same_examples(outcomes, scene):
    assert "error" not in outcomes["large"], outcomes["large"]
    labels = json.loads(outcomes["large"]["data"])["labels"]
    assert labels["features"] is None and labels["table"].endswith(labels["content"][:32])
    assert outcomes["large"]["told"][0].startswith("uploading 174 labels of labels.geojson")
    for name in ("manifest.json", "features.json"):
        one, other = (json.loads((scene / case / name).read_text()) for case in ("sound", "large"))
        for key in ("splits", "split_areas") if name == "manifest.json" else ("all_touched",):
            assert one[key] == other[key]
    shards = sorted((scene / "sound").glob("*.tfrecord*"))
    assert len(shards) == 6
    for path in shards:
        assert path.read_bytes() == (scene / "large" / path.name).read_bytes()


def test_only_pixels_of_other_splits_features_lose_their_label(outcomes, scene):
    records = FeatureRecords.read(scene / "sound")
    expected = burned(features()[1])
    for split, patch in patches(scene / "sound"):
        window = np.s_[patch.row : patch.row + 8, patch.column : patch.column + 8]
        others = [each.shape for each in records.features if each.split != split]
        theirs = rasterize(others, SHAPE, transform=Affine.identity(), all_touched=True)[window].astype(bool)
        wanted = np.where(patch.valid & ~theirs, expected[window], UNLABELLED)
        np.testing.assert_array_equal(patch.label, wanted)


def test_features_are_counted_by_class_and_split_and_none_is_in_two(outcomes):
    statistics = outcomes["sound"]["statistics"]
    assert statistics["anomalies"] == []
    counted = statistics["features"]
    assert set(counted) == set(SPLITS)
    for split in SPLITS:
        assert counted[split]["land"]["points"] > 0 and counted[split]["water"]["points"] > 0
    total = sum(sum(each.values()) for of_split in counted.values() for each in of_split.values())
    assert 100 < total <= 174
    assert any("features have no labelled pixel in any patch" in text for text in statistics["warnings"])


def test_features_within_a_distance_are_in_one_split(outcomes, scene):
    assert outcomes["grouped"]["statistics"]["anomalies"] == []
    records = FeatureRecords.read(scene / "grouped").features
    shapes = [each.shape for each in records]
    # 100 m are 3.33 pixels of 30 m.
    one, two = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=3.3)
    assert len(one) > len(shapes)
    assert all(records[a].split == records[b].split for a, b in zip(one, two, strict=True))


def test_patches_are_laid_over_labels(outcomes, scene):
    for _, patch in patches(scene / "sound"):
        assert (patch.label != UNLABELLED).any()
