"""Regions from file to map, each pixel compared: a district with a hole, across the antimeridian, a sinusoidal grid.

The steps run against a sandbox, by the real client. What they should give comes from rasterio's rasterize and PROJ.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import CRS, Transformer
from rasterio.features import rasterize
from shapely.geometry import mapping

from earthline.formats.examples import Patch
from earthline.formats.manifest import Manifest
from earthline.formats.shards import read
from earthline.task.classification.classes import UNLABELLED

from .evaluated import evaluation
from .outcomes import mounted
from .outcomes import outcome as told
from .scene import classes as mapped

pytestmark = pytest.mark.slow

NAMES = ("low", "middle", "high")
FOLDER = "projects/sandbox/assets/regions_test"
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
MODIS = 463.3127165
"""Side in metres of a pixel of MODIS at 500 m."""
STEPS = """
import json, sys
from pathlib import Path
import ee
import numpy as np
from google.cloud import aiplatform
from kfp import dsl
from components.export_examples.run import run as export
from components.predict_map.run import run as predict
from components.preview_map import run as previewing
from components.preview_map import tiles
from earthline.config import load
from earthline.earth_engine import ee_model, imagery, verification
from earthline.earth_engine.connection import connect
from earthline.formats.certainty import Certainty
from earthline.formats.served.contract import Contract
from earthline.grid import Grid
from earthline.task import task_of
from trainer.description import Description
case = json.load(open(sys.argv[1]))
connect("sandbox")
table = ee.FeatureCollection([
    ee.Feature(ee.Geometry(case["district"], proj="EPSG:4326", geodesic=False), {"name": "here", "number": 7}),
    ee.Feature(ee.Geometry.Rectangle([0, 0, 1, 1]), {"name": "far", "number": 8})])
task = ee.batch.Export.table.toAsset(table, "districts", case["folder"] + "/districts")
task.start()
while task.active():
    pass
assert task.status()["state"] == "COMPLETED", task.status()
def artifact(kind, name):
    made = kind(name=name, uri=case["root"] + "/" + name, metadata={})
    Path(made.path).parent.mkdir(parents=True, exist_ok=True)
    return made
aiplatform.init(project="sandbox", location="us-central1")
model = aiplatform.Model.upload(
    display_name="regions", serving_container_image_uri="test:1",
    serving_container_command=["python3", case["server"], "{}"],
    serving_container_ports=[8080], serving_container_predict_route="/p", serving_container_health_route="/h")
endpoint = aiplatform.Endpoint.create(display_name="regions")
endpoint.deploy(model, machine_type="n1-standard-4")
class Network:
    # Sums over 5 x 5 pixels as the served model's.
    def __call__(self, inputs, training):
        bands, valid = (np.asarray(each)[0].astype(float) for each in inputs)
        padded = np.pad((bands[..., 0] - 2 * bands[..., 1]) * valid[..., 0], 2)
        height, width = valid.shape[:2]
        total = sum(padded[r : r + height, c : c + width] for r in range(5) for c in range(5))
        return np.eye(3, dtype=np.float32)[np.digitize(total, [-800, 400])][np.newaxis]
outcome = {}
for name, path in case["configs"].items():
    said = outcome[name] = {}
    try:
        settings = load(Path(path))
        data = settings.data
        said["grid"] = imagery.grid(data).to_json()
        said["region"] = data.region.model_dump(mode="json")
        verification.verify(data, settings.predict.region)
        sections = {key: getattr(settings, key).model_dump_json() for key in ("data", "export", "predict")}
        examples = artifact(dsl.Dataset, name + "/examples")
        export(data=sections["data"], export=sections["export"], project="sandbox", temp_location="",
               examples=examples)
        said["examples"] = examples.path
        contract = Contract(bands=("b1", "b2"), task=task_of(data).record, tile_shape=(32, 40), overlap=(4, 8),
                            stride=4, max_payload_bytes=1_500_000)
        registration = artifact(dsl.Artifact, name + "/registration")
        Path(registration.path).mkdir()
        (Path(registration.path) / "ee_model.json").write_text(json.dumps({
            "asset": "projects/sandbox/assets/earthline/regions",
            "outputs": [each.model_dump() for each in contract.outputs],
            "further": [], "certainty": Certainty().model_dump(mode="json"),
            "arguments": ee_model.arguments(endpoint.resource_name, contract, Grid.from_json(said["grid"]))}))
        trained = artifact(dsl.Model, name + "/model")
        Path(trained.path).mkdir()
        Description(bands=("b1", "b2"), data_type="uint8", task=task_of(data).record, stride=4, receptive_field=5,
                    patch_shape=(8, 8), mean=(0, 0), std=(1, 1), parameters=2, model={"name": "linear"},
                    expression_hash="0").write(Path(trained.path))
        made = artifact(dsl.Artifact, name + "/map"), artifact(dsl.HTML, name + "/report.html")
        predict(name=name, data=sections["data"], project="sandbox", examples=examples,
                model=trained, evaluation=artifact(dsl.Artifact, "evaluation"),
                predict=sections["predict"], registration=registration, map=made[0], report_file=made[1])
        said["map"], said["report"] = made[0].path, made[1].path
        grid = imagery.map_grid(data, settings.predict.region)
        task = task_of(data)
        preview = np.full(grid.shape, task.no_data, task.data_type)
        for row, column, block in tiles.predict(
                Network(), data, task, grid, (24, 32), (4, 4), 4, settings.predict.region):
            preview[row : row + block.shape[0], column : column + block.shape[1]] = block
        np.save(Path(made[0].path) / "preview.npy", preview)
        previewing.MOST_PIXELS = 24
        said["part"] = previewing.chosen_part(data, grid, settings.predict.region).to_json()
    except Exception as error:
        import traceback
        said["error"] = traceback.format_exc()
