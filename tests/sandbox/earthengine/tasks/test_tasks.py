import json
import threading
import time

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from earthline_sandbox.earthengine.formats.tfrecords import decode_example, records
from earthline_sandbox.earthengine.limits import Limits
from earthline_sandbox.earthengine.tasks.operations import Operations
from earthline_sandbox.errors import ApiError
from tests.sandbox.earthengine.operations import finished, ingested


def put_raster(sandbox, bucket, key, values, nodata=None, left=600000, crs="EPSG:32119"):
    path = sandbox.home / "storage" / bucket / key
    path.parent.mkdir(parents=True, exist_ok=True)
    values = values if values.ndim == 3 else values[None]
    profile = {
        "driver": "GTiff",
        "count": values.shape[0],
        "height": values.shape[1],
        "width": values.shape[2],
        "dtype": values.dtype.name,
        "crs": crs,
        "transform": Affine(30, 0, left, 0, -30, 200000),
        "nodata": nodata,
    }
    with rasterio.open(path, "w", **profile) as sink:
        sink.write(values)
    return f"gs://{bucket}/{key}"


def read(ee, asset):
    return ee.data.getPixels({"assetId": asset, "fileFormat": "NUMPY_NDARRAY"})


@pytest.mark.parametrize("spelling", ["camelCase", "snake_case"])
def test_an_image_is_ingested_from_cloud_storage(ee, sandbox, bucket, folder, spelling):
    values = np.random.default_rng(1).integers(0, 5000, (2, 40, 30)).astype("uint16")
    uri = put_raster(sandbox, bucket, "scenes/a.tif", values)
    name = f"{folder}/scene"
    manifest = {
        "name": name,
        "tilesets": [{"id": "t", "sources": [{"uris": [uri]}]}],
        "bands": [
            {"id": "green", "tilesetId": "t", "tilesetBandIndex": 1},
            {
                "id": "red",
                "tilesetId": "t",
                "tilesetBandIndex": 0,
                "missingData": {"values": [int(values[0, 0, 0])]},
            },
        ],
        "pyramidingPolicy": "SAMPLE",
        "startTime": "2021-06-01T00:00:00Z",
        "properties": {"sensorName": "x", "of_sensor": "y"},
    }
    if spelling == "snake_case":
        text = json.dumps(manifest)
        for key in ("tilesetId", "tilesetBandIndex", "missingData", "pyramidingPolicy", "startTime"):
            text = text.replace(key, "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key))
        manifest = json.loads(text)
    operation = ingested(ee, manifest)
    assert operation["metadata"]["state"] == "SUCCEEDED" and operation["metadata"]["type"] == "INGEST_IMAGE"
    shown = ee.data.getAsset(name)
    assert shown["startTime"].startswith("2021-06-01") and shown["properties"] == {"sensorName": "x", "of_sensor": "y"}
    assert [(band["id"], band["pyramidingPolicy"]) for band in shown["bands"]] == [
        ("green", "SAMPLE"),
        ("red", "SAMPLE"),
    ]
    table = read(ee, name)
    assert (table["green"] == values[1]).all()
    assert (table["red"] == np.where(values[0] == values[0, 0, 0], 0, values[0])).all()


def test_sources_of_a_tileset_are_one_mosaic(ee, sandbox, bucket, folder):
    left = np.full((20, 10), 3, "uint8")
    right = np.full((20, 15), 7, "uint8")
    uris = [
        put_raster(sandbox, bucket, "left.tif", left),
        put_raster(sandbox, bucket, "right.tif", right, left=600000 + 300),
    ]
    operation = ingested(ee, {"name": f"{folder}/mosaic", "tilesets": [{"sources": [{"uris": [uri]} for uri in uris]}]})
    assert operation["metadata"]["state"] == "SUCCEEDED", operation
    assert (read(ee, f"{folder}/mosaic")["b1"] == np.hstack([left, right])).all()


def test_a_mask_band_masks(ee, sandbox, bucket, folder):
    values = np.stack([np.arange(1, 101).reshape(10, 10), np.tri(10)]).astype("uint8")
    uri = put_raster(sandbox, bucket, "masked.tif", values)
    manifest = {
        "name": f"{folder}/m",
        "tilesets": [{"id": "t", "sources": [{"uris": [uri]}]}],
        "maskBands": [{"tilesetId": "t"}],
    }
    assert "error" not in ingested(ee, manifest)
    table = read(ee, f"{folder}/m")
    assert table.dtype.names == ("b1",) and (table["b1"] == values[0] * values[1]).all()


def test_what_cannot_be_ingested_fails_and_says_why(ee, sandbox, bucket, folder):
    missing = ingested(ee, {"name": f"{folder}/a", "tilesets": [{"sources": [{"uris": [f"gs://{bucket}/no.tif"]}]}]})
    assert missing["metadata"]["state"] == "FAILED" and f"gs://{bucket}/no.tif" in missing["error"]["message"]
    escape = ingested(
        ee, {"name": f"{folder}/a", "tilesets": [{"sources": [{"uris": [f"gs://{bucket}/../../state.json"]}]}]}
    )
    assert escape["metadata"]["state"] == "FAILED" and "was not found" in escape["error"]["message"]
    assert ee.data.listAssets(folder)["assets"] == []


def test_overwriting_needs_to_be_asked_for(ee, sandbox, bucket, folder):
    manifest = {
        "name": f"{folder}/scene",
        "tilesets": [{"sources": [{"uris": [put_raster(sandbox, bucket, "a.tif", np.ones((3, 3), "uint8"))]}]}],
    }
    assert "error" not in ingested(ee, manifest)
    with pytest.raises(ee.EEException, match="Cannot overwrite asset"):
        ee.data.startIngestion("r", manifest)
    assert "error" not in ingested(ee, manifest, allow_overwrite=True)


def test_a_repeated_request_id_starts_nothing_new(ee, sandbox, bucket, folder):
    uri = put_raster(sandbox, bucket, "a.tif", np.ones((3, 3), "uint8"))
    source = bucket and f"gs://{bucket}/t.geojson"
    table = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {"n": 5}}],
    }
    (sandbox.home / "storage" / bucket / "t.geojson").write_text(json.dumps(table))
    assert uri
    request = ee.data.newTaskId()[0]
    manifest = {"name": f"{folder}/table", "sources": [{"uris": [source]}]}
    first = ee.data.startTableIngestion(request, manifest, True)
    assert ee.data.startTableIngestion(request, manifest, True)["id"] == first["id"]
    assert finished(ee, first["name"])["metadata"]["state"] == "SUCCEEDED"
    features = ee.data.listFeatures({"assetId": f"{folder}/table"})["features"]
    assert [item["properties"] for item in features] == [{"n": 5}]
    assert ee.FeatureCollection(f"{folder}/table").aggregate_sum("n").getInfo() == 5


