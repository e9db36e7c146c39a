"""Label files of every kind that people have, written here and read back."""

import json
from functools import partial

import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import Transformer

from earthline.config.sections.labels.class_rules import Rule, class_ids
from earthline.label_features.features import FeaturesError
from earthline.label_features.features import read as read_written
from earthline.label_features.files import Question, read

RULES = partial(class_ids, rules=[Rule(("forest",)), Rule(("water",))])
UTM = "EPSG:32633"
KINDS = ["forest", "water", "forest", ""]


def shapes_in_utm():
    return [
        shapely.Point(400_000, 5_800_000),
        shapely.box(400_100, 5_800_000, 400_200, 5_800_100),
        shapely.MultiPoint([(400_300, 5_800_000), (400_310, 5_800_000)]),
        shapely.Point(400_500, 5_800_000),
    ]


def write(path, shapes, kinds, crs=UTM, layer=None, geometry_type="Unknown", **more):
    names = ["kind", *more]
    values = [np.array(kinds, object), *(np.array(each) for each in more.values())]
    pyogrio.raw.write(
        path,
        shapely.to_wkb(np.array(shapes, object)),
        values,
        names,
        crs=crs,
        geometry_type=geometry_type,
        layer=layer,
        driver={".gpkg": "GPKG", ".geojson": "GeoJSON", ".shp": "ESRI Shapefile"}[path.suffix],
    )
    return path


def asked(path, **more):
    return Question(path, "kind", **more)


@pytest.mark.parametrize("name", ["labels.gpkg", "labels.geojson"])
def test_points_and_polygons_come_in_degrees_with_their_classes(tmp_path, name):
    crs = UTM if name.endswith("gpkg") else "EPSG:4326"
    to_degrees = Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    shapes = shapes_in_utm()
    if crs != UTM:
        shapes = [shapely.transform(shape, lambda xy: np.column_stack(to_degrees.transform(*xy.T))) for shape in shapes]
    found, notes = read(asked(write(tmp_path / name, shapes, KINDS, crs)), RULES)
    assert found.values.tolist() == [0, 1, 0]
    assert found.are_points.tolist() == [True, False, True]
    assert notes == ("features without a label, as they have nothing in 'kind': 1",)
    x, y = to_degrees.transform(400_000, 5_800_000)
    assert (found.shapes[0].x, found.shapes[0].y) == pytest.approx((x, y), abs=1e-7)
    west, south = to_degrees.transform(400_100, 5_800_000)
    assert shapely.distance(found.shapes[1].exterior, shapely.Point(west, south)) < 1e-6


def test_shapefiles_are_read_with_their_crs_and_refused_without(tmp_path):
    path = write(tmp_path / "labels.shp", shapes_in_utm()[:1], ["water"], geometry_type="Point")
    found, _ = read(asked(path), RULES)
    assert found.values.tolist() == [1]
    path.with_suffix(".prj").unlink()
    with pytest.raises(FeaturesError, match=r"names no CRS.*ogr2ogr -a_srs"):
        read(asked(path), RULES)


def test_kml_is_read(tmp_path):
    path = tmp_path / "labels.kml"
    path.write_text(
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder><name>fields</name><Placemark>'
        "<name>forest</name><Point><coordinates>13.4,52.5</coordinates></Point></Placemark></Folder></Document></kml>"
    )
    found, _ = read(Question(path, "Name"), RULES)
    assert found.written() == ((0, [13.4, 52.5]),)


def test_a_layer_and_attributes_choose_features(tmp_path):
    path = write(tmp_path / "labels.gpkg", shapes_in_utm(), KINDS, layer="old", year=[2019, 2020, 2020, 2020])
    pyogrio.raw.write(
        path,
        shapely.to_wkb(np.array(shapes_in_utm()[:1], object)),
        [np.array(["water"], object)],
        ["kind"],
        crs=UTM,
        geometry_type="Point",
        layer="new",
        append=True,
    )
    with pytest.raises(FeaturesError, match=r"several layers; name one by `layer`: old, new"):
        read(asked(path), RULES)
    assert read(asked(path, layer="new"), RULES)[0].values.tolist() == [1]
    assert read(asked(path, layer="old", where={"year": 2019}), RULES)[0].values.tolist() == [0]
    assert read(asked(path, layer="old", where={"year": (2019, 2020)}), RULES)[0].values.tolist() == [0, 1, 0]
    with pytest.raises(FeaturesError, match=r"no feature whose year is 2021; there are: 2019, 2020"):
        read(asked(path, layer="old", where={"year": 2021}), RULES)
    with pytest.raises(FeaturesError, match=r"has no field 'yaer'; there are: .*year"):
        read(asked(path, layer="old", where={"yaer": 2021}), RULES)


def test_dates_of_a_geopackage_are_days(tmp_path):
    days = np.array(["2021-06-15", "2020-01-01", "NaT", "2019-12-31"], "datetime64[D]")
    path = write(tmp_path / "labels.gpkg", shapes_in_utm(), KINDS, seen=days, year=[2021, 2020, 2019, 2018])
    found, _ = read(asked(path, date="seen"), RULES)
    assert found.dates.tolist() == [[20210615, 20210615], [20200101, 20200101], [0, 0]]
    found, _ = read(asked(path, date="year"), RULES)
    assert found.dates.tolist() == [[20210101, 20211231], [20200101, 20201231], [20190101, 20191231]]
    assert read(asked(path), RULES)[0].dates is None
    with pytest.raises(FeaturesError, match=r"has no field 'when'; there are: .*seen"):
        read(asked(path, date="when"), RULES)
    with pytest.raises(FeaturesError, match=r"the field 'kind' of .* holds values that are no date: 'forest' \(2 feat"):
        read(asked(path, date="kind"), RULES)


