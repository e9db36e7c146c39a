"""Uploads that are small and say, or become, much: they fail in words, soon, and take no memory."""

import gzip
import io
import json
import struct
import time
import zipfile
import zlib

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.transform import Affine

from earthline_sandbox.earthengine.formats.tfrecords import frame
from tests.sandbox.earthengine.operations import ingested, succeeded

MEGABYTE = 2**20
ONE_BAND = {"driver": "GTiff", "dtype": "uint8", "count": 1, "crs": "EPSG:32617"}


def vast_geotiff(path, side=1_000_000):
    """A GeoTIFF of a few hundred bytes that says that it has so many pixels a side."""
    tiles = {"tiled": True, "blockxsize": 16384, "blockysize": 16384}
    size = {"width": side, "height": side, "transform": Affine(1, 0, 600_000, 0, -1, 4_000_000)}
    with rasterio.open(path, "w", **ONE_BAND, **size, **tiles, sparse_ok=True, bigtiff="yes"):
        pass


def far_apart(path, x):
    size = {"width": 1, "height": 1, "transform": Affine(0.5, 0, x, 0, -0.5, x)}
    with rasterio.open(path, "w", **ONE_BAND, **size) as file:
        file.write(np.ones((1, 1, 1), "uint8"))


def vast_png():
    """A PNG whose header says 100,000 by 100,000 pixels, and whose data ends after a few."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 16, 6, 0, 0, 0)
    data = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def rows_of_nothing(count):
    """A table of dBASE whose rows are one byte long and have no columns."""
    return b"\x03\0\0\0" + struct.pack("<IHH", count, 33, 1) + b"\0" * 20 + b"\x0d" + b" " * count


@pytest.fixture(scope="module")
def bombs(sandbox, tmp_path_factory):
    """(kind, uris, what the error says) of every upload, in a bucket."""
    folder = sandbox.home / "storage" / "bombs"
    folder.mkdir(parents=True)
    vast_geotiff(folder / "vast.tif")
    far_apart(folder / "here.tif", 0)
    far_apart(folder / "there.tif", 10_000_000)
    (folder / "vast.png").write_bytes(vast_png())
    (folder / "records.tfrecord.gz").write_bytes(gzip.compress(frame(b"") * 4_000_000, 1))
    (folder / "large.tfrecord.gz").write_bytes(gzip.compress(frame(b"\0" * 300 * MEGABYTE), 1))
    (folder / "rows.zip").write_bytes(
        zipped(
            {
                "a.shp": b"\0\0\x27\x0a" + b"\0" * 96,
                "a.dbf": rows_of_nothing(40_000_000),
                "a.prj": pyproj.CRS(4326).to_wkt("WKT1_ESRI"),
            }
        )
    )
    (folder / "large.zip").write_bytes(zipped({"a.shp": b"\0" * 300 * MEGABYTE, "a.dbf": b"", "a.prj": b""}))
    (folder / "outside.zip").write_bytes(zipped({"../../a.shp": b"", "/etc/a.dbf": b"", "a.prj": b""}))
    (folder / "lists.geojson").write_text('{"features": [' + "[]," * 20_000_000 + "[]]}")
    names = ",".join(f"c{number}" for number in range(30_000))
    (folder / "commas.csv").write_text(names + "\n" + ("," * 29_999 + "\n") * 2_000)
    (folder / "deep.geojson").write_text('{"features": ' + "[" * 100_000)
    return [
        ("image", ["vast.tif"], "bytes a band"),
        ("image", ["here.tif", "there.tif"], "bytes a band"),
        ("image", ["vast.png"], ""),
        ("table", ["records.tfrecord.gz"], "User memory limit exceeded."),
        ("table", ["large.tfrecord.gz"], "larger than"),
        ("table", ["rows.zip"], "User memory limit exceeded."),
        ("table", ["large.zip"], "bytes"),
        ("table", ["outside.zip"], ""),
        ("table", ["lists.geojson"], "User memory limit exceeded."),
        ("table", ["commas.csv"], "User memory limit exceeded."),
        ("table", ["deep.geojson"], ""),
    ]


def test_no_upload_explodes(ee, sandbox, call_admin, bombs):
    process = sandbox.process
    before = call_admin("earthengine/limits")["limits"]["total_memory_bytes"]
    call_admin("earthengine/limits", {"total_memory_bytes": 256 * MEGABYTE})
    base = largest = process.memory_info().rss
    try:
        for number, (kind, names, expected) in enumerate(bombs):
            sources = [{"uris": [f"gs://bombs/{name}"]} for name in names]
            manifest = {"name": f"projects/sandbox/assets/bomb_{number}"}
            if kind == "image":
                begin, manifest["tilesets"] = ee.data.startIngestion, [{"sources": sources, "crs": "EPSG:32617"}]
            else:
                begin, manifest["sources"] = ee.data.startTableIngestion, sources
            started = time.monotonic()
            name = begin(None, manifest)["name"]
            while not (operation := ee.data.getOperation(name)).get("done"):
                largest = max(largest, process.memory_info().rss)
                time.sleep(0.02)
                assert time.monotonic() - started < 60, names
            error = operation["error"]
            assert operation["metadata"]["state"] == "FAILED", names
            assert error["code"] == 3 and expected in error["message"], (names, error)
    finally:
        call_admin("earthengine/limits", {"total_memory_bytes": before})
    assert largest - base < 640 * MEGABYTE, (base, largest)


def test_numbers_that_json_has_no_words_for_become_null(ee, sandbox, bucket, folder, completed):
    path = sandbox.home / "storage" / bucket / "numbers.csv"
    path.write_text(f"longitude,latitude,a,b\n1,2,nan,{'9' * 30}\n1,2,inf,{'9' * 5000}\n1,2,3,4\n")
    manifest = {"name": f"{folder}/numbers", "sources": [{"uris": [f"gs://{bucket}/numbers.csv"]}]}
    succeeded(ingested(ee, manifest))
    found = [item["properties"] for item in ee.FeatureCollection(f"{folder}/numbers").getInfo()["features"]]
    assert [item.get("a") for item in found] == [None, None, 3]
    assert json.dumps([item.get("b") for item in found]) == "[1e+30, null, 4]"


def test_an_outline_of_a_csv_file_may_be_long(ee, sandbox, bucket, folder, completed):
    # 4,000 vertices of 40 characters: more than the 128 KiB that Python's reader takes by itself.
    ring = [[10 + np.cos(angle) / 3, 46 + np.sin(angle) / 3] for angle in np.linspace(0, 2 * np.pi, 4_000)]
    ring[-1] = ring[0]
    outline = json.dumps({"type": "Polygon", "coordinates": [ring]})
    assert len(outline) > 131_072
    path = sandbox.home / "storage" / bucket / "outline.csv"
    quoted = outline.replace('"', '""')
    path.write_text(f'a,.geo\n1,"{quoted}"\n')
    manifest = {"name": f"{folder}/outline", "sources": [{"uris": [f"gs://{bucket}/outline.csv"]}]}
    succeeded(ingested(ee, manifest))
    area = ee.FeatureCollection(f"{folder}/outline").geometry().area(1).getInfo()
    assert area > 2e9