def test_an_image_is_exported_to_cloud_storage(ee, landsat, sandbox, bucket):
    task = ee.batch.Export.image.toCloudStorage(
        ee.Image(landsat).select(["B3", "B4"]),
        "map",
        bucket,
        "maps/scene",
        crs="EPSG:32119",
        crsTransform=[28.5, 0, 630534, 0, -28.5, 228114],
        dimensions="489x443",
    )
    task.start()
    operation = finished(ee, task.name)
    assert operation["metadata"]["state"] == "SUCCEEDED", operation
    assert operation["metadata"]["destinationUris"] == [f"gs://{bucket}/maps/scene.tif"]
    assert task.status()["state"] == "COMPLETED"
    table = ee.data.getPixels({"assetId": landsat, "fileFormat": "NUMPY_NDARRAY", "bandIds": ["B4"]})
    with rasterio.open(sandbox.home / "storage" / bucket / "maps/scene.tif") as source:
        assert source.shape == (443, 489) and tuple(source.transform)[:6] == (28.5, 0, 630534, 0, -28.5, 228114)
        values = source.read(2, masked=True)
        assert (values.filled(0) == table["B4"]).all() and values.mask.any()


def test_an_image_is_exported_to_an_asset_masks_included(ee, landsat, folder):
    task = ee.batch.Export.image.toAsset(
        ee.Image(landsat).select(["B1", "B7"]).set("season", "spring"),
        "copy",
        f"{folder}/copy",
        crs="EPSG:32119",
        crsTransform=[28.5, 0, 630534, 0, -28.5, 228114],
        dimensions="489x443",
        pyramidingPolicy={".default": "mode"},
    )
    task.start()
    operation = finished(ee, task.name)
    assert operation["metadata"]["state"] == "SUCCEEDED", operation
    shown = ee.data.getAsset(f"{folder}/copy")
    assert shown["properties"]["season"] == "spring" and shown["bands"][0]["pyramidingPolicy"] == "MODE"
    original = ee.data.getPixels({"assetId": landsat, "fileFormat": "NUMPY_NDARRAY", "bandIds": ["B1", "B7"]})
    copied = read(ee, f"{folder}/copy")
    assert copied.dtype == original.dtype and (copied == original).all()
    request = {"assetId": f"{folder}/copy", "fileFormat": "GEO_TIFF", "bandIds": ["B7"]}
    with rasterio.MemoryFile(ee.data.getPixels(request)) as memory, memory.open() as source:
        assert (source.read_masks(1) > 0).sum() == 135_092


def test_a_table_is_exported(ee, sandbox, bucket):
    table = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([1, 2]), {"n": n}) for n in range(3)])
    task = ee.batch.Export.table.toCloudStorage(table, "t", bucket, "points", fileFormat="CSV", selectors=["n"])
    task.start()
    assert finished(ee, task.name)["metadata"]["state"] == "SUCCEEDED"
    assert (sandbox.home / "storage" / bucket / "points.csv").read_text() == "n\n0\n1\n2\n"


