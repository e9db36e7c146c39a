"""Settings that are tried before a training."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from earthline.config import Train
from earthline.config.sections.train.tune import Range, Tune
from trainer import training
from trainer.models.unet import UNet
from trainer.several import tuning
from trainer.several.tuning import TUNING, Tuning

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SECTION: dict[str, Any] = {
    "model": {"name": "unet", "filters": 4, "depth": 1, "dropout": 0.0},
    "epochs": 2,
    "batch_size": 4,
    "learning_rate": 1e-8,
    "speed": "plain",
    "tune": {"over": {"learning_rate": [0.02]}, "trials": 5},
}


def test_the_best_settings_are_trained_and_an_interrupted_search_goes_on(
    dataset: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    examples, model = dataset(), tmp_path / "model"
    learn = tuning.learn
    calls: list[float] = []

    class Killed(Exception):
        pass

    def killed_at_the_second(section: Any, lesson: Any) -> Any:
        calls.append(lesson.train.learning_rate)
        if len(calls) == 2:
            raise Killed
        return learn(section, lesson)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tuning, "learn", killed_at_the_second)
        with pytest.raises(Killed):
            training.run(Train.model_validate(SECTION), examples, model)
        training.run(Train.model_validate(SECTION), examples, model)
    # A rate of 1e-8 learns nothing. It was tried once, although the run began twice.
    assert calls == [1e-8, 0.02, 0.02]
    found = Tuning.model_validate_json((model / TUNING).read_text())
    assert found.best == {"learning_rate": 0.02} and [trial.epochs for trial in found.trials] == [1, 1]
    own, other = (trial.value for trial in found.trials)
    assert own is not None and other is not None and other < own and not found.larger_is_better
    assert "tune: the best of 2 trials has learning_rate 0.02" in capsys.readouterr().out
    assert not (model / "checkpoint").exists()


def test_a_draw_begins_with_the_configs_own_settings_and_keeps_to_the_bounds() -> None:
    tune = Tune(over={"learning_rate": Range(low=1e-4, high=1e-2, log=True), "model.filters": (8, 16)}, trials=200)
    found = tuning.drawn(tune, seed=1)
    assert found == tuning.drawn(tune, seed=1) and found[0] == {} and len(found) == 200
    rates = [settings["learning_rate"] for settings in found[1:]]
    assert 1e-4 <= min(rates) and max(rates) <= 1e-2
    assert 60 < sum(rate < 1e-3 for rate in rates) < 140
    assert {settings["model.filters"] for settings in found[1:]} == {8, 16}
    # There are three: two values and the config's own.
    assert len(tuning.drawn(Tune(over={"model.filters": (8, 16)}, trials=9), seed=1)) == 3


def test_networks_are_tried_in_two_rounds_and_trees_in_one() -> None:
    def rounds(**section: Any) -> list[int]:
        manifest = SimpleNamespace(splits={"train": SimpleNamespace(examples=40)})
        return tuning.rounds(SimpleNamespace(train=Train(**section), manifest=manifest))  # type: ignore[arg-type]

    assert rounds(epochs=90) == [10, 30] and rounds(epochs=2) == [1]
    # 150, where two steps an epoch would need 500.
    assert rounds() == [17, 50]
    assert rounds(epochs=90, model={"name": "random_forest"}) == [90]


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"lerning_rate": [1.0]}, r"'lerning_rate' is no key of `train`; known there: model, "),
        ({"loss.label_smoothing": [0.1]}, r"write out `loss` first"),
        ({"model.depth": [1, 2]}, r"model\.depth: 2 gives the model a stride of 4 px"),
        ({"learning_rate": {"low": 0.1, "high": 5.0}}, r"learning_rate: 5\.0 cannot be tried"),
        ({"epochs": [1]}, r"'epochs' is the same for all trials"),
        ({"learning_rate": {"low": 0.1, "high": 0.01}}, r"low 0\.1 is not below high 0\.01"),
        ({"mask_share": {"low": 0.0, "high": 0.5, "log": True}}, r"has no ratio"),
    ],
)
def test_what_cannot_be_tried_is_refused_with_the_config(over: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Train.model_validate({**SECTION, "tune": {"over": over}})


def test_settings_change_what_they_name() -> None:
    train = Train.model_validate(SECTION)
    other = train.changed({"model.filters": 8, "mask_share": 0.1})
    assert isinstance(other.model, UNet) and other.model.filters == 8 and other.mask_share == 0.1
    assert other.tune is None and other.model.depth == 1
