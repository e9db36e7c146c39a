import io
import struct
import zipfile

import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthline_sandbox.earthengine.formats.shapefiles import ShapefileError, read_archive

SQUARE = [(0, 0), (0, 30), (30, 30), (30, 0), (0, 0)]
HOLE = [(10, 10), (20, 10), (20, 20), (10, 20), (10, 10)]
AWAY = [(50, 0), (50, 10), (60, 10), (60, 0), (50, 0)]
ROWS = [("forest", 1.5, 7), ("Wäldchen", -2.25, None)]


def shifted(ring):
    return [(600_000 + x, 4_000_000 + y) for x, y in ring]


def polygon(*rings):
    points = [point for ring in map(shifted, rings) for point in ring]
    starts = [sum(len(ring) for ring in rings[:number]) for number in range(len(rings))]
    content = struct.pack("<i4d2i", 5, 0, 0, 0, 0, len(rings), len(points)) + struct.pack(f"<{len(starts)}i", *starts)
    return content + b"".join(struct.pack("<2d", *point) for point in points)


def shp(*records):
    body = b"".join(struct.pack(">2i", n + 1, len(record) // 2) + record for n, record in enumerate(records))
    return struct.pack(">7i", 9994, 0, 0, 0, 0, 0, 50 + len(body) // 2) + bytes(72) + body


def dbf(rows):
    columns = [(b"name", b"C", 10), (b"share", b"F", 8), (b"count", b"N", 4)]
    head = b"".join(
        name.ljust(11, b"\0") + kind + bytes(4) + bytes([width, 0]) + bytes(14) for name, kind, width in columns
    )
    lines = b"".join(
        b" "
        + name.encode("utf-8").ljust(10)
        + str(share).encode().rjust(8)
        + ("" if count is None else str(count)).encode().rjust(4)
        for name, share, count in rows
    )
    return struct.pack("<B3xIHH20x", 3, len(rows), 32 + len(head) + 1, 23) + head + b"\r" + lines


def archive(path, **changes):
    files = {
        "shp": shp(polygon(SQUARE, HOLE), polygon(SQUARE, AWAY)),
        "dbf": dbf(ROWS),
        "prj": pyproj.CRS.from_epsg(32617).to_wkt("WKT1_ESRI").encode(),
        **changes,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for suffix, data in files.items():
            if data is not None:
                made.writestr(f"folder/areas.{suffix}", data)
    return path


def test_polygons_with_holes_and_parts_come_in_longitude_and_latitude(tmp_path):
    (first, about), (second, _) = read_archive(archive(tmp_path / "a.zip"), limit_bytes=10_000)
    assert about == {"name": "forest", "share": 1.5, "count": 7}
    assert first["type"] == "Polygon" and len(first["coordinates"]) == 2
    assert second["type"] == "MultiPolygon" and len(second["coordinates"]) == 2
    to_lonlat = pyproj.Transformer.from_crs(32617, 4326, always_xy=True)
    assert first["coordinates"][0][0] == pytest.approx(to_lonlat.transform(600_000, 4_000_000), abs=1e-9)


def test_what_is_no_shapefile_is_refused_and_says_why(tmp_path):
    whole = shp(polygon(SQUARE), polygon(SQUARE))
    for changes, reason in (
        ({"prj": None}, "lacks the .prj"),
        ({"shp": None}, "0 .shp files"),
        ({"shp": whole[:-20]}, "ends inside the record"),
        ({"shp": shp(polygon(SQUARE))}, "1 records, the .dbf file 2"),
        ({"dbf": dbf(ROWS)[:40]}, "shorter than it says"),
        ({"prj": b"nonsense"}, "nonsense"),
        ({"shp": whole + bytes(20_000)}, "10000 bytes"),
    ):
        with pytest.raises(ShapefileError, match=reason):
            read_archive(archive(tmp_path / "a.zip", **changes), limit_bytes=10_000)
    (tmp_path / "b.zip").write_bytes(b"PK nothing")
    with pytest.raises(ShapefileError):
        read_archive(tmp_path / "b.zip", limit_bytes=10_000)


@given(st.data())
def test_a_damaged_byte_never_does_worse_than_a_refusal(data):
    files = {"shp": bytearray(shp(polygon(SQUARE, HOLE), polygon(AWAY))), "dbf": bytearray(dbf(ROWS))}
    damaged = files[data.draw(st.sampled_from(["shp", "dbf"]))]
    damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    buffer = io.BytesIO()
    archive(buffer, shp=bytes(files["shp"]), dbf=bytes(files["dbf"]))
    try:
        read_archive(buffer, limit_bytes=100_000)
    except ShapefileError as error:
        assert str(error)


def test_a_zipped_shapefile_is_ingested(ee, sandbox, bucket, folder):
    archive(sandbox.home / "storage" / bucket / "areas.zip")
    manifest = {"name": f"{folder}/areas", "sources": [{"uris": [f"gs://{bucket}/areas.zip"]}]}
    started = ee.data.startTableIngestion(ee.data.newTaskId()[0], manifest)
    operation = {}
    while not operation.get("done"):
        operation = ee.data.getOperation(started["name"])
    assert operation["metadata"]["state"] == "SUCCEEDED", operation
    areas = ee.FeatureCollection(f"{folder}/areas")
    assert areas.aggregate_array("name").getInfo() == ["forest", "Wäldchen"]
    # 30 by 30 metres without a hole of 10 by 10; grid and ground differ by the projection's scale here.
    assert areas.first().geometry().area().getInfo() == pytest.approx(800, rel=2e-3)
