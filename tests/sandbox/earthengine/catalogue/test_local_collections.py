import json
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine


def raster(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "count": 1, "height": 4, "width": 5, "dtype": "uint8"}
    with rasterio.open(
        path, "w", crs="EPSG:32617", transform=Affine(30, 0, 600_000, 0, -30, 4_000_000), **profile
    ) as sink:
        sink.write(np.full((4, 5), value, "uint8"), 1)


def test_a_folder_becomes_a_collection_with_the_days_of_its_names(ee, sandbox, folder, tmp_path):
    raster(tmp_path / "scene 2021-06-01.tif", 3)
    raster(tmp_path / "scene_20210701.tif", 5)
    (tmp_path / "notes.txt").write_text("no raster")
    shown = sandbox.command("add", f"{folder}/scenes", str(tmp_path), "--bands", "red").stdout
    assert shown == f"{folder}/scenes  2 images\n"
    assert ee.data.getAsset(f"{folder}/scenes")["type"] == "IMAGE_COLLECTION"
    summer = ee.ImageCollection(f"{folder}/scenes").filterDate("2021-06-15", "2021-08-01")
    assert summer.aggregate_array("system:index").getInfo() == ["scene_20210701"]
    assert summer.first().bandNames().getInfo() == ["red"]


def test_a_time_may_be_written_as_text(ee, sandbox, folder, tmp_path):
    raster(tmp_path / "scene.tif", 3)
    file, time = str(tmp_path / "scene.tif"), "system:time_start"
    sandbox.command("add", f"{folder}/dated", file, "--property", f"{time}=2021-07-01T12:00:00Z")
    image = ee.Image(f"{folder}/dated")
    assert image.get(time).getInfo() == 1_625_140_800_000
    assert image.date().format("YYYY-MM-dd").getInfo() == "2021-07-01"
    refused = sandbox.command("add", f"{folder}/undated", file, "--property", f"{time}=July 2021", check=False)
    assert "'July 2021' is not a time such as" in refused.stderr


def catalogue(folder, href):
    raster(folder / "items/a/red.tif", 3)
    raster(folder / "items/a/nir.tif", 9)
    item = {
        "type": "Feature",
        "id": "a/1",
        "properties": {"datetime": "2022-03-04T05:06:07Z", "eo:cloud_cover": 12.5, "list": [1]},
        "assets": {"nir": {"href": "./nir.tif"}, "red": {"href": href}, "about": {"href": "./about.html"}},
    }
    (folder / "items/a/item.json").write_text(json.dumps(item))
    root = {"type": "Catalog", "links": [{"rel": "item", "href": "./items/a/item.json"}, {"rel": "self", "href": "x"}]}
    (folder / "catalog.json").write_text(json.dumps(root))
    return folder / "catalog.json"


def test_a_stac_catalogue_becomes_a_collection(ee, sandbox, folder, tmp_path):
    sandbox.command("add", f"{folder}/stac", str(catalogue(tmp_path, "./red.tif")))
    image = ee.ImageCollection(f"{folder}/stac").first()
    assert image.bandNames().getInfo() == ["nir", "red"]
    assert image.date().format("YYYY-MM-dd HH:mm:ss").getInfo() == "2022-03-04 05:06:07"
    assert image.get("eo:cloud_cover").getInfo() == 12.5 and image.get("system:index").getInfo() == "a_1"


@pytest.mark.parametrize("href", ["../../../outside.tif", "https://example.com/red.tif", "./missing.tif"])
def test_a_catalogue_cannot_lead_out_of_its_folder(ee, sandbox, folder, tmp_path, href):
    raster(tmp_path / "outside.tif", 1)
    refused = sandbox.command("add", f"{folder}/stac", str(catalogue(tmp_path / "inner", href)), check=False)
    assert refused.returncode == 1 and "is no file below the catalogue's folder" in refused.stderr
    assert ee.data.listAssets(folder)["assets"] == []


def test_the_seeded_scene_is_in_its_public_collection(ee, landsat):
    scene = ee.ImageCollection("LANDSAT/LE07/C02/T1").filterDate("2000-03-01", "2000-05-01").first()
    assert scene.get("system:id").getInfo() == "LANDSAT/LE07/C02/T1/LE07_016035_20000331"
    point = ee.Geometry.Point([-78.68, 35.77])
    same = scene.subtract(ee.Image(landsat)).abs().reduceRegion("max", point.buffer(300), 28.5)
    assert set(same.getInfo().values()) == {0}


def test_files_stand_for_a_public_dataset_under_its_id(ee, sandbox, tmp_path):
    raster(tmp_path / "a_20210601.tif", 4)
    shown = sandbox.command("add", "SKYSAT/GEN-A/PUBLIC", str(tmp_path), "--bands", "R").stdout
    assert shown == "projects/earthengine-public/assets/SKYSAT/GEN-A/PUBLIC  1 images\n"
    assert ee.Image("SKYSAT/GEN-A/PUBLIC/a_20210601").bandNames().getInfo() == ["R"]
    assert ee.ImageCollection("SKYSAT/GEN-A/PUBLIC").size().getInfo() == 1


def test_a_reader_that_has_enough_ends_a_command_in_silence(ee, sandbox, folder):
    reading = f"exec {sys.executable} -m earthline_sandbox limits --home '{sandbox.home}'"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", f"({reading}) | true"], capture_output=True, text=True)
    assert done.stderr == "" and done.returncode == 0
