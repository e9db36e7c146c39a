import io
import zipfile

import numpy as np
import pyproj
import pytest
import rasterio
import requests
from PIL import Image

GRID = {
    "dimensions": {"width": 489, "height": 443},
    "affineTransform": {
        "scaleX": 28.5,
        "shearX": 0,
        "translateX": 630534,
        "shearY": 0,
        "scaleY": -28.5,
        "translateY": 228114,
    },
    "crsCode": "EPSG:32119",
}
# Counted in the files of the package that the scene comes from.
VALID = {"B1": 183_418, "B7": 135_092}


def pixels(ee, image, file_format="NUMPY_NDARRAY", grid=GRID, **more):
    return ee.data.computePixels({"expression": image, "fileFormat": file_format, "grid": grid, **more})


def picture(data, kind):
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == kind
        return np.asarray(image)


def stored(sandbox, band):
    folder = sandbox.home / "earthengine" / "assets/projects/sandbox/assets/north_carolina/landsat7_2000/@files"
    (path,) = folder.glob(f"*/{band}.tif")
    with rasterio.open(path) as source:
        return source.read(1), source.read_masks(1) > 0


def test_seed_brings_the_real_scene_with_its_source_and_licence(ee, landsat):
    asset = ee.data.getAsset(landsat)
    assert [band["id"] for band in asset["bands"]] == ["B1", "B2", "B3", "B4", "B5", "B7"]
    assert asset["bands"][0]["grid"]["crsCode"] == "EPSG:32119"
    assert asset["bands"][0]["grid"]["dimensions"] == {"width": 489, "height": 443}
    assert asset["startTime"].startswith("2000-03-31")
    assert "CC BY-SA" in asset["properties"]["license"] and asset["properties"]["attribution"]
    strata = ee.data.getAsset(landsat.replace("landsat7_2000", "strata_1996"))["properties"]
    assert strata["landcover_class_values"] == [1, 2, 3, 4, 5, 6, 7]
    assert strata["landcover_class_names"][4] == "forest" and len(strata["landcover_class_palette"]) == 7


def test_pixels_are_those_of_the_file_to_the_bit(ee, landsat, sandbox):
    table = pixels(ee, ee.Image(landsat))
    assert table.shape == (443, 489)
    assert [table.dtype[name].name for name in ("B1", "B7")] == ["float32", "int16"]
    for number, name in ((1, "B1"), (6, "B7")):
        values, mask = stored(sandbox, number)
        assert mask.sum() == VALID[name]
        assert (table[name] == np.where(mask, values, 0)).all()


def test_a_geotiff_lies_exactly_on_the_grid(ee, landsat, sandbox):
    window = {**GRID, "dimensions": {"width": 100, "height": 60}}
    window["affineTransform"] = {
        **GRID["affineTransform"],
        "translateX": 630534 + 28.5 * 40,
        "translateY": 228114 - 28.5 * 30,
    }
    data = pixels(ee, ee.Image(landsat).select(["B4", "B3"]), "GEO_TIFF", window)
    values, mask = stored(sandbox, 4)
    with rasterio.MemoryFile(data) as memory, memory.open() as source:
        assert source.crs.to_epsg() == 32119 and source.descriptions == ("B4", "B3")
        assert tuple(source.transform)[:6] == (28.5, 0, 631674.0, 0, -28.5, 227259.0)
        expected = np.where(mask, values, -np.inf)[30:90, 40:140]
        assert (source.read(1) == expected).all()
        assert ((source.read_masks(1) > 0) == mask[30:90, 40:140]).all()


def test_tiles_of_a_request_make_up_the_whole(ee, landsat):
    image = ee.Image(landsat).select("B1")
    whole = pixels(ee, image)["B1"]
    for row, column in ((0, 0), (200, 250), (380, 300)):
        transform = {**GRID["affineTransform"]}
        transform["translateX"] += 28.5 * column
        transform["translateY"] -= 28.5 * row
        part = pixels(ee, image, grid={**GRID, "dimensions": {"width": 50, "height": 40}, "affineTransform": transform})
        assert (part["B1"] == whole[row : row + 40, column : column + 50]).all()


def test_get_pixels_of_an_asset(ee, landsat):
    request = {"assetId": landsat, "fileFormat": "NUMPY_NDARRAY", "bandIds": ["B3"], "grid": GRID}
    assert (ee.data.getPixels(request)["B3"] == pixels(ee, ee.Image(landsat))["B3"]).all()