endpoint.delete(force=True)
print("OUTCOME" + json.dumps(outcome))
"""


class Scene:
    """Two bands and labels on a grid, all of them valid."""

    NAMES = "b1,b2,label"

    def __init__(self, crs: str, corner: tuple[float, float], scale: float, shape: tuple[int, int]) -> None:
        self.crs, self.shape = crs, shape
        self.transform = Affine(scale, 0, corner[0], 0, -scale, corner[1])
        random = np.random.default_rng(11)
        self.bands = random.integers(0, 120, (2, *shape)).astype(np.uint8)
        self.bands[0] += (np.mgrid[0 : shape[0], 0 : shape[1]][1] % 100).astype(np.uint8)
        rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
        self.labels = ((rows // 5 + columns // 5) % 3 + 1).astype(np.uint8)

    def save(self, path: Path, columns: slice = slice(None)) -> str:
        """Writes some columns of bands and labels as a GeoTIFF without no_data; gives its path."""
        first = columns.start or 0
        part = np.stack([*self.bands, self.labels])[:, :, columns]
        profile = {
            "driver": "GTiff",
            "dtype": "uint8",
            "count": len(part),
            "height": part.shape[1],
            "width": part.shape[2],
            "crs": CRS.from_user_input(self.crs),
            "transform": self.transform @ Affine.translation(first, 0),
        }
        with rasterio.open(path, "w", **profile) as file:
            file.write(part)
        return str(path)

    def degrees(self, column: float, row: float) -> tuple[float, float]:
        """Longitude, from 0 to 360, and latitude of a place in pixels."""
        to_degrees = Transformer.from_crs(CRS.from_user_input(self.crs), "EPSG:4326", always_xy=True)
        longitude, latitude = to_degrees.transform(*(self.transform @ (column, row)))
        return longitude % 360, latitude

    def polygon(self, *rings: list[tuple[float, float]], west: float = 0) -> shapely.Polygon:
        """A polygon in degrees with corners at places given in pixels; longitudes begin at `west`."""
        placed = [[self.degrees(*corner) for corner in ring] for ring in rings]
        turned = [[((x - west) % 360 + west, y) for x, y in ring] for ring in placed]
        return shapely.Polygon(turned[0], turned[1:])

    def inside(self, geometry: shapely.Geometry) -> np.ndarray:
        """True where a pixel's centre lies in a geometry of degrees, by rasterio, its edges in thousands of pieces."""
        to_crs = Transformer.from_crs("EPSG:4326", CRS.from_user_input(self.crs), always_xy=True)
        fine = shapely.segmentize(geometry, geometry.length / 2000)
        there = shapely.transform(fine, lambda xy: np.column_stack(to_crs.transform(xy[:, 0], xy[:, 1])))
        burnt = rasterize([there], self.shape, transform=self.transform, all_touched=False, dtype="uint8")
        return burnt.astype(bool)


DISTRICT = Scene("EPSG:32119", (630_000, 228_000), 30, (90, 110))
PACIFIC = Scene("EPSG:32760", (811_600, 8_009_500), 100, (80, 120))
SAVANNA = Scene(SINUSOIDAL, (MODIS * 5000, MODIS * 2000), MODIS, (84, 100))
# No pixel's centre lies within 0.005 pixels of an edge.
OUTER = [(8.1, 5.8), (101.7, 15.4), (95.5, 83.8), (52.2, 60.9), (12.4, 80.2)]
HOLE = [(40.6, 24.3), (70.3, 29.2), (61.7, 48.8), (37.8, 44.1)]
ISLE = [(100.7, 2.5), (108.4, 4.3), (103.1, 9.7)]
LAND = shapely.MultiPolygon([DISTRICT.polygon(OUTER, HOLE, west=-180), DISTRICT.polygon(ISLE, west=-180)])
ATOLL = PACIFIC.polygon(
    [(5.6, 4.2), (112.2, 9.2), (104.3, 75.0), (9.6, 70.3)], [(50.7, 30.0), (70.7, 34.9), (60.5, 50.1)]
)
PARK = SAVANNA.polygon(
    [(6.3, 9.6), (89.0, 3.4), (95.2, 77.4), (31.1, 80.1)], [(40.7, 41.1), (60.4, 45.0), (50.1, 60.4)]
)
EXPORT = {
    "patch_shape": [8, 8],
    "block_shape": [16, 16],
    "examples": {"train": 36, "validation": 9, "test": 9},
    "shards": 1,
}


