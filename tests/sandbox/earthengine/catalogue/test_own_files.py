"""`sandbox add`: a user's own rasters, whatever their grid, and what it may replace."""

import json

import numpy as np
import pytest
import rasterio
from PIL import Image as Picture
from rasterio import Affine

NORTH_UP = Affine(10, 0, 600_000, 0, -10, 5_000_000)


def save(path, values, transform=NORTH_UP, crs="EPSG:32632", colors=None):
    """Writes bands of shape `(count, height, width)`."""
    count, height, width = values.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": values.dtype, "crs": crs}
    with rasterio.open(path, "w", **profile, transform=transform) as sink:
        sink.write(values)
        if colors:
            sink.write_colormap(1, colors)
    return str(path)


def classes(side=600):
    """Blocks of 3 by 3 pixels, each of class 1 or 3: every pixel at twice the scale has both, in some block."""
    rows, columns = np.ogrid[:side, :side]
    return (1 + 2 * ((rows // 3 + columns // 3) % 2)).astype("uint8")[None]


def test_the_pyramid_is_the_users_choice_and_said(ee, sandbox, folder, tmp_path):
    path = save(tmp_path / "labels.tif", np.concatenate([classes(), classes()]))
    shown = sandbox.command("add", f"{folder}/mean", path, "--bands", "landcover,other").stdout
    assert "pyramid MEAN" in shown
    assert "Note: landcover may hold class ids (it has 2 different values)" in shown
    assert "--pyramiding landcover=MODE" in shown
    shown = sandbox.command(
        "add", f"{folder}/mode", path, "--bands", "landcover,other", "--pyramiding", "landcover=mode"
    ).stdout
    assert "landcover may hold" not in shown
    assert "other may hold" in shown
    found = {}
    for name in ("mean", "mode"):
        image = ee.Image(f"{folder}/{name}").select("landcover")
        found[name] = image.reduceRegion(ee.Reducer.frequencyHistogram(), image.geometry(), 20).getInfo()["landcover"]
    assert "2" in found["mean"]
    assert set(found["mode"]) == {"1", "3"}
    bands = ee.data.getAsset(f"{folder}/mode")["bands"]
    assert [band["pyramidingPolicy"] for band in bands] == ["MODE", "MEAN"]
    # A policy for all bands, and a colour table as the sign of classes.
    ramp = np.arange(600 * 600).reshape(1, 600, 600)
    table = save(tmp_path / "table.tif", ramp.astype("uint8"), colors={1: (9, 9, 9)})
    assert "b1 may hold class ids (it has a colour table)" in sandbox.command("add", f"{folder}/table", table).stdout
    shown = sandbox.command("add", f"{folder}/sampled", table, "--pyramiding", "SAMPLE").stdout
    assert "may hold" not in shown
    assert "pyramid SAMPLE" in shown
    # Continuous integers, and small images without a pyramid, are nobody's business.
    many = save(tmp_path / "many.tif", ramp.astype("uint16"))
    small = save(tmp_path / "small.tif", classes(60))
    for file in (many, small):
        assert "Note" not in sandbox.command("add", f"{folder}/quiet", file, "--force").stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--pyramiding", "MOST"),
            "Unknown pyramiding policy 'MOST'; use one of MAX, MEAN, MEDIAN, MIN,",
        ),
        (("--pyramiding", "x=MODE"), "There is no band 'x' to give a pyramiding policy; the bands are b1."),
        (("--crs", "EPSG:0"), "'EPSG:0', given for 'a.tif', is no coordinate reference system."),
    ],
)
def test_options_that_cannot_be_are_named(sandbox, folder, tmp_path, options, said):
    refused = sandbox.command("add", f"{folder}/a", save(tmp_path / "a.tif", classes(9)), *options, check=False)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("crs", "name"),
    [
        ("+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs", "Sinusoidal"),
        ("+proj=laea +lat_0=10 +lon_0=20 +datum=WGS84 +units=m", "Lambert_Azimuthal_Equal_Area"),
    ],
)
def test_a_system_without_a_code(ee, sandbox, folder, tmp_path, crs, name):
    values = np.arange(30 * 20).reshape(1, 20, 30).astype("uint16")
    transform = Affine(500, 0, 1_000_000, 0, -500, 5_500_000)
    shown = sandbox.command("add", f"{folder}/a", save(tmp_path / "a.tif", values, transform, crs)).stdout
    assert f"30 x 20 pixels of 500 in {name} (no code), pyramid MEAN" in shown
    grid = ee.data.getAsset(f"{folder}/a")["bands"][0]["grid"]
    assert set(grid) == {"crsWkt", "dimensions", "affineTransform"}
    request = {"expression": ee.Image(f"{folder}/a"), "fileFormat": "NUMPY_NDARRAY", "grid": grid}
    assert ee.data.computePixels(request)["b1"].tolist() == values[0].tolist()
    # REST names codes and WKT apart: neither field takes the other's form, nor both at once.
    code = {"crsCode": "EPSG:32632"}
    for wrong in ({"crsCode": grid["crsWkt"]}, {"crsCode": crs}, {"crsWkt": "EPSG:32632"}, {**code, **grid}):
        rest = {"dimensions": grid["dimensions"], "affineTransform": grid["affineTransform"]}
        with pytest.raises(ee.EEException, match=r"could not be parsed|exclude each other"):
            ee.data.computePixels({**request, "grid": {**rest, **wrong}})


