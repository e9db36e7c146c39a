"""Regression: statistics, strata, maps and colours of a continuous value, all from one object."""

from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from earthline.config import Data
from earthline.formats.task_record import TaskRecord
from earthline.task import task_of, task_of_record
from earthline.task.labels import LabelError
from earthline.task.maps import MISSING_COLOR
from earthline.task.regression.statistics import BINS, ValueStatistics
from earthline.task.regression.task import Regression

TASK = Regression("height", "m", (0.0, 60.0), (5.0, 20.0), ("#000000", "#ff0000"))
NONE = TASK.no_data


def described(**value: object) -> Data:
    labels = {"image": "a/c", "band": "b1", "ignore": [-9999.5], "value": {"name": "height", "range": [0, 60], **value}}
    return Data.model_validate({"imagery": {"image": "a/b", "bands": ["B1"]}, "labels": labels})


def of(values: np.ndarray) -> ValueStatistics:
    return TASK.statistics(values.astype(np.float32))


def test_a_config_and_a_manifest_tell_the_same_task() -> None:
    task = task_of(described(unit="m", breaks=[5, 20]))
    again = task_of_record(TaskRecord.model_validate_json(task.record.model_dump_json()))
    assert again.record == task.record and again.strata == task.strata == ("0 to 5 m", "5 to 20 m", "20 to 60 m")
    assert task_of(described()).strata == ("0 to 12", "12 to 24", "24 to 36", "36 to 48", "48 to 60")
    with pytest.raises(ValueError, match="no record of a value"):
        Regression.of_record(TaskRecord(name="regression", output="values", entries=("a",), kind="values"))


@given(st.lists(st.floats(0, 60, width=32), min_size=1, max_size=60), st.integers(0, 60))
def test_statistics_of_parts_add_up_to_those_of_the_whole(values: list[float], cut: int) -> None:
    every = np.array(values, np.float32)
    whole, parts = of(every), of(every[:cut]) + of(every[cut:])
    assert parts.differences(whole.to_json()) == []
    assert parts.by_stratum == whole.by_stratum and (parts.bins == whole.bins).all()
    exact = every.astype(np.float64)
    assert parts.mean == pytest.approx(exact.mean(), abs=1e-6) and parts.std == pytest.approx(exact.std(), abs=1e-5)
    found = [parts.quantile(percent) for percent in (0, 5, 50, 95, 100)]
    assert all(one <= other for one, other in pairwise(found))
    assert exact.min() <= found[0] and found[-1] <= exact.max()


def test_quantiles_are_right_to_a_part_of_the_range() -> None:
    values = np.random.default_rng(1).gamma(2, 6, 20_000).clip(0, 60)
    for percent, value in of(values).to_json()["quantiles"].items():
        assert value == pytest.approx(np.percentile(values, float(percent)), abs=60 / BINS)


def test_another_count_or_mean_than_the_manifest_says_is_told() -> None:
    said = of(np.array([1.0, 2.0])).to_json()
    assert of(np.array([1.0, 2.0, 3.0])).differences(said) == ["3 labelled pixels, the manifest says 2"]
    assert "mean 2 of the labels" in of(np.array([1.0, 3.0])).differences(said)[0]
    assert of(np.zeros(0)).to_json()["mean"] is None


def test_strata_are_parts_of_the_range() -> None:
    assert TASK.strata_of(np.array([0, 4.9, 5, 19, 20, 60, 70])).tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert of(np.array([1.0, 6, 7, 30])).by_stratum == (1, 2, 1)


def test_labels_that_are_no_value_are_told() -> None:
    assert TASK.label_problem(np.array([[0, 60, NONE]], np.float32)) == ""
    assert "1 values that are NaN or infinite" in TASK.label_problem(np.array([[np.nan, 2]], np.float32))
    assert "2 values outside of 0 to 60, such as -3" in TASK.label_problem(np.array([[-3, 61]], np.float32))


def test_labels_of_examples_are_scaled_and_ignored() -> None:
    task = task_of(described(multiply=0.1, add=1))
    values = np.array([[np.nan, -9999.5, 100, 0]])
    found = task.encoded_values(values, described().labels)
    assert found.tolist() == [[NONE, NONE, 11, 1]] and found.dtype == np.float32
    with pytest.raises(LabelError, match=r"1 values outside of data.labels.value.range \[0, 60\], such as 700"):
        task.encoded_values(np.array([700.0]), described().labels)


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ([3.0] * 40, [1.0, 2.0], "constant labels"),
        ([3.0, 4.0], [3.0], "few labels"),
    ],
)
def test_nothing_to_learn_from_fails(train: list[float], test: list[float], said: str) -> None:
    found = TASK.label_findings({"train": of(np.array(train)), "test": of(np.array(test))})
    assert said in [kind for kind, _ in found.anomalies]


def test_splits_of_another_kind_and_absent_parts_are_warned_of() -> None:
    train, test = np.linspace(0, 10, 100), np.linspace(40, 50, 100)
    found = TASK.label_findings({"train": of(train), "test": of(test)})
    assert found.anomalies == ()
    assert "test: the mean label 45 m is" in found.warnings[0] and "above train's 5" in found.warnings[0]
    assert "no label of 20 to 60 m" in found.warnings[1]


def test_a_map_is_the_first_output_and_keeps_what_lies_outside_of_the_range() -> None:
    outputs = np.array([[-4, 1, 2], [70, 1, 2], [np.nan, 1, 2], [np.inf, 1, 2]])
    assert TASK.decoded(outputs).tolist() == [-4, 70, NONE, NONE]
    assert TASK.map_problem(np.array([-4, 70], np.float32)) == ""
    assert "no finite number for 1 pixels" in TASK.map_problem(np.array([NONE], np.float32))


def test_a_map_has_the_ramp_s_colours() -> None:
    picture = TASK.colors_of(np.array([[-5, 0, 30, 60, 99, NONE, np.nan]], np.float32))[0].tolist()
    assert picture[0] == picture[1] == [0, 0, 0] and picture[3] == picture[4] == [255, 0, 0]
    assert picture[2] == pytest.approx([128, 0, 0], abs=1)
    assert picture[5] == picture[6] == list(MISSING_COLOR)
    assert TASK.legend.names == ("0", "15", "30", "45", "60") and TASK.legend.ramp == "height (m)"
    assert TASK.asset_properties()["value_unit"] == TASK.map_unit == "m" and TASK.pyramiding_policy == "MEAN"


def test_a_map_s_mean_is_weighted_by_ground_and_outliers_are_counted() -> None:
    coverage = TASK.coverage(True)
    random = np.random.default_rng(2)
    values, ground = random.uniform(-3, 63, (20, 8)).astype(np.float32), random.uniform(1, 2, (20, 8))
    values[0, 0] = NONE
    for rows in (slice(0, 7), slice(7, 20)):
        coverage.add(values[rows], ground[rows])
    there, shown = values != NONE, coverage.shown()
    mean = np.average(values[there], weights=ground[there])
    assert shown["mean"] == pytest.approx(mean)
    assert shown["std"] == pytest.approx(np.average((values[there] - mean) ** 2, weights=ground[there]) ** 0.5)
    assert shown["hectares"] == pytest.approx(ground[there].sum()) and shown["masked"] == 1
    assert shown["below"] == (values[there] < 0).sum() > 0 and shown["above"] == (values > 60).sum() > 0
    assert sum(part.share for part in shown["parts"]) == pytest.approx(1)
