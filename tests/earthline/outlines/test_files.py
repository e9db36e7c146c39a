"""Outlines out of files of every kind, in any CRS, with what goes wrong said in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import Transformer

from earthline.outlines import files
from earthline.outlines.shapes import MOST_CORNERS, OutlineError

LAND = shapely.box(10, 45, 11, 46).difference(shapely.box(10.4, 45.4, 10.6, 45.6))
OTHER = shapely.box(20, 40, 21, 41)


def write(path: Path, crs: str | None = "EPSG:4326", shapes: Any = (LAND, OTHER), **options: Any) -> Path:
    if crs is not None and crs != "EPSG:4326":
        to_crs = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        shapes = [
            shapely.transform(
                shapely.segmentize(each, 0.01) if each.is_valid else each,
                lambda xy: np.column_stack(to_crs.transform(*xy.T)),
            )
            for each in shapes
        ]
    pyogrio.raw.write(
        path,
        shapely.to_wkb(np.array(shapes, object)),
        [np.array([f"d{place}" for place in range(len(shapes))], object), np.arange(len(shapes))],
        ["name", "number"],
        geometry_type="Unknown" if path.suffix != ".shp" else "Polygon",
        crs=crs,
        **options,
    )
    return path


@pytest.mark.parametrize("name", ["a.geojson", "a.gpkg", "a.shp", "a.kml", "a.fgb"])
def test_every_kind_of_file_gives_the_same_outline(tmp_path: Path, name: str) -> None:
    field, value = ("Name", "d0") if name.endswith("kml") else ("name", "d0")
    if name.endswith("kml"):
        (tmp_path / name).write_text(
            '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>d0</name><Polygon>'
            "<outerBoundaryIs><LinearRing><coordinates>10,45 11,45 11,46 10,46 10,45</coordinates></LinearRing>"
            "</outerBoundaryIs><innerBoundaryIs><LinearRing><coordinates>10.4,45.4 10.6,45.4 10.6,45.6 10.4,45.6 "
            "10.4,45.4</coordinates></LinearRing></innerBoundaryIs></Polygon></Placemark></Document></kml>"
        )
    else:
        write(tmp_path / name)
    found, notes = files.read(tmp_path / name, None, {field: value}, None)
    assert found.equals(LAND) and not notes


@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:3857", "ESRI:54009", "EPSG:4258", "EPSG:4267"])
def test_any_crs_becomes_longitude_and_latitude(tmp_path: Path, crs: str) -> None:
    found, _ = files.read(write(tmp_path / "a.gpkg", crs), None, {"number": 0}, None)
    assert found.symmetric_difference(LAND).area < 1e-6 * LAND.area


def test_long_edges_keep_their_course(tmp_path: Path) -> None:
    to_degrees = Transformer.from_crs("EPSG:32632", "EPSG:4326", always_xy=True)
    square = shapely.box(300_000, 5_000_000, 700_000, 5_400_000)
    pyogrio.raw.write(
        tmp_path / "a.gpkg",
        shapely.to_wkb(np.array([square], object)),
        [],
        [],
        geometry_type="Polygon",
        crs="EPSG:32632",
    )
    found, _ = files.read(tmp_path / "a.gpkg", None, {}, None)
    middle = shapely.Point(to_degrees.transform(500_000, 5_400_000))
    assert found.exterior.distance(middle) < 2e-6
    assert shapely.get_num_coordinates(found) < 2500


def test_features_are_chosen_by_several_values_and_shapefile_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.shp")
    both, _ = files.read(path, None, {"name": ["d0", "d1"]}, None)
    assert both.geom_type == "MultiPolygon"
    assert files.read(path, None, {"number": 1.0}, None)[0].equals(OTHER)


def test_a_layer_is_named_where_there_are_several(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", layer="one")
    write(path, shapes=[OTHER], layer="two", append=True)
    assert files.read(path, "two", {}, None)[0].equals(OTHER)
    with pytest.raises(OutlineError, match="several layers; name one by `layer`: one, two"):
        files.read(path, None, {}, None)
    with pytest.raises(OutlineError, match="no layer 'three'; there are: one, two"):
        files.read(path, "three", {}, None)


def test_a_broken_outline_is_repaired_with_a_note(tmp_path: Path) -> None:
    bow = shapely.Polygon([(10, 45), (11, 46), (11, 45), (10, 46)])
    found, notes = files.read(write(tmp_path / "a.gpkg", "EPSG:3857", [bow]), None, {}, None)
    assert found.is_valid and len(notes) == 1 and "repaired (Self-intersection" in notes[0]


@pytest.mark.parametrize(
    ("make", "where", "words"),
    [
        (lambda path: path / "none.gpkg", {}, "cannot be read .No such file.*relative to the config's folder"),
        (lambda path: path, {}, "is no vector file"),
        (lambda path: write(path / "a.gpkg", shapes=[shapely.Point(1, 2)]), {}, "holds points"),
        (lambda path: write(path / "a.gpkg", shapes=[shapely.LineString([(1, 2), (3, 4)])]), {}, "holds lines"),
        (lambda path: write(path / "a.gpkg", shapes=[]), {}, "holds no feature"),
        (lambda path: write(path / "a.gpkg"), {"nam": "x"}, "no field 'nam'; there are: name, number"),
        (lambda path: write(path / "a.gpkg"), {"name": "x"}, "no feature whose name is x; there are: d0, d1"),
        (lambda path: write(path / "a.gpkg"), {"name": "d0", "number": 1}, "fulfils all of `where`"),
        (lambda path: write(path / "a.gpkg", shapes=[shapely.Polygon()]), {}, "without a geometry"),
    ],
)
def test_what_is_of_no_use_is_said_with_the_file(tmp_path: Path, make: Any, where: dict[str, Any], words: str) -> None:
    with pytest.raises(OutlineError, match=words) as caught:
        files.read(make(tmp_path), None, where, None)
    assert str(caught.value).startswith(str(tmp_path)) and "\n" not in str(caught.value)


def test_a_file_that_is_none_and_one_without_a_crs(tmp_path: Path) -> None:
    (tmp_path / "a.geojson").write_text("hello")
    with pytest.raises(OutlineError, match="is it a whole file of its kind"):
        files.read(tmp_path / "a.geojson", None, {}, None)
    write(tmp_path / "b.shp").with_suffix(".prj").unlink()
    with pytest.raises(OutlineError, match="names no CRS"):
        files.read(tmp_path / "b.shp", None, {}, None)


def test_corners_that_edges_gain_are_no_reason_to_refuse(tmp_path: Path) -> None:
    circle = shapely.Point(0, 0).buffer(500_000, quad_segs=300)
    shapes, options = shapely.to_wkb(np.array([circle], object)), {"geometry_type": "Polygon", "crs": "EPSG:3413"}
    pyogrio.raw.write(tmp_path / "a.gpkg", shapes, [], [], **options)
    found, _ = files.read(tmp_path / "a.gpkg", None, {}, None)
    assert 1200 < shapely.get_num_coordinates(found) <= MOST_CORNERS and found.bounds[3] == 90