def config(name: str, imagery: dict[str, Any], labels: dict[str, Any], **data: Any) -> dict[str, Any]:
    colours = ("#111111", "#22aa22", "#3333ff")
    classes = [{"name": NAMES[place], "color": colours[place], "values": [place + 1]} for place in range(3)]
    return {
        "name": name,
        "data": {
            "imagery": {"bands": ["b1", "b2"], "data_type": "uint8", **imagery},
            "labels": {"band": "label", "classes": classes, **labels},
            **data,
        },
        "export": EXPORT,
        "train": {"model": {"depth": 1}},
        "serving": {"tile_shape": [32, 40], "overlap": [4, 8], "seams": "allowed"},
        "predict": {"tile_shape": [32, 40]},
    }


def write_vector(path: Path, geometry: shapely.Geometry, crs: str = "EPSG:4326") -> None:
    """A GeoPackage with the geometry among others, in any CRS."""
    import pyogrio

    to_crs = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    there = shapely.transform(geometry, lambda xy: np.column_stack(to_crs.transform(xy[:, 0], xy[:, 1])))
    shapes = [there, shapely.box(0, 0, 1, 1)]
    pyogrio.raw.write(
        path,
        shapely.to_wkb(np.array(shapes, object)),
        [np.array(["here", "elsewhere"], object)],
        ["name"],
        geometry_type="Unknown",
        crs=crs,
        layer="districts",
        driver="GPKG",
    )


