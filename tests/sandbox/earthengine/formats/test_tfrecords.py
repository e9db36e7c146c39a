import gzip
import json
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from earthline_sandbox.earthengine.formats.tfrecords import RecordError, decode_example, encode_example, frame, records
from tests.sandbox.earthengine.operations import ingested, succeeded

WINDOW = {"crs": "EPSG:32119", "crsTransform": [28.5, 0, 630534 + 28.5 * 100, 0, -28.5, 228114 - 28.5 * 60]}
FLOATS = arrays.arrays("float32", st.integers(0, 9), elements=st.floats(width=32))
FEATURES = st.dictionaries(st.text(max_size=5), st.one_of(FLOATS, st.lists(st.binary(max_size=5), min_size=1)))


def examples(path):
    return [decode_example(record) for record in records(path, limit_bytes=2**30)]


def stored(sandbox, uri):
    return sandbox.home / "storage" / uri.removeprefix("gs://")


@given(FEATURES)
def test_an_example_survives_the_wire(features):
    decoded = decode_example(encode_example(features))
    assert decoded.keys() == features.keys()
    for name, values in features.items():
        if isinstance(values, np.ndarray):
            assert not len(values) or np.array_equal(decoded[name], values, equal_nan=True)
        else:
            assert decoded[name] == values


@given(st.binary(max_size=80))
def test_bytes_that_mean_nothing_are_refused_or_read_but_never_fail_otherwise(data):
    try:
        decode_example(data)
    except RecordError as error:
        assert str(error)


def test_a_damaged_file_is_told_from_a_whole_one(tmp_path):
    path = tmp_path / "a.tfrecord"
    whole = frame(b"first") + frame(b"second")
    path.write_bytes(gzip.compress(whole))
    assert list(records(path, limit_bytes=1000)) == [b"first", b"second"]
    for damage, reason in (
        (whole[:-1], "damaged"),
        (b"\xff" + whole[1:], "does not begin"),
        (whole.replace(b"second", b"sexond"), "damaged"),
        (gzip.compress(whole)[:-12], "gzip"),
        (frame(bytes(2000)), "larger than 1000"),
    ):
        path.write_bytes(damage)
        with pytest.raises(RecordError, match=reason):
            list(records(path, limit_bytes=1000))


def test_patches_are_what_computed_pixels_are_with_margins_and_a_mixer(ee, landsat, sandbox, bucket, completed):
    image = ee.Image(landsat).select(["B4", "B7"])
    uris = completed(
        ee.batch.Export.image.toCloudStorage(
            image,
            "x",
            bucket,
            "records/scene",
            dimensions="210x130",
            fileFormat="TFRecord",
            formatOptions={"patchDimensions": [64, 32], "kernelSize": [8, 4], "compressed": True, "defaultValue": -9},
            **WINDOW,
        )
    )
    assert uris == [f"gs://{bucket}/records/scene.tfrecord.gz", f"gs://{bucket}/records/scene-mixer.json"]
    mixer = json.loads(stored(sandbox, uris[1]).read_text())
    # 210 by 130 pixels hold three by four whole patches of 64 by 32; what is left over is dropped.
    assert mixer == {
        "projection": {"crs": "EPSG:32119", "affine": {"doubleMatrix": WINDOW["crsTransform"]}},
        "patchDimensions": [64, 32],
        "patchesPerRow": 3,
        "totalPatches": 12,
    }
    # The export is cut to its region, so margins beyond it are masked.
    grid = {
        "dimensions": {"width": 210, "height": 130},
        "crsCode": "EPSG:32119",
        "affineTransform": dict(zip(["scaleX", "shearX", "translateX"], WINDOW["crsTransform"][:3], strict=True))
        | dict(zip(["shearY", "scaleY", "translateY"], WINDOW["crsTransform"][3:], strict=True)),
    }
    both = image.updateMask(image.select("B7").mask()).unmask(-9)
    truth = ee.data.computePixels({"expression": both, "fileFormat": "NUMPY_NDARRAY", "grid": grid})
    patches = examples(stored(sandbox, uris[0]))
    assert len(patches) == 12
    for name in ("B4", "B7"):
        padded = np.full((130 + 4, 210 + 8), -9, "float32")
        padded[2:-2, 4:-4] = truth[name]
        for number, patch in enumerate(patches):
            row, column = divmod(number, 3)
            expected = padded[row * 32 : row * 32 + 36, column * 64 : column * 64 + 72]
            assert patch[name].dtype == np.float32
            assert (patch[name].reshape(36, 72) == expected).all(), (name, number)


