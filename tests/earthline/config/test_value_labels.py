"""A continuous value as label: its section, and what values of a field mean."""

from pathlib import Path

import pytest

from earthline.config import Config, ConfigError, parse
from earthline.config.sections.labels import ValueExamples, ValueFeatures, ValueRaster
from earthline.config.sections.labels.value_rules import values_of
from earthline.label_features.features import FeaturesError

VALUE = {"name": "height", "unit": "m", "range": [0, 60]}
RASTER = {"image": "a/c", "band": "b1", "value": VALUE}


def config(labels: dict[str, object], **sections: object) -> Config:
    data = {"imagery": {"image": "a/b", "bands": ["B1"], "data_type": "uint8"}, "labels": labels}
    return parse({"name": "heights", "data": data, **sections}, "x")


def refused(labels: dict[str, object], **sections: object) -> str:
    with pytest.raises(ConfigError) as error:
        config(labels, **sections)
    return str(error.value)


def test_the_keys_say_which_source_is_meant() -> None:
    assert isinstance(config(RASTER).data.labels, ValueRaster)
    assert isinstance(config({"table": "a/t", "field": "h", "value": VALUE}).data.labels, ValueFeatures)
    examples = {"files": ["gs://b/x"], "split": {"by": "file"}}
    data = {"imagery": {"image": "a/b", "bands": ["B1"]}, "labels": {"feature": "h", "value": VALUE}}
    parsed = parse({"name": "heights", "data": {**data, "examples": examples}}, "x")
    assert isinstance(parsed.data.labels, ValueExamples)
    assert config(RASTER).data.labels.summary == "height in m"


def test_it_travels_to_a_step_as_it_is() -> None:
    data = config({**RASTER, "ignore": [-9999.5], "value": {**VALUE, "multiply": 0.1, "breaks": [3.5]}}).data
    assert type(data).model_validate_json(data.model_dump_json()) == data


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"range": [60, 0]}, "value.range: [60, 0] does not go upwards"),
        ({"range": [0, float("inf")]}, "value.range.1: inf is not allowed"),
        ({"breaks": [10, 70]}, "breaks [10.0, 70.0]: each must be above the one before, and inside of range [0, 60]"),
        ({"breaks": [20, 10]}, "sort them"),
        ({"multiply": 0}, "multiply 0 makes all labels equal"),
        ({"colors": ["#000000"]}, "value.colors"),
        ({"unit": "a\nb"}, "value.unit"),
    ],
)
def test_mistakes_name_key_and_fix(value: dict[str, object], said: str) -> None:
    assert said in refused({**RASTER, "value": {**VALUE, **value}})


def test_losses_metrics_and_floors_are_those_of_values() -> None:
    assert "train.loss: cross_entropy is no loss for values" in refused(
        RASTER, train={"loss": {"name": "cross_entropy"}}
    )
    assert "use one of rmse, mae, r2, bias" in refused(RASTER, evaluate={"metric": "accuracy"})
    assert "remove it: values have no floors" in refused(RASTER, evaluate={"floors": {"height": 0.5}})
    classes = [{"name": name, "color": "#000000", "values": [id]} for id, name in enumerate("ab")]
    assert "give one of `classes` and `value`" in refused({**RASTER, "classes": classes})


def test_what_is_missing_or_no_list_is_told_with_what_to_write() -> None:
    said = refused({"image": "a/c", "band": "b1"})
    assert "data.labels.classes: required but not given; add it, or `value` for another kind of map" in said
    assert "'0-60' is no list; write it in brackets, such as [0, 60]" in refused(
        {**RASTER, "value": {**VALUE, "range": "0-60"}}
    )
    # Following the advice ends the matter.
    assert "32 is no list; write it in brackets, such as [32, 32]" in refused(RASTER, export={"patch_shape": 32})
    assert "export.patch_shape.1: a number is missing there; give 2" in refused(RASTER, export={"patch_shape": [32]})


def test_an_interval_makes_the_answer_of_the_endpoint_three_times_as_large() -> None:
    tile, bands = {"tile_shape": [64, 64]}, {"bands": ["q0.05", "q0.95"]}
    one, three = (
        config(RASTER, serving=tile),
        config(RASTER, serving=tile, train={"loss": {"name": "quantile"}}, predict=bands),
    )
    assert three.response_bytes > 2.9 * (one.response_bytes - 1152)


def test_values_of_a_field() -> None:
    values = ["12.5", 3, None, "", float("nan"), -9999, "-9999.0", "no data", 0.0]
    found = values_of(values, 2, 1, (0, 60), (-9999, "no data"))
    assert found == [26, 7, None, None, None, None, None, None, 1]
    with pytest.raises(
        FeaturesError, match=r"no numbers: 'NA'.*; and values outside .*\[0, 60\]: 9000.0 \(1 feature\)"
    ):
        values_of(["NA", 9000.0, 7.0], 1, 0, (0, 60))  # in one go, not one after the other
    with pytest.raises(FeaturesError, match=r"no numbers: '12,5' \(2 features\); write them as numbers \(12.5"):
        values_of(["12,5", "12,5"], 1, 0, (0, 60))
    with pytest.raises(FeaturesError, match=r"outside of data.labels.value.range \[0, 60\]: 70.0 \(1 feature\)"):
        values_of([70, 60.00000001], 1, 0, (0, 60))


def test_a_file_s_values_are_in_the_unit_once_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "trees.csv").write_text("longitude,latitude,h\n10,50,120\n10.1,50,-1\n10.2,50,80\n")
    (tmp_path / "w.yaml").write_text(
        "name: trees\n"
        "data:\n"
        "  imagery: {image: a/b, bands: [B1], data_type: uint8}\n"
        "  labels: {file: trees.csv, field: h, ignore: [-1], value: {name: height, unit: m, range: [0, 60], "
        "multiply: 0.1}}\n"
    )
    from earthline.config import load
    from earthline.task import task_of

    labels = load(tmp_path / "w.yaml").data.labels
    assert isinstance(labels, ValueFeatures) and labels.held is not None
    assert sorted(labels.held.values.tolist()) == [8, 12]
    again = ValueFeatures.model_validate_json(labels.model_dump_json())
    assert again == labels
    task = task_of(load(tmp_path / "w.yaml").data)
    assert task.multiply == 1