@pytest.fixture(scope="module")
def outcome(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("regions")
    for name, scene in (("district", DISTRICT), ("savanna", SAVANNA)):
        sandbox.command("add", f"{FOLDER}/{name}", scene.save(folder / f"{name}.tif"), "--bands", scene.NAMES)
    sides = folder / "pacific"
    sides.mkdir()
    # Two images that meet at the antimeridian.
    PACIFIC.save(sides / "west_2021-05-01.tif", slice(0, 60))
    PACIFIC.save(sides / "east_2021-05-01.tif", slice(60, 120))
    sandbox.command("add", f"{FOLDER}/pacific", str(sides), "--bands", PACIFIC.NAMES)
    write_vector(folder / "land.gpkg", LAND)
    cut = shapely.MultiPolygon(
        [
            *shapely.get_parts(ATOLL.intersection(shapely.box(0, -90, 180, 90))),
            *shapely.get_parts(
                shapely.transform(ATOLL.intersection(shapely.box(180, -90, 360, 90)), lambda xy: xy - [360, 0])
            ),
        ]
    )
    (folder / "atoll.geojson").write_text(json.dumps(mapping(cut)))
    (folder / "park.geojson").write_text(json.dumps(mapping(PARK)))
    image, savanna, park = {"image": f"{FOLDER}/district"}, {"image": f"{FOLDER}/savanna"}, {"file": "park.geojson"}
    over = {"collection": f"{FOLDER}/pacific", "start": "2021-01-01", "end": "2022-01-01", "composite": "mosaic"}
    west, south, east, north = ATOLL.bounds
    around = {"west": west, "south": south, "east": east - 360, "north": north}
    configs = {
        "district": config(
            "district",
            image,
            {**image, "offset": [1, -2]},
            region={"file": "land.gpkg", "where": {"name": "here"}},
            align_to="district.tif",
        ),
        "table": config(
            "table",
            image,
            image,
            region={"table": f"{FOLDER}/districts", "where": {"name": "here", "number": 7}},
            align_to=f"{FOLDER}/district",
        ),
        "pacific": {
            **config("pacific", over, {"collection": f"{FOLDER}/pacific"}, region=around, scale=100),
            "predict": {"tile_shape": [32, 40], "region": {"file": "atoll.geojson"}},
        },
        "sinusoidal": config("sinusoidal", savanna, savanna, region=park),
        "modis": config("modis", savanna, savanna, region=park, crs="SR-ORG:6974", scale=MODIS),
    }
    paths = {}
    for name, content in configs.items():
        paths[name] = str(folder / f"{name}.yaml")
        Path(paths[name]).write_text(json.dumps(content))
    root = sandbox.home / "storage" / "earthline-sandbox" / "regions"
    (root / "evaluation").mkdir(parents=True)
    evaluation(NAMES, 6, 0.9).write(root / "evaluation")
    case = {
        "root": "gs://earthline-sandbox/regions",
        "server": str(Path(__file__).with_name("model_server.py")),
        "folder": FOLDER,
        "names": NAMES,
        "district": mapping(LAND),
        "configs": paths,
    }
    (folder / "case.json").write_text(json.dumps(case))
    done = sandbox.run([sys.executable, "-c", STEPS, str(folder / "case.json")], timeout=500, **mounted(sandbox))
    found: dict[str, Any] = told(done)
    for name, said in found.items():
        assert "error" not in said, f"{name}: {said['error']}"
    return found


CASES = {
    "district": (DISTRICT, LAND),
    "table": (DISTRICT, LAND),
    "pacific": (PACIFIC, ATOLL),
    "sinusoidal": (SAVANNA, PARK),
    "modis": (SAVANNA, PARK),
}


def window(scene: Scene, transform: Affine, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Where a part of a scene lies, in whole pixels."""
    column, row = ~scene.transform @ (transform.c, transform.f)
    assert abs(column - round(column)) < 1e-6 and abs(row - round(row)) < 1e-6
    assert round(row) >= 0 and round(column) >= 0
    return slice(round(row), round(row) + shape[0]), slice(round(column), round(column) + shape[1])


@pytest.mark.parametrize("name", CASES)
def test_the_map_ends_where_the_outline_does_to_the_pixel(outcome: dict[str, Any], name: str) -> None:
    scene, land = CASES[name]
    with rasterio.open(Path(outcome[name]["map"]) / "map.tif") as file:
        found, transform = file.read(1), file.transform
        assert file.crs.to_wkt() and file.nodata == UNLABELLED
    here = window(scene, transform, found.shape)
    inside = scene.inside(land)
    expected = np.where(inside, mapped(scene.bands), UNLABELLED)
    np.testing.assert_array_equal(found, expected[here])
    assert (found != UNLABELLED).sum() == inside.sum(), "all of the outline lies on the map"
    np.testing.assert_array_equal(np.load(Path(outcome[name]["map"]) / "preview.npy"), found)


@pytest.mark.parametrize("name", CASES)
def test_patches_are_centred_inside_and_nothing_outside_has_a_label(outcome: dict[str, Any], name: str) -> None:
    scene, land = CASES[name]
    folder = Path(outcome[name]["examples"])
    manifest = Manifest.read(folder)
    inside = scene.inside(land) if name != "pacific" else np.ones(scene.shape, bool)
    grid = manifest.grid
    here = window(scene, Affine(*grid["transform"]), tuple(grid["shape"]))
    rows, columns = (1, -2) if name == "district" else (0, 0)
    labels = np.roll(scene.labels.astype(int) - 1, (-rows, -columns), (0, 1))
    expected = np.where(inside, labels, UNLABELLED)[here]
    centred, seen, over_edge = inside[here], 0, 0
    for split in manifest.splits:
        for shard in manifest.shards(folder, split):
            for example in read(shard):
                patch = Patch.decode(example, (8, 8), 2, "uint8", "uint8")
                row, column = patch.row, patch.column
                part = np.s_[row : row + 8, column : column + 8]
                if row < 0 or column < 0 or expected[part].shape != (8, 8):
                    continue
                np.testing.assert_array_equal(patch.label, expected[part])
                np.testing.assert_array_equal(patch.image, np.moveaxis(scene.bands[:, here[0], here[1]], 0, -1)[part])
                assert patch.valid.all() and centred[row + 4, column + 4]
                seen += 1
                over_edge += bool((patch.label == UNLABELLED).any())
    assert seen > 30
    assert name == "pacific" or over_edge, "some patches reach over the outline"


def test_areas_are_of_the_ground_inside(outcome: dict[str, Any]) -> None:
    page = Path(outcome["district"]["report"]).read_text()
    expected = np.where(DISTRICT.inside(LAND), mapped(DISTRICT.bands), UNLABELLED)
    for class_id in range(3):
        # 30 m pixels, which the projection makes larger or smaller by less than a thousandth.
        assert f"<td>{(expected == class_id).sum() * 0.09:,.0f}</td>" in page
    with rasterio.open(Path(outcome["district"]["map"]) / "map.tif") as file:
        whole = file.read(1)
    outside = whole.size - int(DISTRICT.inside(LAND).sum())
    assert f"of which {outside:,} lie outside of the region" in page


def test_a_preview_shows_a_part_inside(outcome: dict[str, Any]) -> None:
    for name, (scene, land) in CASES.items():
        part = outcome[name]["part"]
        here = window(scene, Affine(*part["transform"]), tuple(part["shape"]))
        assert scene.inside(land)[here].mean() > 0.9