def test_pictures(ee, landsat):
    image = ee.Image(landsat).select(["B4", "B3", "B2"])
    options = {"ranges": [{"min": 0, "max": 150}]}
    data = pixels(ee, image, "PNG", visualizationOptions=options)
    colors = picture(data, "PNG")
    level = np.rint(np.clip(pixels(ee, image)["B4"] / 150.0, 0, 1) * 255)
    visible = colors[..., 3] > 0
    assert visible.sum() == VALID["B1"] and (colors[..., 0] == level)[visible].all()
    data = pixels(ee, image, "JPEG", visualizationOptions=options)
    assert picture(data, "JPEG").shape == (443, 489, 3)


def test_a_palette_colours_one_band(ee, landsat):
    strata = ee.Image(landsat.replace("landsat7_2000", "strata_1996"))
    palette = ["d7191c", "ffd37f", "cdd95f", "a87000", "267300", "2c7bb6", "d9c6a5"]
    options = {"ranges": [{"min": 1, "max": 7}], "paletteColors": palette}
    data = pixels(ee, strata, "PNG", visualizationOptions=options)
    classes = pixels(ee, strata)["landcover"]
    colors = picture(data, "PNG")
    for number, color in enumerate(palette, start=1):
        assert (colors[classes == number] == [*bytes.fromhex(color), 255]).all()
    assert (colors[classes == 0][:, 3] == 0).all()


def test_map_tiles_show_the_pixel_under_every_point(ee, landsat):
    image = ee.Image(landsat)
    made = image.getMapId({"bands": ["B4", "B3", "B2"], "min": 0, "max": 150})
    tile = picture(made["tile_fetcher"].fetch_tile(1152, 1611, 12), "PNG")
    assert tile.shape == (256, 256, 4) and tile[..., 3].max() == 255
    # Where the tile's pixel centres fall in the image, worked out by another route.
    size = 2 * np.pi * 6378137 / 2**12
    x = -np.pi * 6378137 + size * (1152 + (np.arange(256) + 0.5) / 256)
    y = np.pi * 6378137 - size * (1611 + (np.arange(256) + 0.5) / 256)
    to_image = pyproj.Transformer.from_crs("EPSG:3857", "EPSG:32119", always_xy=True)
    east, north = to_image.transform(*np.meshgrid(x, y))
    column, row = np.floor((east - 630534) / 28.5).astype(int), np.floor((228114 - north) / 28.5).astype(int)
    inside = (column >= 0) & (column < 489) & (row >= 0) & (row < 443)
    values = pixels(ee, image)["B4"]
    expected = np.rint(np.clip(values[row[inside], column[inside]] / 150.0, 0, 1) * 255)
    visible = tile[..., 3][inside] > 0
    assert visible.mean() > 0.5 and not tile[..., 3][~inside].any()
    off = np.abs(tile[..., 0][inside] - expected)[visible]
    # A centre that falls on the edge of two pixels, to within rounding, may show either.
    assert (off > 1).mean() < 1e-3


def test_a_tile_beyond_the_image_is_transparent_and_one_beyond_the_world_refused(ee, landsat):
    fetch = ee.Image(landsat).select("B1").getMapId({"min": 0, "max": 150})["tile_fetcher"].fetch_tile
    assert picture(fetch(0, 0, 12), "PNG")[..., 3].max() == 0
    with pytest.raises(ee.EEException, match="does not exist at zoom"):
        fetch(9, 0, 2)


def test_a_forgotten_map_is_not_found(ee, landsat):
    made = ee.Image(landsat).select("B1").getMapId({"min": 0, "max": 255})
    made["tile_fetcher"]._map_name = made["mapid"][:-4] + "0000"
    with pytest.raises(ee.EEException, match="Create it again"):
        made["tile_fetcher"].fetch_tile(0, 0, 0)


def test_thumbnail_url_needs_no_credentials(ee, landsat):
    url = ee.Image(landsat).getThumbURL(
        {"bands": ["B3", "B2", "B1"], "min": 0, "max": 200, "dimensions": 100, "format": "png"}
    )
    answer = requests.get(url, timeout=60)
    assert answer.headers["Content-Type"] == "image/png"
    assert max(picture(answer.content, "PNG").shape[:2]) == 100


def test_download_urls(ee, landsat):
    image = ee.Image(landsat).select(["B1", "B2"])
    answer = requests.get(image.getDownloadURL({"format": "NPY"}), timeout=60)
    table = np.load(io.BytesIO(answer.content))
    assert (table["B2"] == pixels(ee, image)["B2"]).all()
    answer = requests.get(image.getDownloadURL({"name": "scene"}), timeout=60)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert sorted(archive.namelist()) == ["scene.B1.tif", "scene.B2.tif"]


def test_too_much_at_once_is_refused_in_googles_words(ee, landsat):
    image = ee.Image(landsat).select("B1")
    with pytest.raises(ee.EEException) as caught:
        pixels(ee, image, grid={**GRID, "dimensions": {"width": 4096, "height": 4096}})
    assert str(caught.value) == "Total request size (83886080 bytes) must be less than or equal to 50331648 bytes."
    with pytest.raises(ee.EEException) as caught:
        pixels(ee, image, grid={**GRID, "dimensions": {"width": 32769, "height": 1}})
    assert str(caught.value) == "Pixel grid dimensions (32769x1) must be less than or equal to 32768."


