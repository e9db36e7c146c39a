import io
import json
import urllib.request
import zipfile
from xml.etree import ElementTree

import geopandas
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import mapping, shape

from earthline_sandbox.earthengine.formats import tables
from earthline_sandbox.earthengine.formats.shapefiles import read_archive, read_files
from earthline_sandbox.errors import ApiError
from tests.sandbox.earthengine.operations import ingested, succeeded

KML = {"kml": "http://www.opengis.net/kml/2.2"}

x, y = st.floats(-180, 180), st.floats(-90, 90)
places = st.tuples(x, y)
#: Distinct enough that no part of a line or outline vanishes.
lines = st.lists(st.tuples(st.integers(-1790, 1790), st.integers(-890, 890)), min_size=2, max_size=6, unique=True)


@st.composite
def outlines(draw):
    """A box with up to two holes, and an island in the first of them that has a hole as well."""
    left, bottom = draw(st.integers(-170, 100)), draw(st.integers(-80, 40))
    holes = [shapely.box(left + 2, bottom + 2, left + 20, bottom + 20), shapely.box(left + 30, bottom, left + 40, 90)]
    body = shapely.box(left, bottom, left + 60, bottom + 30)
    for hole in holes[: draw(st.integers(0, 2))]:
        body = body.difference(hole.intersection(shapely.box(left + 1, bottom + 1, left + 59, bottom + 29)))
    if not draw(st.booleans()) or not body.interiors:
        return body
    island = shapely.box(left + 5, bottom + 5, left + 15, bottom + 15)
    return shapely.MultiPolygon([body, island.difference(shapely.box(left + 8, bottom + 8, left + 9, bottom + 9))])


KINDS = {
    "Point": places.map(shapely.Point),
    "MultiPoint": st.lists(places, min_size=1, max_size=5).map(shapely.MultiPoint),
    "LineString": lines.map(lambda points: shapely.LineString([(a / 10, b / 10) for a, b in points])),
    "MultiLineString": st.lists(lines, min_size=2, max_size=3).map(shapely.MultiLineString),
    "Polygon": outlines(),
}
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30).map(str.rstrip)
columns = st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), min_size=1, max_size=4, unique=True)
VALUES = [st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), texts]


@st.composite
def collections(draw, kinds=tuple(KINDS)):
    """Features of one kind, with columns of one type each and gaps in both."""
    kind = KINDS[draw(st.sampled_from(kinds))]
    types = {name: draw(st.sampled_from(VALUES)) for name in draw(columns)}
    features = []
    for number in range(draw(st.integers(1, 5))):
        place = draw(st.none() | kind)
        features.append(
            {
                "type": "Feature",
                "id": str(number),
                "geometry": None if place is None else json.loads(json.dumps(mapping(place))),
                "properties": {name: draw(st.none() | values) for name, values in types.items()},
            }
        )
    return features


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for suffix, data in files.items():
            archive.writestr(f"table{suffix}", data)
    buffer.seek(0)
    return buffer


def same(first, second):
    if first is None or second is None:
        return first is second
    return shape(first).normalize().equals_exact(shape(second).normalize(), 0)


@settings(max_examples=40)
@given(collections())
def test_a_shapefile_is_read_back_as_it_was(features):
    names = sorted(features[0]["properties"])
    found = read_archive(zipped(tables.files(features, "SHP", names)), limit_bytes=10**7)
    assert len(found) == len(features)
    for (geometry, properties), feature in zip(found, features, strict=True):
        assert same(geometry, feature["geometry"])
        for name in names:
            value = feature["properties"][name]
            # dBASE has no null text, and what no feature has a value for is a column of text.
            assert properties[name] == ("" if value is None and isinstance(properties[name], str) else value)


@settings(max_examples=40)
@given(collections())
def test_kml_holds_every_geometry_and_property(features):
    root = ElementTree.fromstring(tables.encode(features, "KML", None))
    marks = root.findall("kml:Document/kml:Placemark", KML)
    assert len(marks) == len(features)
    for mark, feature in zip(marks, features, strict=True):
        shown = {
            entry.get("name"): entry.findtext("kml:value", None, KML)
            for entry in mark.findall("kml:ExtendedData/kml:Data", KML)
        }
        expected = {name: value for name, value in feature["properties"].items() if value is not None}
        assert set(shown) == set(expected)
        for name, value in expected.items():
            assert (shown[name] or "") == value if isinstance(value, str) else type(value)(shown[name]) == value
        numbers = [
            [float(number) for number in pair.split(",")]
            for item in mark.iter(f"{{{KML['kml']}}}coordinates")
            for pair in item.text.split()
        ]
        place = feature["geometry"]
        assert numbers == ([] if place is None else shapely.get_coordinates(shape(place)).tolist())


def island(west):
    outline = [[west, 0], [west + 4, 0], [west + 4, 4], [west, 4], [west, 0]]
    return [outline, [[west + 1, 1], [west + 1, 2], [west + 2, 1], [west + 1, 1]]]


FEATURES = [
    {
        "type": "Feature",
        "id": f"f{number}",
        "geometry": {"type": "MultiPolygon", "coordinates": [island(10 * number), island(10 * number + 5)]},
        "properties": {"name": f"Wäldchen {number}", "share": number / 3, "count": number, "odd": bool(number % 2)},
    }
    for number in range(3)
]