def test_files_are_split_by_size_and_numbered(ee, landsat, sandbox, bucket, completed):
    options = {"patchDimensions": [32, 32], "maxFileSize": 10_000}
    uris = completed(
        ee.batch.Export.image.toCloudStorage(
            ee.Image(landsat).select("B1"),
            "x",
            bucket,
            "part_",
            dimensions="128x64",
            fileFormat="TFRecord",
            formatOptions=options,
            **WINDOW,
        )
    )
    names = [uri.rsplit("/", 1)[1] for uri in uris]
    assert names == [*(f"part_{number:05d}.tfrecord" for number in range(4)), "part_mixer.json"]
    assert [len(examples(stored(sandbox, uri))) for uri in uris[:-1]] == [2, 2, 2, 2]


def test_patches_with_too_many_masked_pixels_are_left_out_and_there_is_no_mixer(
    ee, landsat, sandbox, bucket, completed
):
    options = {"patchDimensions": [32, 32], "maskedThreshold": 0}
    image = ee.Image(1).updateMask(ee.Image.pixelCoordinates("EPSG:32119").select("x").gte(630534 + 28.5 * 132))
    uris = completed(
        ee.batch.Export.image.toCloudStorage(
            image, "x", bucket, "kept", dimensions="96x32", fileFormat="TFRecord", formatOptions=options, **WINDOW
        )
    )
    assert [uri.rsplit("/", 1)[1] for uri in uris] == ["kept.tfrecord"]
    assert len(examples(stored(sandbox, uris[0]))) == 2


def test_array_bands_are_channels_first_and_padded_to_their_depth(ee, landsat, sandbox, bucket, completed):
    image = ee.Image(landsat).select(["B1", "B2"]).unmask(0).toArray().rename("stack")
    uris = completed(
        ee.batch.Export.image.toCloudStorage(
            image,
            "x",
            bucket,
            "arrays",
            dimensions="16x8",
            fileFormat="TFRecord",
            formatOptions={"patchDimensions": [16, 8], "tensorDepths": {"stack": 3}, "defaultValue": 5},
            **WINDOW,
        )
    )
    (patch,) = examples(stored(sandbox, uris[0]))
    stack = patch["stack"].reshape(3, 8, 16)
    assert (stack[2] == 5).all() and stack[0].std() > 0 and not (stack[0] == stack[1]).all()


def test_pixels_come_as_one_example(ee, landsat, tmp_path):
    grid = {"dimensions": {"width": 5, "height": 4}, "crsCode": "EPSG:32119"}
    grid["affineTransform"] = {"scaleX": 28.5, "scaleY": -28.5, "translateX": 633384, "translateY": 226404}
    request = {"expression": ee.Image(landsat).select("B3"), "grid": grid}
    path = tmp_path / "a.tfrecord"
    path.write_bytes(ee.data.computePixels({**request, "fileFormat": "TFRECORD"}))
    table = ee.data.computePixels({**request, "fileFormat": "NUMPY_NDARRAY"})
    (patch,) = examples(path)
    assert (patch["B3"].reshape(4, 5) == table["B3"]).all()