def test_features_come_in_pages(ee):
    points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([x, 35]), {"x": x}) for x in range(7)])
    first = ee.data.computeFeatures({"expression": points, "pageSize": 5})
    assert [item["properties"]["x"] for item in first["features"]] == [0, 1, 2, 3, 4]
    rest = ee.data.computeFeatures({"expression": points, "pageSize": 5, "pageToken": first["nextPageToken"]})
    assert [item["properties"]["x"] for item in rest["features"]] == [5, 6] and "nextPageToken" not in rest
    assert rest["features"][0]["geometry"] == {"type": "Point", "coordinates": [5, 35]}


def test_what_does_not_exist_is_not_found(ee):
    name = "projects/sandbox/assets/nowhere"
    with pytest.raises(ee.EEException) as caught:
        ee.Image(name).getInfo()
    assert str(caught.value) == (
        f"Image.load: Image asset '{name}' not found (does not exist or caller does not have access)."
    )
    with pytest.raises(ee.EEException, match=f"Asset '{name}' does not exist or doesn't allow this operation."):
        ee.data.getAsset(name)
    with pytest.deprecated_call():
        assert ee.data.getInfo(name) is None


def test_an_unsupported_function_is_named_at_once(ee):
    with pytest.raises(ee.EEException, match=r"FeatureCollection\.runBigQuery"):
        ee.FeatureCollection.runBigQuery("SELECT 1").getInfo()


def test_a_form_of_pixels_that_is_unsupported_is_named(ee, landsat):
    with pytest.raises(ee.EEException, match="MULTI_BAND_IMAGE_TILE"):
        pixels(ee, ee.Image(landsat), "MULTI_BAND_IMAGE_TILE")


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"expression": 3}', b'{"expression": {"result": "0", "values": {}}}'])
def test_bodies_that_mean_nothing_get_googles_400(ee, body):
    answer = requests.post(
        "https://earthengine.googleapis.com/v1/projects/sandbox/value:compute",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=30,
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT" and answer.json()["error"]["message"]


def test_a_body_beyond_the_limit_is_refused(ee):
    url = "https://earthengine.googleapis.com/v1/projects/sandbox/value:compute"
    answer = requests.post(url, data=b" " * 10_485_761, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Request payload size exceeds the limit: 10485760 bytes."


def test_an_unknown_method_is_a_404_in_googles_shape(ee):
    answer = requests.get("https://earthengine-highvolume.googleapis.com/v1/nothing", timeout=30)
    assert answer.status_code == 404 and answer.json()["error"]["status"] == "NOT_FOUND"


def test_table_downloads(ee):
    table = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([-78.5, 35]), {"name": "a", "n": 2})])
    answer = requests.get(table.getDownloadURL("csv", ["name", "n"]), timeout=30)
    assert answer.text == "name,n\na,2\n"


def test_a_plain_initialize_in_a_shell_with_the_environment_works(sandbox, landsat):
    script = f"""
import ee
ee.Initialize(project="sandbox")
print(ee.Image({landsat!r}).bandNames().getInfo())
ee.Initialize(project="sandbox", url=ee.data.HIGH_VOLUME_API_BASE_URL)
print(ee.Number(40).add(2).getInfo())
"""
    assert sandbox.python(script).splitlines() == ["['B1', 'B2', 'B3', 'B4', 'B5', 'B7']", "42"]


def test_every_method_of_the_discovery_document_is_served_or_named(ee):
    base = "https://earthengine.googleapis.com"
    document = requests.get(f"{base}/$discovery/rest?version=v1", timeout=30).json()
    assert document["rootUrl"] == f"{base}/"

    def methods(resource):
        yield from resource.get("methods", {}).values()
        for inner in resource.get("resources", {}).values():
            yield from methods(inner)

    paths = {"x": "0", "y": "0", "zoom": "0"}
    for method in methods(document["resources"]["projects"]):
        path = method["path"]
        for name, about in method["parameters"].items():
            pattern = about.get("pattern", "")
            value = paths.get(name) or pattern.strip("^$").replace("[^/]+", "sandbox").replace(".+", "no").replace(
                ".*", "no"
            )
            path = path.replace("{+" + name + "}", value).replace("{" + name + "}", value)
        answer = requests.request(
            method["httpMethod"], f"{base}/{path}", json={} if method.get("request") else None, timeout=30
        )
        message = answer.json().get("error", {}).get("message", "")
        assert answer.status_code in (200, 400, 404), (method["id"], answer.text)
        assert "interface has no" not in message, method["id"]