@pytest.mark.parametrize(
    ("transform", "said"),
    [
        (Affine(10, 0, 600_000, 0, 10, 4_999_400), "of 10 (rows run north) in"),
        (Affine(6, 8, 600_000, 8, -6, 5_000_000), "of 10 (rotated) in"),
        (Affine(0, 10, 600_000, 10, 0, 4_999_400), "of 10 (rotated) in"),
    ],
)
def test_grids_that_are_not_north_up(ee, sandbox, folder, tmp_path, transform, said):
    values = np.arange(60 * 40).reshape(1, 40, 60).astype("uint16")
    assert said in sandbox.command("add", f"{folder}/a", save(tmp_path / "a.tif", values, transform)).stdout
    image = ee.Image(f"{folder}/a")
    places = [(0, 0), (17, 31), (39, 59)]
    points = [
        ee.Feature(ee.Geometry.Point(transform @ (column + 0.5, row + 0.5), "EPSG:32632"), {"place": place})
        for place, (row, column) in enumerate(places)
    ]
    found = image.sampleRegions(ee.FeatureCollection(points), scale=1).sort("place").aggregate_array("b1").getInfo()
    assert found == [int(values[0][place]) for place in places]
    grid = ee.data.getAsset(f"{folder}/a")["bands"][0]["grid"]
    request = {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid}
    assert ee.data.computePixels(request)["b1"].tolist() == values[0].tolist()
    # The outline is where the pixels are.
    corners = [transform @ corner for corner in ((0, 0), (60, 0), (60, 40), (0, 40))]
    outline = ee.Geometry.Polygon([[*corners, corners[0]]], "EPSG:32632", False)
    shared = image.geometry().intersection(outline, 1).area(1).divide(outline.area(1)).getInfo()
    assert shared == pytest.approx(1, abs=1e-3)


def test_files_without_a_system_take_one_by_option(ee, sandbox, folder, tmp_path):
    path = save(tmp_path / "bare.tif", classes(12), crs=None)
    refused = sandbox.command("add", f"{folder}/a", path, check=False)
    assert refused.returncode == 1
    assert "'bare.tif' has no coordinate reference system" in refused.stderr
    assert "--crs" in refused.stderr
    sandbox.command("add", f"{folder}/a", path, "--crs", "EPSG:32632")
    assert ee.Image(f"{folder}/a").projection().crs().getInfo() == "EPSG:32632"
    # The same for the files of a folder; and a file that says nothing at all is said to lie at 0, 0.
    sandbox.command("add", f"{folder}/all", str(tmp_path), "--crs", "EPSG:32633")
    assert ee.ImageCollection(f"{folder}/all").first().projection().crs().getInfo() == "EPSG:32633"
    nowhere = tmp_path / "nowhere.png"
    Picture.fromarray(classes(12)[0]).save(nowhere)
    shown = sandbox.command("add", f"{folder}/b", str(nowhere), "--crs", "EPSG:32632").stdout
    assert "nowhere.png does not say where it lies" in shown


def test_longitudes_beyond_180_are_told(sandbox, folder, tmp_path):
    path = save(tmp_path / "a.tif", classes(9), Affine(0.1, 0, 230, 0, -0.1, 40), "EPSG:4326")
    shown = sandbox.command("add", f"{folder}/a", path).stdout
    assert "a.tif has longitudes up to 230.9. Earth Engine's run from -180 to 180" in shown