def test_a_task_fails_on_demand_and_its_numbers_are_what_they_are(ee, sandbox, bucket):
    row = ee.Feature(None, {"pixels": ee.Array([[1.5, 0], [2, 1e30]]), "n": 7, "nowhere": None})
    table = ee.FeatureCollection([row.set("odd", ee.Number(0).log())])
    sandbox.command("faults", "add", "memory", "--method", "task:EXPORT_FEATURES", "--times", "1")
    try:
        ended = []
        for name in ("first", "second"):
            task = ee.batch.Export.table.toCloudStorage(table, name, bucket, name, fileFormat="TFRecord")
            task.start()
            ended.append(finished(ee, task.name))
    finally:
        sandbox.command("faults", "clear")
    assert ended[0]["metadata"]["state"] == "FAILED" and ended[0]["error"]["message"] == "User memory limit exceeded."
    assert not (sandbox.home / "storage" / bucket / "first.tfrecord.gz").exists()
    assert ended[1]["metadata"]["state"] == "SUCCEEDED", ended[1]
    (record,) = records(sandbox.home / "storage" / bucket / "second.tfrecord.gz", limit_bytes=1000)
    found = decode_example(record)
    assert found.keys() == {"pixels", "n", "odd"}
    np.testing.assert_array_equal(found["pixels"], np.float32([1.5, 0, 2, 1e30]))
    assert found["n"] == [7] and np.isneginf(found["odd"]).all()


def test_exports_that_cannot_be_are_refused_at_once(ee, landsat, bucket):
    image = ee.Image(landsat).select("B1")
    with pytest.raises(ee.EEException, match="bucket 'no-such-bucket' does not exist"):
        ee.batch.Export.image.toCloudStorage(image, "x", "no-such-bucket").start()
    with pytest.raises(ee.EEException, match=r"Export too large: specified 216627 pixels \(max: 1000\)"):
        ee.batch.Export.image.toCloudStorage(image, "x", bucket, maxPixels=1000).start()
    with pytest.raises(ee.EEException, match="sequenceData"):
        options = {"fileFormat": "TFRecord", "formatOptions": {"sequenceData": True}}
        ee.batch.Export.image.toCloudStorage(image, "x", bucket, **options).start()
    with pytest.raises(ee.EEException, match=r"multiple of shardSize \(256\), not 100x100"):
        ee.batch.Export.image.toCloudStorage(image, "x", bucket, fileDimensions=100).start()
    with pytest.raises(ee.EEException, match=r"Export\.video"):
        ee.data.exportVideo("r", {"expression": ee.ImageCollection([image])})


def test_operations_are_listed_and_unknown_ones_not_found(ee, sandbox, bucket, folder):
    uri = put_raster(sandbox, bucket, "a.tif", np.ones((3, 3), "uint8"))
    task = ee.data.startIngestion("", {"name": f"{folder}/a", "tilesets": [{"sources": [{"uris": [uri]}]}]})
    finished(ee, task["name"])
    assert task["name"] in [item["name"] for item in ee.data.listOperations()]
    with pytest.raises(ee.EEException, match="not found"):
        ee.data.getOperation("projects/sandbox/operations/NOPE")


def test_two_tasks_run_at_a_time_and_waiting_ones_can_be_cancelled(tmp_path):
    operations = Operations(tmp_path, Limits(queued_operations=3))
    gate, running = threading.Event(), []

    def work(task):
        running.append(1)
        gate.wait(30)
        return []

    made = [operations.submit("p1", "INGEST_IMAGE", str(number), work)["name"] for number in range(3)]
    with pytest.raises(ApiError, match="Too many tasks") as caught:
        operations.submit("p1", "INGEST_IMAGE", "one more", work)
    assert caught.value.code == 429
    while len(running) < 2:
        time.sleep(0.01)
    operations.cancel(made[2])
    assert operations.get(made[2])["metadata"]["state"] == "CANCELLED"
    operations.cancel(made[1])
    gate.set()
    assert operations.wait(made[0], 10)["metadata"]["state"] == "SUCCEEDED"
    assert operations.wait(made[1], 10)["metadata"]["state"] == "CANCELLED"
    operations.stop()
    assert len(running) == 2


def test_a_killed_sandbox_reports_its_tasks_as_failed(tmp_path):
    operations = Operations(tmp_path, Limits())
    gate = threading.Event()
    name = operations.submit("p1", "EXPORT_IMAGE", "x", lambda task: [str(gate.wait(30))], "request")["name"]
    while operations.get(name)["metadata"]["state"] != "RUNNING":
        time.sleep(0.01)
    found = Operations(tmp_path, Limits()).get(name)
    assert found["done"] and found["metadata"]["state"] == "FAILED" and "Start it again" in found["error"]["message"]
    gate.set()
    operations.stop()
