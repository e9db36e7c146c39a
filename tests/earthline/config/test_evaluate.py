"""What decides over a model: the metric and the floors, checked against the task."""

from pathlib import Path

import pytest

from earthline.config import ConfigError, load

QUICKSTART = Path(__file__).parents[3] / "configs" / "quickstart.yaml"


def refused(override: str) -> str:
    with pytest.raises(ConfigError) as error:
        load(QUICKSTART, [override])
    return str(error.value)


def test_a_metric_is_one_of_the_task_s() -> None:
    assert load(QUICKSTART).evaluate.metric is None
    assert load(QUICKSTART, ["evaluate.metric=mean_iou"]).evaluate.metric == "mean_iou"
    assert (
        "evaluate.metric: 'kappa' is no metric of classes, which data.labels names; use one of accuracy, macro_f1, "
        "mean_iou" in refused("evaluate.metric=kappa")
    )


def test_a_floor_is_of_a_class_and_a_share() -> None:
    assert load(QUICKSTART, ["evaluate.floors={water: 0.5}"]).evaluate.floors == {"water": 0.5}
    assert "evaluate.floors: 'ocean' is none of the classes in data.labels; use one of" in refused(
        "evaluate.floors={ocean: 0.5}"
    )
    assert "evaluate.floors.water" in refused("evaluate.floors={water: 50}")


def test_slices_are_of_bands_and_go_upwards() -> None:
    assert load(QUICKSTART, ["evaluate.slices={B4: [50, 90]}"]).evaluate.slices == {"B4": (50, 90)}
    assert "evaluate.slices: 'elevation' is no band of data.imagery; use one of B1, B2" in refused(
        "evaluate.slices={elevation: [200]}"
    )
    assert "[90.0, 50.0] does not go upwards; write [50.0, 90.0]" in refused("evaluate.slices={B4: [90, 50]}")
