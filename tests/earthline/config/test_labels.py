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
    assert labels.notes == ("features without a label, as they have nothing in 'kind': 1",)
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
    with pytest.raises(ConfigError, match=r"'Woods ' \(1 feature, nearly 'wood'\)"):
        load(write_config(tmp_path, [(10, 50, "Woods ")]))


def test_values_may_be_numbers_with_fractions_as_a_message_lists_them(tmp_path):
    (tmp_path / "points.csv").write_text("lon,lat,kind\n10,50,0.5\n11,50,2.0\n12,50,\n13,50,nan\n")
    path = tmp_path / "config.yaml"

    def labels(first, second, **more):
        classes = [
            {"name": name, "color": "#1b7837", "values": values} for name, values in (("a", first), ("b", second))
        ]
        path.write_text(
            json.dumps(content(**{"file": "points.csv", "classes": classes, **more})).replace("NaN", ".nan")
        )
        return load(path).data.labels

    with pytest.raises(ConfigError, match=r"values of no class: 0.5 \(1 feature\), 2 \(1 feature\); add them"):
        labels(["x"], [7])
    assert labels([0.5], [2]).features == ((0, [10, 50]), (1, [11, 50])) == labels(["0.5"], [2.0]).features
    assert labels([7], [2], ignore=[0.5]).features == ((1, [11, 50]),)
    assert Data.model_validate_json(load(path).data.model_dump_json()).labels.features == ((1, [11, 50]),)
    for wrong, words in (
        ({"second": ["0.5"]}, "belongs to 'a' and to 'b'"),
        ({"ignore": ["0.5"]}, r"\['0.5'\] stand in `ignore` and in a class"),
        ({"ignore": [float("nan")]}, "leave it out here"),
        ({"second": [True]}, 'write a text in quotes, such as "true"'),
    ):
        with pytest.raises(ConfigError, match=words):
            labels(**{"first": [0.5], "second": [2], **wrong})


def dated(tmp_path, days, imagery=None, **labels):
    """A config of points with days, and of one year's imagery."""
    rows = "".join(
        f"{10 + number / 1000},50,{'wood' if number % 2 else 'lake'},{day}\n" for number, day in enumerate(days)
    )
    (tmp_path / "points.csv").write_text("lon,lat,kind,seen\n" + rows)
    whole = content(file="points.csv", **{"date": "seen", **labels})
    whole["data"]["imagery"] = imagery or {"collection": "a/b", "bands": ["B1"], "year": 2021}
    whole["data"] |= {"region": {"west": 9, "south": 49, "east": 12, "north": 51}, "crs": "EPSG:32632", "scale": 10}
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(whole))
    return path


def test_labels_of_another_time_than_the_imagery_do_not_count_and_are_told(tmp_path):
    path = dated(tmp_path, ["2021-01-01", "2021-12-31", "2022-01-01", "2020-12-31", "", "2019-07-01"])
    labels = load(path).data.labels
    assert labels.features == ((1, [10, 50]), (0, [10.001, 50]))
    assert labels.notes == (
        "4 of 6 labels do not count, for they are not of 2021-01-01 to 2021-12-31 (2019: 1, 2020: 1, 2022: 1, without "
        "a date: 1)",
    )
    assert labels.date is None
    assert Data.model_validate_json(load(path).data.model_dump_json()).labels.features == labels.features
    near = load(dated(tmp_path, ["2021-01-01", "2022-01-01", "2022-01-02"], date={"field": "seen", "tolerance": 1}))
    assert len(near.data.labels.held) == 2
    given = {"field": "seen", "within": [["2019-01-01", "2020-01-01"]]}
    assert len(load(dated(tmp_path, ["2021", "2019-05"], date=given)).data.labels.held) == 1
    national = {"field": "seen", "order": "day_first"}
    assert len(load(dated(tmp_path, ["31.12.2021", "01.01.2022"], date=national)).data.labels.held) == 1


def test_a_large_file_is_named_by_the_labels_that_count(tmp_path):
    days = [f"2021{number % 11 + 1:02}01" if number % 4 else "2020" for number in range(2000)]
    labels = load(dated(tmp_path, days)).data.labels
    assert len(labels.upload) == 1500 and labels.content == labels.held.digest() and labels.date is None


def test_the_dates_of_a_table_are_the_imagery_s(tmp_path):
    path = dated(tmp_path, ["2021"])
    whole = json.loads(path.read_text())
    del whole["data"]["labels"]["file"]
    whole["data"]["labels"]["table"] = "a/table"
    sources = [
        {"ready": "sentinel2", "start": "2021-04-01", "end": "2021-10-01"},
        {"ready": "sentinel1", "year": 2020},
        {"ready": "copernicus_dem"},
    ]
    whole["data"]["imagery"] = {"sources": sources, "data_type": "float32"}
    whole["train"] = {"model": {"depth": 2}}
    labels = parse(whole, "here").data.labels
    assert labels.date.within == (("2021-04-01", "2021-10-01"), ("2020-01-01", "2021-01-01"))
    assert Data.model_validate_json(parse(whole, "here").data.model_dump_json()).labels == labels
    whole["data"]["labels"]["date"] = {"field": "seen", "order": "day_first"}
    with pytest.raises(ConfigError, match="date: `order` is read of a `file`"):
        parse(whole, "here")


@pytest.mark.parametrize(
    ("days", "more", "words"),
    [
        (
            ["2019", "2020", "2020"],
            {},
            ["none of 3 labels is of 2021-01-01 to 2021-12-31 (2019: 1, 2020: 2)", "within"],
        ),
        (["3.4.21"], {}, ["the field 'seen'", "'3.4.21' (1 feature)", "2021-06-15"]),
        (["2021"], {"date": "when"}, ["no field 'when'", "seen"]),
        (["2021"], {"date": 2021}, ["data.labels.date", "name the field"]),
        (["2021"], {"date": {"field": "seen", "within": [["2022-01-01", "2021-01-01"]]}}, ["must be before"]),
        (
            ["2021"],
            {"imagery": {"image": "a/b", "bands": ["B1"]}},
            ["labels.date", "no source", "within: [[2021-01-01"],
        ),
    ],
)
def test_mistakes_about_dates_are_told(tmp_path, days, more, words):
    with pytest.raises(ConfigError) as caught:
        load(dated(tmp_path, days, **more))
    for word in words:
        assert word in str(caught.value)