PREDICT = """
import sys
import tensorflow as tf

source, target = sys.argv[1:]
features = {name: tf.io.FixedLenFeature([64, 64], tf.float32) for name in ("B3", "B4")}
with tf.io.TFRecordWriter(target, "GZIP") as writer:
    for record in tf.data.TFRecordDataset(source, compression_type="GZIP"):
        patch = tf.io.parse_single_example(record, features)
        sum_ = (patch["B3"] + 2 * patch["B4"]).numpy().ravel()
        made = {
            "sum": tf.train.Feature(float_list=tf.train.FloatList(value=sum_)),
            "class": tf.train.Feature(int64_list=tf.train.Int64List(value=(sum_ > 200).astype(int) - 1)),
        }
        writer.write(tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString())
"""


def test_export_predict_by_tensorflow_import_and_read_back_is_exact(
    ee, landsat, sandbox, bucket, folder, completed, tmp_path
):
    image = ee.Image(landsat).select(["B3", "B4"]).unmask(0)
    shards, mixer = completed(
        ee.batch.Export.image.toCloudStorage(
            image,
            "x",
            bucket,
            "unlabelled",
            dimensions="192x128",
            fileFormat="TFRecord",
            formatOptions={"patchDimensions": [64, 64], "compressed": True},
            **WINDOW,
        )
    )
    predicted = stored(sandbox, f"gs://{bucket}/predictions.tfrecord.gz")
    subprocess.run([sys.executable, "-c", PREDICT, str(stored(sandbox, shards)), str(predicted)], check=True)
    uris = [f"gs://{bucket}/predictions.tfrecord.gz", mixer]
    manifest = {"name": f"{folder}/predicted", "tilesets": [{"sources": [{"uris": uris}]}], "pyramidingPolicy": "MODE"}
    succeeded(ingested(ee, manifest))
    table = ee.data.getPixels({"assetId": f"{folder}/predicted", "fileFormat": "NUMPY_NDARRAY"})
    assert table.dtype.names == ("class", "sum") and table.shape == (128, 192)
    asked = {"assetId": landsat, "fileFormat": "NUMPY_NDARRAY", "bandIds": ["B3", "B4"]}
    scene = ee.data.getPixels(asked)[60 : 60 + 128, 100 : 100 + 192]
    assert (table["sum"] == scene["B3"] + 2 * scene["B4"]).all()
    assert (table["class"] == (table["sum"] > 200).astype(int) - 1).all()
    shown = ee.data.getAsset(f"{folder}/predicted")["bands"][0]["grid"]
    assert shown["crsCode"] == "EPSG:32119" and shown["affineTransform"]["translateX"] == WINDOW["crsTransform"][2]


@pytest.mark.parametrize(
    ("mixer", "reason"),
    [
        ({"totalPatches": 3}, "hold 2 patches, the mixer says 3"),
        ({"totalPatches": 1}, "more patches than the mixer's totalPatches 1"),
        ({"patchDimensions": [5, 4]}, "'B1' has 16 values, a patch of 5x4 pixels needs 20"),
        ({"patchDimensions": [2**21, 1]}, "must be positive"),
        ({"patchesPerRow": None}, "cannot be read"),
        (None, "needs its mixer"),
    ],
)
def test_records_that_do_not_fit_their_mixer_are_refused(ee, sandbox, bucket, folder, mixer, reason):
    values = np.arange(16, dtype="float32")
    stored(sandbox, f"gs://{bucket}/a.tfrecord").write_bytes(frame(encode_example({"B1": values})) * 2)
    good = {
        "projection": {"crs": "EPSG:32119", "affine": {"doubleMatrix": [30, 0, 600000, 0, -30, 200000]}},
        "patchDimensions": [4, 4],
        "patchesPerRow": 2,
        "totalPatches": 2,
    }
    uris = [f"gs://{bucket}/a.tfrecord"]
    if mixer is not None:
        stored(sandbox, f"gs://{bucket}/m.json").write_text(json.dumps({**good, **mixer}))
        uris.append(f"gs://{bucket}/m.json")
    manifest = {"name": f"{folder}/a", "tilesets": [{"sources": [{"uris": uris}]}]}
    operation = ingested(ee, manifest)
    assert operation["metadata"]["state"] == "FAILED" and reason in operation["error"]["message"]


