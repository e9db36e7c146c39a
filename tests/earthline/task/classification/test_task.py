"""Classification, the first task: labels, maps, colours and what is judged, all from one object."""

from pathlib import Path

import numpy as np
import pytest

from earthline.config import Data, RasterLabels, load
from earthline.task import TASKS, known, task_of, task_of_record
from earthline.task.bootstrap import Bootstrap
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification
from earthline.task.labels import OF_A_REGION, OF_EXAMPLES
from trainer.heads import HEADS

ROOT = Path(__file__).parents[4]
TASK = Classification(("low", "high"), ("#112233", "#ff0080"), ((4,), (7, 9)))


def test_each_task_has_a_head_and_marks_of_its_own() -> None:
    assert {task.name for task in known()} == set(TASKS) == set(HEADS)
    assert len({(task.map_band, task.map_mark) for task in known()}) == len(TASKS)


def test_a_config_and_a_manifest_tell_the_same_task() -> None:
    data = load(ROOT / "configs" / "quickstart.yaml").data
    of_config, of_examples = task_of(data), task_of_record(task_of(data).record)
    assert type(of_config) is type(of_examples)
    assert of_config.legend.names == of_examples.legend.names == data.labels.class_names


def test_the_most_probable_class_and_none_where_there_is_no_number() -> None:
    outputs = np.array([[0.2, 0.8], [0.6, 0.4], [np.nan, 0.4], [np.inf, 0.0]])
    assert TASK.decoded(outputs).tolist() == [1, 0, UNLABELLED, UNLABELLED]
    assert TASK.decoded(outputs).dtype == np.dtype(TASK.data_type)


def test_values_that_no_class_has_are_told() -> None:
    assert TASK.label_problem(np.array([[0, 1, UNLABELLED]], np.uint8)) == ""
    assert TASK.label_problem(np.array([[0, 5, 3]], np.uint8)) == "[3, 5], which are no class ids"
    assert TASK.map_problem(np.array([0, 1], np.uint8)) == ""
    assert "(no prediction)" in TASK.map_problem(np.array([0, UNLABELLED], np.uint8))


def test_a_map_has_the_legend_s_colours() -> None:
    picture = TASK.colors_of(np.array([[0, 1, UNLABELLED]], np.uint8))
    assert picture.tolist() == [[[0x11, 0x22, 0x33], [0xFF, 0x00, 0x80], [235, 235, 235]]]
    assert TASK.colormap()[1] == (0xFF, 0x00, 0x80, 255) and TASK.colormap()[UNLABELLED][3] == 0
    assert TASK.asset_properties()[TASK.map_mark] == ["low", "high"]
    assert TASK.band_tags() == {"class_0": "low", "class_1": "high"}


def test_sums_over_blocks_give_every_metric() -> None:
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    tally = TASK.tally(labels, predicted, np.array([0, 0, 1, 1]))
    assert TASK.gate_sums(tally).tolist() == [[1, 0, 2, 0, 1, 1], [0, 2, 0, 2, 0, 2]]
    assert TASK.gate_value(tally, "accuracy") == 0.75 and TASK.gate_metric in TASK.measures
    scores = TASK.scores(tally, Bootstrap(2, 0.9, 0))
    assert {name: metric.value for name, metric in scores.metrics.items()} == {
        name: TASK.gate_value(tally, name) for name in TASK.measures
    }
    assert TASK.parts(scores) == pytest.approx({"low": 2 / 3, "high": 0.8})


def test_a_pixel_without_a_prediction_is_no_class_and_is_told() -> None:
    with pytest.raises(ValueError, match=r"no finite number for 1 of 2 test pixels; lower train\.learning_rate"):
        TASK.tally(np.array([0, 1]), np.array([0, UNLABELLED]), np.array([0, 0]))


def test_data_is_what_a_task_is_made_of() -> None:
    data = Data.model_validate(
        {
            "imagery": {"image": "a/b", "bands": ["B1"]},
            "labels": {
                "image": "a/c",
                "band": "b1",
                "classes": [
                    {"name": "low", "color": "#112233", "values": [4]},
                    {"name": "high", "color": "#ff0080", "values": [7, 9]},
                ],
            },
        }
    )
    assert task_of(data) == TASK


def test_advice_fits_where_the_examples_come_from() -> None:
    task = TASK
    train = task.statistics(np.array([0] * 100 + [1] * 3, np.uint8))
    ground = {"train": train, "test": task.statistics(np.zeros(10, np.uint8))}
    here, elsewhere = (task.label_findings(ground, None, ways) for ways in (OF_A_REGION, OF_EXAMPLES))
    assert "a larger region" in here.anomalies[0][1] and "export.block_shape" in here.warnings[-1]
    said = " ".join([elsewhere.anomalies[0][1], *elsewhere.warnings])
    assert "more files in data.examples" in said and "region" not in said and "block_shape" not in said


def test_all_classes_without_training_ground_are_one_line() -> None:
    task = Classification(("land", "water", "sand", "ice"))
    ground = {
        split: task.statistics(np.repeat(np.arange(4), counts).astype(np.uint8))
        for split, counts in {"train": [90, 0, 7, 0], "test": [9, 5, 3, 2]}.items()
    }
    ((kind, line),) = task.label_findings(ground).anomalies
    assert kind == "class balance"
    assert line.startswith(
        "'water' has no pixel in train (5 in test), 'sand' has only 7 pixels in train (3 in test) and 'ice' has no "
        "pixel in train (2 in test), too few to learn from; merge them with other classes"
    )
    # Of points a few will do; of two classes there is one alone, which lies in the test split.
    ((_, line),) = task.label_findings(ground, [9, 1, 4, 1]).anomalies
    assert line.startswith("'water' and 'ice' come from one point or polygon each, which lies in another split")


def test_classes_that_the_label_raster_never_shows_are_named() -> None:
    labels = load(ROOT / "configs" / "quickstart.yaml").data.labels
    assert isinstance(labels, RasterLabels)
    task = task_of(load(ROOT / "configs" / "quickstart.yaml").data)
    every = {str(value): 9.0 for value in range(1, 8)}
    assert task.surveyed({"value": every}, labels) == "all 7 values have a class or are ignored"
    told = task.surveyed({"value": {"1": 9.0, "3": 1.0}}, labels)
    assert "; no pixel of 'forest' and 'water' was seen" in told
