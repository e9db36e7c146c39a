"""The loss: found through the labels' task, by its name."""

from pathlib import Path

import pytest

from earthline.config import ConfigError, Train, load
from earthline.config.sections.train.loss import default, known, names
from earthline.task.classification.losses import CrossEntropy

QUICKSTART = Path(__file__).parents[3] / "configs" / "quickstart.yaml"


def refused(*overrides: str) -> str:
    with pytest.raises(ConfigError) as error:
        load(QUICKSTART, overrides)
    return str(error.value)


def test_a_loss_keeps_its_options_on_the_way_to_a_step() -> None:
    train = load(QUICKSTART, ["train.loss={name: cross_entropy, class_weights: sqrt}"]).train
    assert Train.model_validate_json(train.model_dump_json()).loss == CrossEntropy(class_weights="sqrt")
    assert Train().loss is None and Train().loss_of("classification") == default("classification") == CrossEntropy()


def test_every_name_is_of_one_loss() -> None:
    every = [name for task in known() for name in names(task)]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(("key", "value"), [("label_smoothing", "0.05"), ("class_weights", "sqrt")])
def test_options_that_moved_say_where_they_went(key: str, value: str) -> None:
    said = refused(f"train.{key}={value}")
    assert f"train.{key}: unknown key" in said
    written = f"{{name: cross_entropy, {key}: {value}}}"
    assert f"write `train.loss: {written}`" in said and f"--set 'train.loss={written}'" in said
    load(QUICKSTART, [f"train.loss={written}"])


def test_mistakes_name_the_losses_that_there_are() -> None:
    assert "train.loss: name 'focall' is no loss; known here: cross_entropy" in refused("train.loss={name: focall}")
    assert "train.loss: `name` is required" in refused("train.loss={label_smoothing: 0.1}")
    assert "write `loss: {name: cross_entropy}`" in refused("train.loss=cross_entropy")
    assert "did you mean `label_smoothing`?" in refused("train.loss={name: cross_entropy, label_smoothin: 0.1}")
