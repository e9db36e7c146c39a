"""Which pixels a download or an export holds: all that its region touches; and none is a final answer."""

import io
import json
import urllib.request

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from tests.sandbox.earthengine.operations import ingested, succeeded

WEST, NORTH = 600_000, 5_000_000


@pytest.fixture(scope="module")
def scene(ee, sandbox, tmp_path_factory):
    """An image of 10 m whose pixel at (row, column) holds 1 + row * 20 + column; another lies beside it, of 7 m."""
    path = tmp_path_factory.mktemp("edges") / "scene.tif"
    values = (1 + np.arange(20 * 20).reshape(20, 20)).astype("uint16")
    profile = {"driver": "GTiff", "count": 1, "height": 20, "width": 20, "dtype": "uint16", "crs": "EPSG:32632"}
    with rasterio.open(path, "w", **profile, transform=Affine(10, 0, WEST, 0, -10, NORTH)) as sink:
        sink.write(values[None])
    asset = "projects/sandbox/assets/download_edges"
    sandbox.command("add", asset, str(path), "--bands", "a", "--force")
    return ee.Image(asset), values


def region(ee, left, top, right, bottom, crs="EPSG:32632"):
    """A rectangle in metres from the scene's corner."""
    ring = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return ee.Geometry.Polygon([[(WEST + x, NORTH - y) for x, y in ring]], crs, False)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        # Within one pixel, away from its centre; exactly one pixel; a hair and a half of pixels more.
        ((31, 51, 33, 53), slice(5, 6), slice(3, 4)),
        ((30, 50, 40, 60), slice(5, 6), slice(3, 4)),
        ((39, 58, 61, 62), slice(5, 7), slice(3, 7)),
        ((30, 50, 70, 80), slice(5, 8), slice(3, 7)),
    ],
)
def test_downloads_and_exports_hold_every_pixel_that_the_region_touches(
    ee, sandbox, scene, bucket, completed, box, rows, columns
):
    image, values = scene
    asked = {"region": region(ee, *box), "scale": 10, "crs": "EPSG:32632"}
    address = image.getDownloadURL({**asked, "format": "NPY"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    path = address.split("googleapis.com")[1]
    direct = urllib.request.Request(
        f"http://127.0.0.1:{sandbox.port}{path}", headers={"Host": "earthengine.googleapis.com"}
    )
    with opener.open(direct, timeout=60) as answer:
        found = np.load(io.BytesIO(answer.read()))["a"]
    assert found.tolist() == values[rows, columns].tolist()
    task = ee.batch.Export.image.toCloudStorage(image, "t", bucket, "out", **asked)
    completed(task)
    with rasterio.open(sandbox.home / "storage" / bucket / "out.tif") as source:
        assert source.read(1).tolist() == values[rows, columns].tolist()
        assert (source.read_masks(1) == 255).all()
        assert source.transform[2] == WEST + 10 * columns.start
        assert source.transform[5] == NORTH - 10 * rows.start


def test_pixels_that_a_region_does_not_touch_stay_out(ee, scene):
    image, values = scene
    pinned = image.clipToBoundsAndScale(region(ee, 31, 51, 33, 53), scale=10)
    grid = {
        "dimensions": {"width": 20, "height": 20},
        "affineTransform": {"scaleX": 10, "translateX": WEST, "scaleY": -10, "translateY": NORTH},
        "crsCode": "EPSG:32632",
    }
    found = ee.data.computePixels({"expression": pinned, "fileFormat": "NUMPY_NDARRAY", "grid": grid})["a"]
    assert np.argwhere(found).tolist() == [[5, 3]]
    assert found[5, 3] == values[5, 3]


def test_no_pixels_are_an_error_that_no_client_repeats(ee, sandbox, scene):
    image, _ = scene
    sandbox.command("requests", "--clear")
    nothing = image.clip(ee.Geometry.Rectangle([10, 10, 11, 11]))
    whole = {"affineTransform": {"scaleX": 10, "scaleY": -10}, "crsCode": "EPSG:32632"}
    ee.data.setMaxRetries(5)
    try:
        for width, height in ((0, 0), (0, 5), (5, 0), (-1, 5)):
            grid = {**whole, "dimensions": {"width": width, "height": height}}
            with pytest.raises(ee.EEException, match="width and height must be positive"):
                ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid})
        with pytest.raises(ee.EEException, match="The image has no pixels: band 'a' is 0x0"):
            ee.data.computePixels({"expression": nothing, "fileFormat": "NUMPY_NDARRAY"})
        with pytest.raises(ee.EEException, match="The image has no pixels"):
            nothing.getDownloadURL({"format": "NPY"})
        with pytest.raises(ee.EEException, match="The image has no pixels"):
            ee.batch.Export.image.toDrive(nothing, "t").start()
        with pytest.raises(ee.EEException, match="sizes must be between 1"):
            image.getThumbURL({"dimensions": "0x0"})
    finally:
        ee.data.setMaxRetries(0)
    asked = [json.loads(line) for line in sandbox.command("requests").stdout.splitlines()]
    refused = [entry for entry in asked if entry["status"] != 200]
    assert [entry["status"] for entry in refused] == [400] * 8


def test_tfrecords_are_known_by_their_name_in_any_case(ee, sandbox, scene, folder, bucket, completed):
    image, values = scene
    task = ee.batch.Export.image.toCloudStorage(
        image, "t", bucket, "out", fileFormat="TFRecord", formatOptions={"patchDimensions": [10, 10]}
    )
    completed(task)
    root = sandbox.home / "storage" / bucket
    for path in list(root.iterdir()):
        path.rename(root / ("Mixer.JSON" if path.suffix == ".json" else "Out.TFRecord"))
    uris = [f"gs://{bucket}/{path.name}" for path in root.iterdir()]
    assert len(uris) == 2
    manifest = {"name": f"{folder}/back", "tilesets": [{"sources": [{"uris": uris}]}]}
    succeeded(ingested(ee, manifest))
    back = ee.data.computePixels({"expression": ee.Image(f"{folder}/back"), "fileFormat": "NUMPY_NDARRAY"})
    assert back["a"].tolist() == values.tolist()
