import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

from earthline_sandbox.earthengine.catalogue import names
from earthline_sandbox.earthengine.catalogue.assets import Assets
from earthline_sandbox.earthengine.catalogue.ingest import Ingestion
from earthline_sandbox.errors import ApiError


def write_raster(path, values, nodata=None, crs="EPSG:32119", **options):
    profile = {
        "driver": "GTiff",
        "height": values.shape[-2],
        "width": values.shape[-1],
        "count": 1 if values.ndim == 2 else values.shape[0],
        "dtype": values.dtype.name,
        "crs": crs,
        "transform": Affine(30, 0, 600000, 0, -30, 200000),
        "nodata": nodata,
    }
    with rasterio.open(path, "w", **(profile | options)) as sink:
        sink.write(values, 1) if values.ndim == 2 else sink.write(values)
    return path


def test_folders_and_collections_are_made_listed_changed_and_deleted(ee, folder):
    collection = f"{folder}/collection"
    ee.data.createAsset({"type": "ImageCollection"}, collection, {"theme": "water", "level": 2})
    shown = ee.data.getAsset(collection)
    assert (shown["type"], shown["id"]) == ("IMAGE_COLLECTION", collection)
    assert shown["properties"] == {"theme": "water", "level": 2}
    assert [item["name"] for item in ee.data.listAssets(folder)["assets"]] == [collection]
    ee.data.updateAsset(
        collection,
        {"properties": {"level": 3, "theme": None}, "start_time": "2020-01-02T03:04:05Z"},
        ["properties.level", "properties.theme", "start_time"],
    )
    shown = ee.data.getAsset(collection)
    assert shown["properties"] == {"level": 3} and shown["startTime"].startswith("2020-01-02T03:04:05")
    with pytest.raises(ee.EEException, match="has 1 children"):
        ee.data.deleteAsset(folder)
    ee.data.deleteAsset(collection)
    assert ee.data.listAssets(folder)["assets"] == []


def test_replacing_all_properties(ee, folder):
    ee.data.updateAsset(folder, {"properties": {"a": 1, "b": [1, 2]}}, ["properties"])
    ee.data.updateAsset(folder, {"properties": {"c": "x"}}, ["properties"])
    assert ee.data.getAsset(folder)["properties"] == {"c": "x"}


def test_an_image_is_copied_and_moved_with_its_pixels(ee, landsat, folder):
    ee.data.copyAsset(landsat, f"{folder}/first")
    ee.data.renameAsset(f"{folder}/first", f"{folder}/second")
    with pytest.raises(ee.EEException, match="does not exist"):
        ee.data.getAsset(f"{folder}/first")
    request = {"fileFormat": "NUMPY_NDARRAY", "bandIds": ["B2"]}
    copied = ee.data.getPixels({"assetId": f"{folder}/second", **request})
    assert (copied == ee.data.getPixels({"assetId": landsat, **request})).all()
    assert ee.data.getAsset(f"{folder}/second")["properties"] == ee.data.getAsset(landsat)["properties"]


def test_lists_are_filtered_and_paged(ee, folder):
    for number in range(5):
        ee.data.createAsset(
            {"type": "FOLDER", "properties": {"n": number, "kind": "ab"[number % 2]}}, f"{folder}/f{number}"
        )
    query = {"parent": folder, "filter": 'properties.n >= 1 AND properties.n<4 AND properties.kind="b"'}
    assert [item["properties"]["n"] for item in ee.data.listAssets(query)["assets"]] == [1, 3]
    page = ee.data.listAssets({"parent": folder, "pageSize": 2, "view": "BASIC"})
    assert [set(item) for item in page["assets"]] == [{"type", "name", "id"}] * 2
    rest = ee.data.listAssets({"parent": folder, "pageSize": 9, "pageToken": page["nextPageToken"]})
    assert len(rest["assets"]) == 3 and "nextPageToken" not in rest
    with pytest.raises(ee.EEException, match="Invalid filter at character"):
        ee.data.listAssets({"parent": folder, "filter": "properties.n >="})


def test_images_are_listed_by_time_and_place(ee, landsat):
    parent = landsat.rsplit("/", 1)[0]
    inside, outside = '{"type":"Point","coordinates":[-78.7,35.75]}', "POINT (0 0)"
    query = {"parent": parent, "startTime": "2000-01-01T00:00:00Z", "region": inside}
    assert [item["id"] for item in ee.data.listImages(query)["images"]] == [landsat]
    assert ee.data.listImages({"parent": parent, "region": outside})["images"] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("projects/sandbox/assets/missing/child", "'projects/sandbox/assets/missing' does not exist"),
        ("projects/sandbox/assets/bad name", "Invalid asset id"),
        ("projects/sandbox/assets/../../../escape", "Invalid asset id"),
        ("projects/sandbox/assets/@files", "Invalid asset id"),
        ("projects/sandbox/assets/a//b", "a part of the path is empty"),
    ],
)
def test_names_that_cannot_be_are_refused(ee, name, message):
    with pytest.raises(ee.EEException, match=message):
        ee.data.createAsset({"type": "FOLDER"}, name)


def test_what_exists_is_not_overwritten(ee, folder):
    with pytest.raises(ee.EEException) as caught:
        ee.data.createFolder(folder)
    assert str(caught.value) == f"Cannot overwrite asset '{folder}'."


