import io
import struct
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from earthline_sandbox.earthengine.formats import dbase, shapes
from earthline_sandbox.earthengine.formats.shapefiles import ShapefileError, read_archive
from tests.sandbox.earthengine.operations import ingested, succeeded

SQUARE = [(0, 0), (0, 30), (30, 30), (30, 0), (0, 0)]
HOLE = [(10, 10), (20, 10), (20, 20), (10, 20), (10, 10)]
AWAY = [(50, 0), (50, 10), (60, 10), (60, 0), (50, 0)]
ROWS = [("forest", 1.5, 7), ("Wäldchen", -2.25, None)]


def shifted(ring):
    return [(600_000 + x, 4_000_000 + y) for x, y in ring]


def polygon(*rings, kind=5, ends=b""):
    points = [point for ring in map(shifted, rings) for point in ring]
    starts = [sum(len(ring) for ring in rings[:number]) for number in range(len(rings))]
    content = struct.pack("<i4d2i", kind, 0, 0, 0, 0, len(rings), len(points)) + struct.pack(
        f"<{len(starts)}i", *starts
    )
    return content + b"".join(struct.pack("<2d", *point) for point in points) + ends


def patches(*rings):
    """A record of a multipatch, each ring an outline of its own."""
    flat = polygon(*rings, kind=31)
    count = sum(map(len, rings))
    types = struct.pack(f"<{len(rings)}i", *[2] * len(rings))
    return flat[: 44 + 4 * len(rings)] + types + flat[44 + 4 * len(rings) :] + bytes(16 + 8 * count)


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


#: Records of every kind, with heights and measures and without.
OTHERS = {
    "points": [struct.pack("<i2d", 1, 600_000, 4_000_000)] * 2,
    "heights": [struct.pack("<i4d", 11, 600_000, 4_000_000, 5, 6)] * 2,
    "several": [struct.pack("<i4di4d", 8, 0, 0, 0, 0, 2, 600_000, 4_000_000, 600_010, 4_000_010)] * 2,
    "lines": [polygon(SQUARE, AWAY, kind=3), struct.pack("<i", 0)],
    "measures": [polygon(SQUARE, HOLE, kind=25, ends=bytes(16 + 80)), polygon(AWAY, kind=25, ends=bytes(16 + 40))],
    "patches": [patches(SQUARE, AWAY), patches(AWAY)],
}


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        ("points", ["Point", "Point"]),
        ("heights", ["Point", "Point"]),
        ("several", ["MultiPoint", "MultiPoint"]),
        ("lines", ["MultiLineString", None]),
        ("measures", ["Polygon", "Polygon"]),
        ("patches", ["MultiPolygon", "MultiPolygon"]),
    ],
)
def test_every_kind_of_shape_is_read_without_its_heights(tmp_path, kind, types):
    records = read_archive(archive(tmp_path / "a.zip", shp=shp(*OTHERS[kind])), limit_bytes=10_000)
    assert [geometry and geometry["type"] for geometry, _ in records] == types
    for geometry, _ in records:
        assert geometry is None or not shapely.geometry.shape(geometry).has_z


@given(st.data())
def test_damaged_shapes_of_every_kind_are_refused_in_words_for_the_user(data):
    whole = bytearray(shp(*OTHERS[data.draw(st.sampled_from(sorted(OTHERS)))]))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.sampled_from([0, 1, 127, 128, 255]))
    try:
        shapes.read(bytes(whole))
    except shapes.ShapesError as error:
        assert str(error) and "earthengine-shapes" not in str(error)


def test_open_rings_are_closed_and_what_is_no_shape_is_refused():
    (ring,) = shapes.read(shp(polygon(SQUARE[:-1])))
    assert ring.exterior.is_closed and len(ring.exterior.coords) == 5
    for record in (polygon(SQUARE[:1], kind=3), polygon(SQUARE[:2]), polygon(SQUARE[:1])):
        with pytest.raises(shapes.ShapesError, match="fewer than two points, or a ring fewer than three"):
            shapes.read(shp(record))
    many = struct.pack("<i4d2i", 5, 0, 0, 0, 0, shapes.MOST_PARTS + 1, 0)
    with pytest.raises(shapes.ShapesError, match="50001 parts; at most 50000"):
        shapes.read(shp(many))
    disguised = b"<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>"
    with pytest.raises(shapes.ShapesError, match="does not begin as one"):
        shapes.read(disguised.ljust(200))


def test_a_deleted_row_takes_its_shape_along(tmp_path):
    table = bytearray(dbf(ROWS))
    size, start = 23, struct.unpack("<H", table[8:10])[0]
    assert len(list(dbase.rows(bytes(table), "utf-8"))) == 2
    table[start] = ord("*")
    ((_, about),) = read_archive(archive(tmp_path / "a.zip", dbf=bytes(table)), limit_bytes=10_000)
    assert about["name"] == "Wäldchen" and table[start + size] == ord(" ")


def test_names_in_an_archive_lead_nowhere(tmp_path):
    (tmp_path / "inside").mkdir()
    source = archive(tmp_path / "a.zip")
    with zipfile.ZipFile(source) as read, zipfile.ZipFile(tmp_path / "inside" / "b.zip", "w") as made:
        for name in read.namelist():
            made.writestr(f"../../{name.rpartition('/')[2]}", read.read(name))
    assert len(read_archive(tmp_path / "inside" / "b.zip", limit_bytes=10_000)) == 2
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "b.zip", "inside"]


def test_threads_read_and_write_shapes_at_the_same_time():
    records = {kind: shp(*found) for kind, found in OTHERS.items()}
    expected = {kind: shapely.to_wkb(shapes.read(data)).tolist() for kind, data in records.items()}

    def turn(kind):
        found = [shape for shape in shapes.read(records[kind]) if shape is not None]
        name = found[0].geom_type if kind == "several" else found[0].geom_type.removeprefix("Multi")
        again = shapes.read(shapes.write(found, name, pyproj.CRS.from_epsg(32617))[".shp"])
        return kind, shapely.to_wkb(shapes.read(records[kind])).tolist(), shapely.equals(again, found).all()

    with ThreadPoolExecutor(6) as pool:
        for kind, found, same in pool.map(turn, sorted(records) * 20):
            assert found == expected[kind] and same


def test_gdal_is_loaded_by_the_first_shapefile_and_not_before():
    loaded = "import sys; from earthline_sandbox.earthengine.rest import service; print('pyogrio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_zipped_shapefile_is_ingested(ee, sandbox, bucket, folder):
    archive(sandbox.home / "storage" / bucket / "areas.zip")
    manifest = {"name": f"{folder}/areas", "sources": [{"uris": [f"gs://{bucket}/areas.zip"]}]}
    succeeded(ingested(ee, manifest))
    areas = ee.FeatureCollection(f"{folder}/areas")
    assert areas.aggregate_array("name").getInfo() == ["forest", "Wäldchen"]
    # 30 by 30 metres without a hole of 10 by 10; grid and ground differ by the projection's scale here.
    assert areas.first().geometry().area().getInfo() == pytest.approx(800, rel=2e-3)
