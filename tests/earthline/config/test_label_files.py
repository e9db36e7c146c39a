"""Labels of several files: they count as one, and what is wrong with one of them is told with its name."""

import json
from pathlib import Path
from typing import Any

import pytest

from earthline.config import ConfigError, VectorLabels
from earthline.config.loading import load

CLASSES = [
    {"name": "forest", "color": "#1b7837", "values": ["wood", 7]},
    {"name": "open water", "color": "#2b8cbe", "values": ["lake"]},
    {"name": "12", "color": "#123456", "values": ["rock"]},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Fields with their kind, and points as `label next` leaves them, filled in with names of classes."""
    ring = [[10, 50], [10.1, 50], [10.1, 50.1], [10, 50]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {"kind": "wood"}, "geometry": shape}
    (tmp_path / "fields.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "points.csv").write_text(
        "lon,lat,chance,label\n11,51,.1,open water\n12,52,.1,\n13,53,.2,forest\n"
    )
    (tmp_path / "old.csv").write_text("x,y,kind\n500000,5500000,lake\n")
    return tmp_path


def labels(folder: Path, file: Any, **others: Any) -> VectorLabels:
    section = {"file": file, "classes": CLASSES, **others}
    imagery = {"image": "a/b", "bands": ["B1"]}
    (folder / "config.yaml").write_text(json.dumps({"name": "fields", "data": {"imagery": imagery, "labels": section}}))
    found = load(folder / "config.yaml").data.labels
    assert isinstance(found, VectorLabels)
    return found


def test_several_files_count_as_one(folder: Path) -> None:
    visited = {"file": "run/points.csv", "field": "label"}
    older = {"file": "old.csv", "longitude": "x", "latitude": "y", "crs": "EPSG:32632"}
    found = labels(folder, ["fields.geojson", visited, older], field="kind")
    assert found.held is not None and found.features is not None
    assert found.held.values.tolist() == [0, 1, 0, 1]
    assert found.features[1] == (1, [11, 51]) and found.features[2] == (0, [13, 53])
    assert found.held.shapes[3].x == pytest.approx(9) and found.held.shapes[3].y == pytest.approx(49.65, abs=0.01)
    assert found.told == "fields.geojson, points.csv and old.csv"
    assert found.notes == ("run/points.csv: features without a label, as they have nothing in 'label': 1",)
    assert labels(folder, [visited, {**visited, "where": {"label": "forest"}}]).told == "points.csv"
    # What is said beside `file` is for those that do not say otherwise.
    some = labels(folder, ["fields.geojson", {**visited, "where": {}}], field="kind", where={"kind": "wood"})
    assert some.held is not None and some.held.values.tolist() == [0, 1, 0]


def test_a_list_of_one_file_is_that_file(folder: Path) -> None:
    alone = labels(folder, "run/points.csv", field="label")
    assert alone == labels(folder, [{"file": "run/points.csv", "field": "label"}])
    assert alone.notes == ("features without a label, as they have nothing in 'label': 1",)


def test_of_several_files_some_have_no_date_or_another_field_of_it(folder: Path) -> None:
    (folder / "a.csv").write_text("lon,lat,kind,seen\n1,50,wood,2021\n2,50,wood,2018\n")
    (folder / "b.csv").write_text("lon,lat,kind,when\n3,50,lake,2021\n4,50,lake,2018\n")
    files = ["a.csv", {"file": "b.csv", "date": "when"}, {"file": "fields.geojson", "date": False}]
    date = {"field": "seen", "within": [["2021-01-01", "2022-01-01"]]}
    found = labels(folder, files, field="kind", date=date)
    assert found.held is not None and found.held.values.tolist() == [0, 1, 0]
    assert found.notes == ("2 of 5 labels do not count, for they are not of 2021-01-01 to 2021-12-31 (2018: 2)",)
    with pytest.raises(ConfigError, match="give `date` beside `file` too"):
        labels(folder, files, field="kind")
    with pytest.raises(ConfigError, match="false of every file"):
        labels(folder, files[2:], field="kind", date=date)


@pytest.mark.parametrize(
    ("file", "others", "told"),
    [
        (
            ["fields.geojson", "run/points.csv"],
            {"field": "kind"},
            "points.csv has no field 'kind'; there are: lon, lat",
        ),
        (["fields.geojson", "gone.csv"], {"field": "kind"}, "gone.csv cannot be read"),
        (["fields.geojson", {"file": "run/points.csv", "field": "label"}], {}, "`field` is required but not given"),
        (["fields.geojson", "old.csv"], {"field": "kind", "layer": "a"}, "`layer` is one file's; write it with the"),
        (
            [{"file": "fields.geojson", "crs": "EPSG:4326"}, "old.csv"],
            {"field": "kind"},
            "`crs` goes with a CSV `file`",
        ),
        ([], {"field": "kind"}, "data.labels.file: the list is empty; name a file"),
        (3, {"field": "kind"}, "3 names no file; write a name in quotes, or a list such as [fields.gpkg, {file:"),
        (
            [{"path": "fields.geojson"}],
            {"field": "kind"},
            "data.labels.file.0.path: unknown key (value 'fields.geojson')",
        ),
        (
            [{"file": "run/points.csv", "field": "chance"}],
            {"field": "kind"},
            "the field 'chance' of",
        ),
    ],
)
def test_what_is_wrong_names_the_file(folder: Path, file: Any, others: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        labels(folder, file, **others)
    assert told in str(refused.value), str(refused.value)


def test_a_name_means_its_class_unless_it_is_a_number_or_another_s_value(folder: Path) -> None:
    path = folder / "names.csv"
    path.write_text("lon,lat,label\n11,51,forest\n12,52,lake\n13,53,7\n")
    assert labels(folder, "names.csv", field="label").held.values.tolist() == [0, 1, 0]  # type: ignore[union-attr]
    path.write_text("lon,lat,label\n11,51,12\n")
    with pytest.raises(ConfigError, match="12"):
        labels(folder, "names.csv", field="label")