def test_properties_are_numbers_texts_or_lists_of_them(ee, folder):
    with pytest.raises(ee.EEException, match="Property 'p' of an asset must be"):
        ee.data.updateAsset(folder, {"properties": {"p": {"nested": 1}}}, ["properties.p"])


def test_policies_and_quota(ee, folder):
    ee.data.setIamPolicy(folder, {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]})
    assert ee.data.getIamPolicy(folder)["bindings"][0]["members"] == ["allUsers"]
    assert ee.data.getAssetRootQuota("projects/sandbox/assets")["asset_count"]["usage"] >= 1


def test_a_users_own_file_becomes_an_asset(ee, call_admin, folder, tmp_path):
    values = np.random.default_rng(3).integers(-500, 500, (2, 37, 53)).astype("int16")
    path = write_raster(tmp_path / "mine.tif", values, nodata=-77)
    shown = call_admin(
        "earthengine/add", {"asset": f"{folder}/deep/mine", "files": [str(path)], "properties": {"y": 1}}
    )
    assert shown["name"] == f"{folder}/deep/mine" and shown["properties"] == {"y": 1}
    table = ee.data.getPixels({"assetId": f"{folder}/deep/mine", "fileFormat": "NUMPY_NDARRAY"})
    assert (table["b1"] == np.where(values[0] == -77, 0, values[0])).all()
    assert (table["b2"] == np.where(values[1] == -77, 0, values[1])).all()


SEGMENTS = st.text("abAB01_-.@/\\ %ä\0", min_size=1, max_size=12)


@settings(deadline=None)
@given(st.lists(SEGMENTS, min_size=1, max_size=4))
def test_no_name_leads_out_of_the_catalogue(parts):
    try:
        name = names.name_of("/".join(parts))
    except ApiError:
        return
    assert name.startswith("projects/") and names.name_of(name) == name and names.name_of(names.id_of(name)) == name
    assert all(part not in ("", ".", "..") and not part.startswith("@") for part in name.split("/"))


@pytest.fixture
def assets(tmp_path):
    return Assets(tmp_path / "assets")


def test_a_killed_ingestion_leaves_the_old_asset_and_nothing_else(assets, tmp_path):
    path = write_raster(tmp_path / "a.tif", np.ones((4, 4), "uint8"))
    ingestion = Ingestion(assets, tmp_path)
    ingestion.files("projects/p1/assets/x", [path])
    before = assets.get("projects/p1/assets/x")
    torn = assets.staging("projects/p1/assets/x")
    (torn / "1.tif").write_bytes(b"half")
    again = Assets(assets.root)
    again.sweep()
    assert again.get("projects/p1/assets/x") == before and not torn.exists()
    assert before.bands[0].path.is_file()


def test_overwriting_removes_the_old_files(assets, tmp_path):
    ingestion = Ingestion(assets, tmp_path)
    for value in (1, 2):
        path = write_raster(tmp_path / f"{value}.tif", np.full((4, 4), value, "uint8"))
        ingestion.files("projects/p1/assets/x", [path])
    (band,) = assets.get("projects/p1/assets/x").bands
    with rasterio.open(band.path) as source:
        assert (source.read(1) == 2).all()
    assert len(list(band.path.parent.parent.iterdir())) == 1


def test_changes_at_the_same_time_lose_nothing(assets):
    assets.put("projects/p1/assets/x", "FOLDER")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: assets.put(f"projects/p1/assets/x/f{number}", "FOLDER"), range(40)))
    assert len(Assets(assets.root).children("projects/p1/assets/x")) == 40


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: (folder / "text.tif").write_text("no raster") and folder / "text.tif", "no raster of a known"),
        (
            lambda folder: write_raster(folder / "bare.tif", np.ones((2, 2), "uint8"), crs=None),
            "no coordinate reference",
        ),
        (lambda folder: write_raster(folder / "c.tif", np.ones((2, 2), "complex64")), "unsupported type complex64"),
    ],
)
def test_files_that_cannot_be_images_are_refused_by_name(assets, tmp_path, make, message):
    with pytest.raises(ApiError, match=message):
        Ingestion(assets, tmp_path).files("projects/p1/assets/x", [make(tmp_path)])
    assert assets.find("projects/p1/assets/x") is None


def test_a_virtual_raster_cannot_read_other_files(assets, tmp_path):
    source = write_raster(tmp_path / "secret.tif", np.ones((2, 2), "uint8"))
    vrt = tmp_path / "trick.tif"
    vrt.write_text(
        f'<VRTDataset rasterXSize="2" rasterYSize="2"><SRS>EPSG:4326</SRS><VRTRasterBand dataType="Byte" band="1">'
        f"<SimpleSource><SourceFilename>{source}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(ApiError, match="known format"):
        Ingestion(assets, tmp_path).files("projects/p1/assets/x", [vrt])


def test_metadata_on_disk_is_plain_json(assets, tmp_path):
    path = write_raster(tmp_path / "a.tif", np.ones((4, 4), "float32"), nodata=float("nan"))
    Ingestion(assets, tmp_path).files("projects/p1/assets/x", [path], properties={"k": "v"})
    data = json.loads((assets.root / "projects/p1/assets/x/@asset.json").read_text())
    assert data["properties"] == {"k": "v"}
    assert np.isnan(Assets(assets.root).get("projects/p1/assets/x").bands[0].nodata)