@pytest.mark.parametrize("file_format", ["SHP", "KML"])
def test_gdal_reads_what_is_written(tmp_path, file_format):
    for suffix, data in tables.files(FEATURES, file_format, None).items():
        (tmp_path / f"table{suffix}").write_bytes(data)
    frame = geopandas.read_file(tmp_path / f"table.{file_format.lower()}")
    assert frame.crs.to_epsg() == 4326 and len(frame) == 3
    for number, feature in enumerate(FEATURES):
        assert frame.geometry[number].normalize().equals_exact(shape(feature["geometry"]).normalize(), 0)
    name = "Name" if "Name" in frame else "name"
    assert frame[name].tolist() == [feature["properties"]["name"] for feature in FEATURES]
    if file_format == "SHP":
        assert list(frame.columns) == ["system_ind", "count", "name", "odd", "share", "geometry"]
        assert frame["share"].tolist() == [0, 1 / 3, 2 / 3] and frame["odd"].tolist() == [0, 1, 0]
        assert read_files(tmp_path / "table.shp", limit_bytes=10**6)[2][1]["count"] == 2


def test_a_shapefile_keeps_the_projection_of_its_features(tmp_path):
    crs = {"type": "name", "properties": {"name": "EPSG:32617"}}
    place = {"type": "Point", "coordinates": [600000.25, 4000000.5], "crs": crs}
    feature = {"type": "Feature", "geometry": place, "properties": {"a": 1}}
    for suffix, data in tables.files([feature], "SHP", ["a"]).items():
        (tmp_path / f"table{suffix}").write_bytes(data)
    frame = geopandas.read_file(tmp_path / "table.shp")
    assert frame.crs.to_epsg() == 32617 and frame.geometry[0].coords[0] == (600000.25, 4000000.5)
    # KML is in degrees whatever the projection.
    document = tables.encode([feature], "KML", None)
    (text,) = [item.text for item in ElementTree.fromstring(document).iter(f"{{{KML['kml']}}}coordinates")]
    degrees = frame.geometry.to_crs(4326)[0]
    assert list(map(float, text.split(","))) == pytest.approx([degrees.x, degrees.y], abs=1e-9)


def test_what_a_shapefile_cannot_hold_is_refused():
    def feature(geometry, **properties):
        return {"type": "Feature", "geometry": geometry, "properties": properties}

    point = {"type": "Point", "coordinates": [1, 2]}
    line = {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}
    mixed = {"type": "GeometryCollection", "geometries": [point, line]}
    projected = {**point, "crs": {"type": "name", "properties": {"name": "EPSG:32617"}}}
    for features, reason in (
        ([feature(point), feature(line)], "one kind of geometry, but the features have LineString, Point"),
        ([feature(mixed)], "GeometryCollection"),
        ([feature(point), feature(projected)], "EPSG:32617 and EPSG:4326"),
        ([feature(point, temperature_max=1, temperature_min=2)], "'temperature_max' and 'temperature_min' would be"),
    ):
        with pytest.raises(ApiError, match=reason):
            tables.files(features, "SHP", None)
    with pytest.raises(ApiError, match="format 'XLS' is not supported"):
        tables.check_format("XLS")
    with pytest.raises(ApiError, match="cannot be downloaded as 'SHP'"):
        tables.encode([], "SHP", None)


def test_tables_are_exported_in_every_format_and_ingested_again(ee, sandbox, bucket, folder, completed):
    folder_of_bucket = sandbox.home / "storage" / bucket
    table = ee.FeatureCollection(
        [
            ee.Feature(ee.Geometry.MultiPolygon(feature["geometry"]["coordinates"], None, False), feature["properties"])
            for feature in FEATURES
        ]
    )
    uris = {}
    for name in ("KML", "KMZ", "SHP", "GeoJSON"):
        task = ee.batch.Export.table.toCloudStorage(
            table, name, bucket, f"out/{name}", name, selectors=["name", "share", "count"]
        )
        uris[name] = completed(task)
    assert uris["KML"] == [f"gs://{bucket}/out/KML.kml"]
    assert uris["SHP"] == [f"gs://{bucket}/out/SHP{suffix}" for suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg")]
    with zipfile.ZipFile(folder_of_bucket / "out/KMZ.kmz") as archive:
        assert archive.read("doc.kml") == (folder_of_bucket / "out/KML.kml").read_bytes()
    manifest = {"name": f"{folder}/again", "sources": [{"uris": [uris["SHP"][0]]}]}
    succeeded(ingested(ee, manifest))
    again = ee.FeatureCollection(f"{folder}/again").getInfo()["features"]
    for feature, expected in zip(again, FEATURES, strict=True):
        assert shape(feature["geometry"]).normalize().equals_exact(shape(expected["geometry"]).normalize(), 0)
        assert feature["properties"] == {key: expected["properties"][key] for key in ("name", "share", "count")}
    with pytest.raises(ee.EEException, match="format 'DOCX' is not supported"):
        ee.batch.Export.table.toCloudStorage(table, "x", bucket, "x", "DOCX").start()


def test_tables_are_downloaded_in_every_format(ee):
    table = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([1, 2]), {"n": n, "t": f"<{n}>"}) for n in range(2)])

    def download(*arguments):
        with urllib.request.urlopen(table.getDownloadURL(*arguments)) as answer:
            return answer.headers["content-type"], answer.read()

    assert download() == download("csv") and download("csv", ["t", "n"])[1] == b"t,n\n<0>,0\n<1>,1\n"
    kind, data = download("json", "n")
    assert kind == "application/json" and data == download("geojson", "n")[1]
    assert [feature["properties"] for feature in json.loads(data)["features"]] == [{"n": 0}, {"n": 1}]
    kind, document = download("kml")
    assert kind == "application/vnd.google-earth.kml+xml"
    values = ElementTree.fromstring(document).findall(".//kml:Data[@name='t']/kml:value", KML)
    assert [value.text for value in values] == ["<0>", "<1>"]
    kind, data = download("kmz")
    assert kind == "application/vnd.google-earth.kmz"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("doc.kml") == document