def test_broken_polygons_are_repaired_and_lines_left_out_and_both_are_said(tmp_path):
    bow = shapely.Polygon([(13, 52), (13.1, 52.1), (13.1, 52), (13, 52.1)])
    line = shapely.LineString([(13, 52), (14, 52)])
    found, notes = read(asked(write(tmp_path / "a.geojson", [bow, line], ["forest", "water"], "EPSG:4326")), RULES)
    assert found.values.tolist() == [0]
    assert found.shapes[0].is_valid and found.shapes[0].area == pytest.approx(0.005)
    assert any("polygons that were repaired: 1" in note and "Self-intersection" in note for note in notes)
    assert any("features that are lines or mixtures, which no label can be, left out: 1" in note for note in notes)


def test_csv_columns_have_usual_names_or_those_that_are_given(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("id;Lat;LON;kind\n1;52.5;13.4;forest\n2;;;water\n3;52.6;13.5;water\n")
    found, notes = read(asked(path), RULES)
    assert found.written() == ((0, [13.4, 52.5]), (1, [13.5, 52.6]))
    assert notes == ("features without coordinates, left out: 1",)
    # A column that is not asked for may hold outlines, as `.geo` of Earth Engine's exports does.
    path.write_text(f"easting,northing,e,n,kind,.geo\n0,0,400000,5800000,forest,{'1 ' * 70_000}\n")
    found, _ = read(asked(path, longitude="e", latitude="n", crs=UTM), RULES)
    x, y = Transformer.from_crs(UTM, "EPSG:4326", always_xy=True).transform(400_000, 5_800_000)
    assert found.written() == ((0, [round(x, 7), round(y, 7)]),)


@pytest.mark.parametrize(
    "rows",
    [
        "Länge;Breite;kind \n-36,088;-2,4125;forest\n-36,5;-2;water \n",
        "Länge\tBreite\tkind\n36°05'16.8\"W\t2° 24,75\u2032 S\tforest\n36.5 W\tS 2°\twater\n",
        "Länge|Breite|kind\n-36°05\u201916.8\u2019\u2019|\u22122° 24\u2032 45″|forest\n-36.5°|-2|water\n",
    ],
)
def test_coordinates_have_a_comma_or_are_angles_as_devices_and_spreadsheets_write_them(tmp_path, rows):
    path = tmp_path / "points.csv"
    path.write_text(rows)
    found, _ = read(asked(path, longitude="Länge", latitude="Breite"), RULES)
    assert found.written() == ((0, [-36.088, -2.4125]), (1, [-36.5, -2.0]))


def test_longitudes_from_0_to_360_are_turned_but_not_across_the_antimeridian(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("lon,lat,kind\n230,45,forest\n170,45,water\n-190,45,water\n180,45,forest\n")
    found, _ = read(asked(path), RULES)
    assert found.written() == ((0, [-130, 45]), (1, [170, 45]), (1, [170, 45]), (0, [-180, 45]))
    across = [shapely.box(179, 0, 181, 1), shapely.box(200, 0, 201, 1)]
    found, _ = read(asked(write(tmp_path / "a.geojson", across, ["forest", "water"], "EPSG:4326")), RULES)
    assert [shape.bounds for shape in found.shapes] == [(179, 0, 181, 1), (-160, 0, -159, 1)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,kind\n1,2,forest\n", ["no column 'longitude'", "name it by `longitude`", "a, b, kind"]),
        ("lon,lat,kind\n13,4x,forest\n", ["'lat' holds '4x'", "no number"]),
        ('lon,lat,kind\n"400,340","5,800,120",forest\n', ["'400,340'", "with a point"]),
        ("lon,lat,kind\n13°61'E,52N,forest\n", ["13°61'E", "no angle"]),
        ("lon,lat,kind\n-13W,52N,forest\n", ["-13W", "no angle"]),
        ("lon,lat,kind\n400000,5800000,forest\n", ["no longitudes and latitudes", "`crs`"]),
        ("lon,lat,kind\n", ["no row"]),
        ("lon,lat,king\n1,2,forest\n", ["no field 'kind'", "king"]),
        ("lon,lat,kind\n1,2,\n", ["no point and no polygon with a label"]),
        ("lon,lat,kind\n1,2,Forrest\n", ["the field 'kind'", "'Forrest' (1 feature, nearly 'forest')"]),
    ],
)
def test_each_mistake_of_a_csv_file_is_told(tmp_path, text, words):
    path = tmp_path / "points.csv"
    path.write_text(text)
    with pytest.raises(FeaturesError) as caught:
        read(asked(path), RULES)
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_codes_keep_their_zeros(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("lon,lat,kind\n1,2,01\n1,3,1\n")
    assert read(asked(path), partial(class_ids, rules=[Rule(("01",)), Rule((1,))]))[0].values.tolist() == [0, 1]


def test_a_missing_file_is_told(tmp_path):
    for name in ("none.csv", "none.gpkg"):
        with pytest.raises(FeaturesError, match="relative to the config's folder"):
            read(asked(tmp_path / name), RULES)


def test_the_short_form_reads_back_and_its_hash_knows_no_order(tmp_path):
    found, _ = read(asked(write(tmp_path / "labels.gpkg", shapes_in_utm(), KINDS)), RULES)
    written = json.loads(json.dumps(found.written()))
    again = read_written(written)
    assert again.written() == found.written() and again.digest() == found.digest()
    assert read_written(written[::-1]).digest() == found.digest()
    assert read_written([[1 - written[0][0], written[0][1]], *written[1:]]).digest() != found.digest()
    with pytest.raises(FeaturesError, match=r"features\.0"):
        read_written([(0, {"type": "Point"})])