def table_of(ee):
    return ee.FeatureCollection(
        [
            ee.Feature(ee.Geometry.Point([-78.5 + n / 10, 35]), {"n": n, "share": n / 4, "name": f"é{n}", "a": [n, 2]})
            for n in range(3)
        ]
    )


def imported(ee, name, uri, **source):
    manifest = {"name": name, "sources": [{"uris": [uri], **source}]}
    succeeded(ingested(ee, manifest, allow_overwrite=True))
    return ee.data.listFeatures({"assetId": name})["features"]


@pytest.mark.parametrize("form", ["CSV", "GeoJSON"])
def test_a_table_survives_export_and_import(ee, bucket, folder, completed, form):
    (uri,) = completed(ee.batch.Export.table.toCloudStorage(table_of(ee), "t", bucket, "points", form))
    assert uri == f"gs://{bucket}/points.{form.lower()}"
    features = imported(ee, f"{folder}/{form}", uri)
    assert [item["geometry"]["coordinates"] for item in features] == [[-78.5, 35], [-78.4, 35], [-78.3, 35]]
    assert [item["properties"]["share"] for item in features] == [0, 0.25, 0.5]
    assert [item["properties"]["name"] for item in features] == ["é0", "é1", "é2"]


def test_a_table_of_examples_is_one_gzip_file_of_floats_and_texts(ee, sandbox, bucket, folder, completed):
    task = ee.batch.Export.table.toCloudStorage(table_of(ee), "t", bucket, "points", "TFRecord", ["n", "name", "a"])
    (uri,) = completed(task)
    assert uri == f"gs://{bucket}/points.tfrecord.gz" and stored(sandbox, uri).read_bytes()[:2] == b"\x1f\x8b"
    first = examples(stored(sandbox, uri))[1]
    assert first.keys() == {"n", "name", "a"}
    assert first["n"].tolist() == [1] and first["a"].tolist() == [1, 2] and first["name"] == ["é1".encode()]
    features = imported(ee, f"{folder}/t", uri, xColumn="n", yColumn="n")
    assert features[1] == {
        "type": "Feature",
        "id": features[1]["id"],
        "geometry": {"type": "Point", "coordinates": [1.0, 1.0]},
        "properties": {"a": [1.0, 2.0], "n": 1.0, "name": "é1"},
    }


def test_exports_to_drive_are_files_of_a_folder_and_those_to_assets_are_tables(ee, landsat, sandbox, folder, completed):
    (uri,) = completed(ee.batch.Export.table.toDrive(table_of(ee), "points", folder="../my maps"))
    path = sandbox.home / "drive" / "_my maps" / "points.csv"
    assert uri == path.as_uri().replace("%20", "%20") and path.read_text().startswith(
        "system:index,a,n,name,share,.geo"
    )
    (uri,) = completed(
        ee.batch.Export.image.toDrive(
            ee.Image(landsat).select("B1"),
            "map",
            fileDimensions=256,
            dimensions="300x100",
            formatOptions={"cloudOptimized": True},
            **WINDOW,
        )
    )[:1]
    parts = sorted((sandbox.home / "drive/My Drive").glob("map*"))
    assert [part.name for part in parts] == ["map-0000000000-0000000000.tif", "map-0000000000-0000000256.tif"]
    with rasterio.open(parts[1]) as part:
        assert part.shape == (100, 44) and part.transform.c == WINDOW["crsTransform"][2] + 256 * 28.5
    completed(ee.batch.Export.table.toAsset(table_of(ee), "t", f"{folder}/points"))
    assert ee.FeatureCollection(f"{folder}/points").aggregate_array("n").getInfo() == [0, 1, 2]
