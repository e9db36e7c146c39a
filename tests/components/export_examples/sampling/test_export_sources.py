"""Several sources in one export: other grids, steps in time and derived bands, to the pixel, however they arrive."""

import json
import sys

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from components.export_examples.fetching.requests import expected as expected_requests
from earthline.config import Data, Export
from earthline.formats.examples import Patch
from earthline.formats.manifest import SPLITS, Manifest
from earthline.formats.shards import read

from ...outcomes import outcome as told
from ...scene import CRS, TRANSFORM, save

SHAPE = (96, 130)
FOLDER = "projects/sandbox/assets/export_sources"
DAYS = ("2021-01-10", "2021-02-10", "2021-02-20")
STEP = """
import json, sys
import ee
from kfp import dsl
from apache_beam.options.pipeline_options import PipelineOptions
from components.detect_changes.sources import read_bands, read_sources
from components.export_examples import runners
from components.export_examples.fetching import merging, requests
from components.export_examples.run import run
from earthline.config import Data
asked = []
compute = ee.data.computePixels
def counted(params):
    answer = compute(params)
    # Labels are read as well, and have one band.
    if b"earthline_valid" in answer[:4096]:
        asked.append(len(answer))
    return answer
ee.data.computePixels = counted
held = merging.MOST_HELD
outcomes = {}
for name, case in json.load(open(sys.argv[1])).items():
    del asked[:]
    if case["workers"] > 1:
        several = ["--direct_num_workers", str(case["workers"]), "--direct_running_mode", "multi_threading"]
        runners.options = lambda *_: PipelineOptions(several)
        requests.parts = lambda windows, export: 2 * case["workers"]
    merging.MOST_HELD = held if case["merged"] else 0
    examples = dsl.Dataset(uri=case["folder"], metadata={})
    run(data=case["data"], export=case["export"], project="sandbox", temp_location="", examples=examples)
    data = Data.model_validate_json(case["data"])
    outcomes[name] = {
        "requests": examples.metadata["requests"],
        "asked": asked[:],
        "sources": [source.model_dump() for source in read_sources(data)],
        "statistics": sorted(read_bands(data)),
    }
print("OUTCOME" + json.dumps(outcomes))
"""
EXPORT = Export.model_validate(
    {
        "patch_shape": [8, 8],
        "block_shape": [24, 24],
        "examples": {"train": 20, "validation": 6, "test": 6},
        "shards": 1,
        "seed": 5,
    }
)