def test_an_image_is_replaced_by_force_alone_and_nothing_else_ever(ee, sandbox, folder, tmp_path):
    first, second = save(tmp_path / "a.tif", classes(9)), save(tmp_path / "b.tif", classes(12))
    sandbox.command("add", f"{folder}/a", first, "--bands", "old")
    refused = sandbox.command("add", f"{folder}/a", second, check=False)
    assert refused.returncode == 1
    assert f"Asset '{folder}/a' is there already: an image of " in refused.stderr
    assert "with the bands old. --force replaces it." in refused.stderr
    assert ee.Image(f"{folder}/a").bandNames().getInfo() == ["old"]
    shown = sandbox.command("add", f"{folder}/a", second, "--force").stdout
    assert "It replaces an image with the bands old." in shown
    assert ee.Image(f"{folder}/a").bandNames().getInfo() == ["b1"]
    # Images of a collection are replaced by force alone, too.
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    save(scenes / "one.tif", classes(9))
    sandbox.command("add", f"{folder}/scenes", str(scenes))
    save(scenes / "two.tif", classes(9))
    refused = sandbox.command("add", f"{folder}/scenes", str(scenes), check=False)
    assert "1 of the 2 images are in" in refused.stderr
    assert "'one' among them: --force replaces them." in refused.stderr
    sandbox.command("add", f"{folder}/scenes", str(scenes), "--force")
    assert ee.ImageCollection(f"{folder}/scenes").size().getInfo() == 2
    # A collection or folder is never replaced, full or empty, with force or without.
    ee.data.createFolder(f"{folder}/empty")
    for name, held in (("scenes", "an ImageCollection with 2 assets"), ("empty", "a Folder")):
        refused = sandbox.command("add", f"{folder}/{name}", first, "--force", check=False)
        assert refused.returncode == 1
        assert (
            f"Cannot overwrite asset '{folder}/{name}': it is {held}. An asset is replaced by one of its own type only"
            in refused.stderr
        )
    assert ee.ImageCollection(f"{folder}/scenes").size().getInfo() == 2


def test_ingestion_and_exports_replace_assets_of_the_same_type_alone(ee, sandbox, folder, bucket, tmp_path):
    source = f"gs://{bucket}/a.tif"
    save(sandbox.home / "storage" / bucket / "a.tif", classes(9))
    (sandbox.home / "storage" / bucket / "t.csv").write_text("longitude,latitude,v\n1,2,3\n")
    ee.data.createFolder(f"{folder}/below")
    ee.data.createAsset({"type": "IMAGE_COLLECTION"}, f"{folder}/scenes")

    def image(name):
        manifest = {"name": name, "tilesets": [{"sources": [{"uris": [source]}]}]}
        return ee.data.startIngestion(None, manifest, allow_overwrite=True)

    def table(name):
        manifest = {"name": name, "sources": [{"uris": [f"gs://{bucket}/t.csv"]}]}
        return ee.data.startTableIngestion(None, manifest, allow_overwrite=True)

    def export(name):
        task = ee.batch.Export.table.toAsset(
            ee.FeatureCollection([ee.Feature(None, {"a": 1})]), "t", name, overwrite=True
        )
        task.start()

    for name in ("below", "scenes"):
        for put in (image, table, export):
            with pytest.raises(ee.EEException, match=f"Cannot overwrite asset '{folder}/{name}': it is a"):
                put(f"{folder}/{name}")
    sandbox.command("add", f"{folder}/image", str(sandbox.home / "storage" / bucket / "a.tif"))
    for put in (table, export):
        with pytest.raises(ee.EEException, match=r"it is an Image\. An asset is replaced by one of its own type only"):
            put(f"{folder}/image")
    image(f"{folder}/image")
    # Below an ImageCollection there are images alone.
    for put in (table, export):
        with pytest.raises(ee.EEException, match="is an ImageCollection and holds images only"):
            put(f"{folder}/scenes/table")
    with pytest.raises(ee.EEException, match="holds images only"):
        ee.data.createFolder(f"{folder}/scenes/folder")
    assert ee.data.getAsset(f"{folder}/below")["type"] == "FOLDER"


def test_answers_for_programs_have_notes_and_what_was_replaced(sandbox, folder, tmp_path):
    path = save(tmp_path / "a.tif", classes())
    sandbox.command("add", f"{folder}/a", path)
    answer = json.loads(sandbox.command("add", f"{folder}/a", path, "--force", "--json").stdout)
    assert answer["replaced"] == ["b1"]
    assert [note.split()[0] for note in answer["notes"]] == ["b1"]
