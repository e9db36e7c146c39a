"""The section `data.labels` of points and polygons: what is read, what travels, and what is refused."""

import json
import time

import pytest

from earthline.config import ConfigError, Data, RasterLabels, VectorLabels, parse
from earthline.config.loading import load

CLASSES = [
    {"name": "forest", "color": "#1b7837", "values": ["wood", 7]},
    {"name": "water", "color": "#2b8cbe", "values": ["lake"]},
]


def content(**labels):
    given = {"field": "kind", "classes": CLASSES, **labels}
    return {"name": "fields", "data": {"imagery": {"image": "a/b", "bands": ["B1"]}, "labels": given}}


def ranged(*ranges, **labels):
    classes = [{"name": f"class {number}", "color": "#123456", "ranges": each} for number, each in enumerate(ranges)]
    return content(table="a/table", classes=classes, **labels)


def write_config(folder, rows, **labels):
    (folder / "points.csv").write_text("lon,lat,kind\n" + "".join(f"{x},{y},{kind}\n" for x, y, kind in rows))
    path = folder / "config.yaml"
    path.write_text(json.dumps(content(file="points.csv", **labels)))
    return path


def test_a_small_file_travels_with_the_config_without_its_name(tmp_path):
    path = write_config(tmp_path, [(10, 50, "wood"), (11, 51, "lake"), (12, 52, "7"), (13, 53, "")])
    labels = load(path).data.labels
    assert isinstance(labels, VectorLabels)
    assert labels.features == ((0, [10, 50]), (1, [11, 51]), (0, [12, 52]))
    assert labels.notes == ("1 features have nothing in 'kind', so they have no label",)
    assert labels.file is labels.field is labels.table is labels.content is labels.upload is None
    travelled = Data.model_validate_json(load(path).data.model_dump_json())
    assert travelled.labels.held.digest() == labels.held.digest()
    assert travelled.model_dump_json() == load(path).data.model_dump_json()


def test_the_same_content_in_another_file_is_the_same_section(tmp_path):
    rows = [(10, 50, "wood"), (11, 51, "lake")]
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    first = load(write_config(one, rows)).data.model_dump_json()
    assert load(write_config(two, rows)).data.model_dump_json() == first
    assert load(write_config(two, [*rows, (12, 52, "wood")])).data.model_dump_json() != first


def test_a_large_file_becomes_a_table_of_the_project_named_by_its_content(tmp_path):
    rows = [(10 + number / 1000, 50, "wood" if number % 2 else "lake") for number in range(2000)]
    labels = load(write_config(tmp_path, rows)).data.labels
    assert labels.features is None and len(labels.upload) == 2000
    assert labels.table == f"projects/sandbox/assets/earthline/labels/{labels.content[:32]}"
    assert load(write_config(tmp_path, rows[::-1])).data.labels.table == labels.table
    travelled = Data.model_validate_json(load(write_config(tmp_path, rows)).data.model_dump_json()).labels
    assert travelled.table == labels.table and travelled.upload is None and travelled.held is None


def test_fifty_thousand_points_are_read_in_seconds(tmp_path):
    path = write_config(tmp_path, [(10 + number / 1e5, 50, "wood") for number in range(50_000)])
    start = time.process_time()
    load(path)
    assert time.process_time() - start < 10


def test_a_raster_stays_a_raster():
    classes = [{"name": name, "color": "#123456", "values": [value]} for value, name in enumerate(("a", "b"))]
    given = content(image="a/c", band="b1", classes=classes)
    del given["data"]["labels"]["field"]
    assert isinstance(parse(given, "x").data.labels, RasterLabels)


def test_ranges_are_classes_of_a_raster_and_of_a_table():
    assert parse(ranged([[0, 0.2]], [[0.2, 1.0]]), "x").data.labels.by_ranges
    given = ranged([[0, 0.2]], [[0.2, 1.0]])
    given["data"]["labels"] = {"image": "a/c", "band": "b1", "classes": given["data"]["labels"]["classes"]}
    assert parse(given, "x").data.labels.numbers == ((0,), (1,))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (content(), ["data.labels", "exactly one of `file` and `table`"]),
        (content(file="a.csv", table="a/b"), ["data.labels", "exactly one of `file` and `table`"]),
        (content(file="nowhere.csv"), ["data.labels", "nowhere.csv cannot be read", "config's folder"]),
        (content(table="a/b", field=None), ["data.labels", "`field` is required"]),
        (content(table="a/b", layer="x"), ["data.labels", "`layer` goes with `file`"]),
        (content(table="a/b", longitude="x"), ["data.labels", "`longitude` goes with a CSV `file`"]),
        (content(table="a/b", band="b1"), ["data.labels.table: unknown key"]),
        (content(table="a/b", radius=0), ["data.labels.radius", "greater than 0"]),
        (content(table="a/b", ignore=["lake"]), ["data.labels", "['lake']", "`ignore`"]),
        (content(table="a/b", feild="x"), ["data.labels.feild: unknown key", "`field`"]),
        (ranged([[0.2, 0]], [[1, 2]]), ["'class 0'", "[0.2, 0]", "upwards"]),
        (ranged([[0, 2]], [[1, 3]]), ["[0, 2] of 'class 0' overlaps [1, 3] of 'class 1'"]),
        (
            content(table="a/b", classes=[CLASSES[0], {"name": "x", "color": "#123456", "ranges": [[0, 1]]}]),
            ["'forest' has `values` and 'x' has `ranges`"],
        ),
        (
            content(table="a/b", classes=[CLASSES[0], {"name": "x", "color": "#123456"}]),
            ["class 'x': give `values` or `ranges`"],
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[-1],
)
def test_each_mistake_is_told_with_its_key(given, words):
    with pytest.raises(ConfigError) as caught:
        parse(given, "x")
    for word in words:
        assert word in str(caught.value)


def test_a_text_with_a_space_is_nearly_the_other(tmp_path):
    with pytest.raises(ConfigError, match=r"'Wood ' \(1 feature, nearly 'wood'\)"):
        load(write_config(tmp_path, [(10, 50, "Wood ")]))