def scenes():
    """Three images (images, bands, rows, columns) of whole numbers below 255, and labels."""
    random = np.random.default_rng(2)
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    labels = np.where((rows // 8 + columns // 8) % 4 == 0, 2, 1)
    return random.integers(1, 250, (3, 2, *SHAPE)).astype(np.uint8), labels.astype(np.uint8)


def points():
    """Labels at a hundred places: pixels (rows, columns), and the class of each."""
    random = np.random.default_rng(4)
    rows, columns = (random.integers(12, side - 12, 100) for side in SHAPE)
    return np.column_stack([rows, columns]), np.where((rows // 8 + columns // 8) % 2, "water", "land")


POINTS = {"file": "points.csv", "field": "kind", "longitude": "x", "latitude": "y", "crs": CRS}


def section(imagery, folder=None, **labels):
    a, _, west, _, e, north = TRANSFORM
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    left, bottom = to_degrees.transform(west + 10 * a, north + (SHAPE[0] - 10) * e)
    right, top = to_degrees.transform(west + (SHAPE[1] - 10) * a, north + 10 * e)
    values = ("land", "water") if labels else (1, 2)
    return Data.model_validate(
        {
            "imagery": {"data_type": "auto", **imagery},
            "labels": {
                **(labels or {"image": f"{FOLDER}/labels", "band": "b1"}),
                "classes": [
                    {"name": "land", "color": "#1b7837", "values": [values[0]]},
                    {"name": "water", "color": "#2b8cbe", "values": [values[1]]},
                ],
            },
            "region": {"west": left, "south": bottom, "east": right, "north": top},
            "crs": CRS,
            "scale": 30,
        },
        context={"folder": folder},
    )


SERIES = {
    "collection": f"{FOLDER}/series",
    "bands": ["b1", {"band": "b2", "as": "0_b2"}],
    "start": "2021-01-01",
    "end": "2021-03-01",
    "time": "month",
    "composite": "max",
}
STACK = {
    "sources": [
        SERIES,
        {"image": f"{FOLDER}/east", "bands": ["east"], "prefix": "dem-", "resample": "bilinear"},
    ],
    "derived": {"difference": "b1 - b('0_b2')", "far": "b('dem-east') * 1000"},
}
CASES = {"stack": section(STACK), "whole numbers": section(SERIES)}


@pytest.fixture(scope="module")
def exported(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    images, labels = scenes()
    sandbox.command("add", f"{FOLDER}/labels", save(folder / "labels.tif", labels[None], nodata=0))
    begin = ["import ee", 'ee.Initialize(project="sandbox")']
    sandbox.python("\n".join([*begin, f"ee.data.createAsset({{'type': 'IMAGE_COLLECTION'}}, '{FOLDER}/series')"]))
    for number, day in enumerate(DAYS):
        asset = f"{FOLDER}/series/scene_{number}"
        sandbox.command("add", asset, save(folder / f"scene_{number}.tif", images[number], nodata=255))
        begin.append(f"ee.data.updateAsset('{asset}', {{'startTime': '{day}T00:00:00Z'}}, ['start_time'])")
    sandbox.python("\n".join(begin))
    step = 0.001
    east = (-79.0 + step * (np.arange(600)[None, :] + 0.5) + np.zeros((400, 1))).astype("float64")
    with rasterio.open(
        folder / "east.tif",
        "w",
        driver="GTiff",
        count=1,
        height=400,
        width=600,
        dtype="float64",
        crs="EPSG:4326",
        transform=Affine(step, 0, -79.0, 0, -step, 35.9),
    ) as file:
        file.write(east[None])
    properties = ("--property", "provider=Somebody", "--property", "license=CC0")
    sandbox.command("add", f"{FOLDER}/east", str(folder / "east.tif"), "--bands", "east", *properties)
    places, kinds = points()
    xy = (Affine(*TRANSFORM) @ (column + 0.5, row + 0.5) for row, column in places.tolist())
    rows = [f"{x},{y},{kind}\n" for (x, y), kind in zip(xy, kinds, strict=True)]
    (folder / "points.csv").write_text("x,y,kind\n" + "".join(rows))
    featured = section(STACK, folder, **POINTS)
    cases = {
        name: {
            "data": data.model_dump_json(),
            "export": EXPORT.model_copy(update=export).model_dump_json(),
            "folder": str(folder / name),
            "workers": workers,
            "merged": merged,
        }
        for name, data, export, workers, merged in (
            *((name, data, {}, 1, True) for name, data in CASES.items()),
            *((f"{name}, one by one", data, {}, 1, False) for name, data in CASES.items()),
            ("features", featured, {"concurrency": 1, "shards": 2}, 1, True),
            ("features by three", featured, {"concurrency": 7, "shards": 2}, 3, False),
        )
    }
    (folder / "cases.json").write_text(json.dumps(cases))
    done = sandbox.run([sys.executable, "-c", STEP, str(folder / "cases.json")], timeout=400)
    return folder, told(done)


def patches(exported, name):
    manifest = Manifest.read(exported[0] / name)
    for split in SPLITS:
        for path in manifest.shards(exported[0] / name, split):
            for record in read(path):
                yield Patch.decode(record, manifest.patch_shape, len(manifest.bands), manifest.data_type, "uint8")


def expected(manifest):
    """The stack over the manifest's grid: (bands, rows, columns)."""
    images, _ = scenes()
    _, _, west, _, _, north = manifest.grid["transform"]
    row, column = round((TRANSFORM[5] - north) / 30), round((west - TRANSFORM[2]) / 30)
    height, width = manifest.grid["shape"]
    images = images[:, :, row : row + height, column : column + width].astype(float)
    months = [images[0], images[1:].max(axis=0)]
    rows, columns = np.mgrid[0:height, 0:width]
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    east, _ = to_degrees.transform(west + 30 * (columns + 0.5), north - 30 * (rows + 0.5))
    return np.stack([*np.concatenate(months), east, *(month[0] - month[1] for month in months), 1000 * east])


def test_every_pixel_of_the_stack_is_its_sources(exported):
    manifest = Manifest.read(exported[0] / "stack")
    names = ("b1_t00", "0_b2_t00", "b1_t01", "0_b2_t01", "dem-east", "difference_t00", "difference_t01", "far")
    assert manifest.bands == names and manifest.data_type == "float32"
    whole, count = expected(manifest), 0
    for patch in patches(exported, "stack"):
        window = slice(patch.row, patch.row + 8), slice(patch.column, patch.column + 8)
        np.testing.assert_allclose(patch.image, whole[:, *window].transpose(1, 2, 0), rtol=1e-6)
        assert patch.valid.all()
        count += 1
    assert count == 32


def same_files(alone, three):
    names = sorted(path.name for path in alone.iterdir())
    assert names == sorted(path.name for path in three.iterdir())
    for name in names:
        assert (alone / name).read_bytes() == (three / name).read_bytes(), name
    return names


@pytest.mark.parametrize("name", list(CASES))
def test_bytes_do_not_depend_on_what_comes_by_one_request(exported, name):
    same_files(exported[0] / name, exported[0] / f"{name}, one by one")
    merged, alone = (exported[1][each] for each in (name, f"{name}, one by one"))
    assert alone["requests"] == len(alone["asked"]) == 32
    assert merged["requests"] == len(merged["asked"]) < 8


@pytest.mark.parametrize("name", list(CASES))
def test_requests_and_bytes_are_known_beforehand(exported, name):
    data = CASES[name]
    known = Manifest.read(exported[0] / name).data_type
    data = data.model_copy(update={"imagery": data.imagery.model_copy(update={"data_type": known})})
    corners = np.array([(patch.row, patch.column) for patch in patches(exported, name)])
    foreseen, asked = expected_requests(corners, data, EXPORT), exported[1][name]["asked"]
    assert (foreseen.requests, foreseen.bytes) == (len(asked), sum(asked))


def test_bytes_do_not_depend_on_the_number_of_workers(exported):
    names = same_files(*(exported[0] / name for name in ("features", "features by three")))
    assert len([name for name in names if "tfrecord" in name]) == 6 and "features.json" in names
    manifest = Manifest.read(exported[0] / "features")
    examples = sum(each.examples for each in manifest.splits.values())
    assert len(manifest.bands) == 8 and exported[1]["features by three"]["requests"] == examples


def test_every_pixel_of_features_is_their_class(exported):
    manifest = Manifest.read(exported[0] / "features")
    _, _, west, _, _, north = manifest.grid["transform"]
    first = np.array([round((TRANSFORM[5] - north) / 30), round((west - TRANSFORM[2]) / 30)])
    places, kinds = points()
    meant = {tuple(place): kind for place, kind in zip((places - first).tolist(), kinds.tolist(), strict=True)}
    whole, labelled = expected(manifest), 0
    for patch in patches(exported, "features"):
        window = slice(patch.row, patch.row + 8), slice(patch.column, patch.column + 8)
        np.testing.assert_allclose(patch.image, whole[:, *window].transpose(1, 2, 0), rtol=1e-6)
        for row, column in np.argwhere(patch.label != 255).tolist():
            kind = meant[patch.row + row, patch.column + column]
            assert ("land", "water")[patch.label[row, column]] == kind
            labelled += 1
    assert labelled > 30


def test_the_smallest_type_that_holds_every_value_is_taken(exported):
    manifest = Manifest.read(exported[0] / "whole numbers")
    assert manifest.data_type == "uint8"
    whole = expected(manifest)[:4]
    for patch in patches(exported, "whole numbers"):
        window = slice(patch.row, patch.row + 8), slice(patch.column, patch.column + 8)
        np.testing.assert_array_equal(patch.image, whole[:, *window].transpose(1, 2, 0))


def test_the_manifest_tells_steps_and_every_source(exported):
    manifest = Manifest.read(exported[0] / "stack")
    steps = (("2021-01-01T00:00:00", "2021-02-01T00:00:00"), ("2021-02-01T00:00:00", "2021-03-01T00:00:00"))
    assert [(series.bands, series.steps) for series in manifest.series] == [
        (("b1", "0_b2"), steps),
        (("difference",), steps),
    ]
    assets = [(source.asset, source.role) for source in manifest.sources]
    assert assets == [
        (f"{FOLDER}/{name}", role)
        for name, role in zip(("series", "east", "labels"), ("imagery", "imagery", "labels"), strict=True)
    ]
    assert manifest.sources[1].attribution == "Somebody" and manifest.sources[1].license == "CC0"


def test_changes_are_looked_for_in_every_source(exported):
    found = exported[1]["stack"]
    assert [(source["asset"], source["images"], source["newest"]) for source in found["sources"]] == [
        (f"{FOLDER}/series", 3, "2021-02-20"),
        (f"{FOLDER}/east", 1, ""),
        (f"{FOLDER}/labels", 1, ""),
    ]
    assert found["statistics"] == sorted(CASES["stack"].imagery.band_names)
