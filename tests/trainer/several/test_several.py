"""Averages of models, and the choice among them."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from earthline.config import Train
from earthline.config.model import Model
from earthline.config.sections.train.certainty import Certainty
from earthline.formats.evaluations import CHOICE, Choice
from earthline.formats.manifest import Manifest
from earthline.formats.task_record import TaskRecord
from earthline.task.bootstrap import Bootstrap
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification
from trainer import measured_pixels, saved_network, training
from trainer.description import Description
from trainer.input.store import Store
from trainer.measured_pixels import MeasuredPixels
from trainer.models.auto import Auto
from trainer.models.ensemble import Ensemble
from trainer.models.linear import Linear
from trainer.models.random_forest import RandomForest
from trainer.models.unet import UNet
from trainer.several import comparison, finished
from trainer.several.averaging import averaged

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

FOREST = RandomForest(trees=3, windows=(), depth=4)
UNET = UNet(filters=4, depth=1, dropout=0.0)


def section(model: Model, **options: Any) -> Train:
    return Train(model=model, epochs=1, batch_size=4, learning_rate=0.01, speed="plain", **options)


def image(seed: int = 1) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.uniform(0, 4000, (2, 8, 8, 3)).astype(np.float32), np.ones((2, 8, 8, 1), np.float32)]


def test_an_ensemble_gives_the_average_of_its_members(dataset: Callable[..., Path], tmp_path: Path) -> None:
    examples = dataset()
    kept: list[Any] = []

    with pytest.MonkeyPatch.context() as patched:
        learned = finished.learned
        patched.setattr(finished, "learned", lambda *given: kept.append(learned(*given)) or kept[-1])
        model = Ensemble(members=(UNET, FOREST))
        training.run(section(model, certainty=Certainty(temperature=False)), examples, tmp_path)
    network = saved_network.read(tmp_path)
    expected = (kept[0].network(image()) + kept[1].network(image())) / 2
    np.testing.assert_allclose(network(image()), expected, atol=1e-6)
    described = Description.read(tmp_path)
    assert (described.stride, described.receptive_field) == (2, UNET.receptive_field)
    assert not (tmp_path / "checkpoint").exists()


def test_weights_of_the_validation_leave_out_a_member_that_knows_nothing() -> None:
    inputs = [keras.Input((None, None, 2)), keras.Input((None, None, 1))]
    given = keras.layers.Conv2D(2, 1, name="given")
    networks = [keras.Model(inputs, keras.layers.Rescaling(scale)(given(inputs[0]))) for scale in (1.0, 3.0)]
    pixels = [np.ones((1, 2, 2, 2), np.float32), np.ones((1, 2, 2, 1), np.float32)]
    one = np.asarray(networks[0](pixels))
    np.testing.assert_allclose(averaged(networks, [0.25, 0.75], "out")(pixels), 2.5 * one, rtol=1e-5)
    np.testing.assert_allclose(averaged(networks, [0.0, 1.0], "out")(pixels), 3 * one, rtol=1e-5)


def test_auto_trains_all_keeps_what_is_finished_and_writes_how_it_chose(
    dataset: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    examples, model = dataset(), tmp_path / "model"
    auto = Auto(candidates=(Linear(), FOREST, UNet(filters=4, depth=1, dropout=0.0)))

    class Killed(Exception):
        pass

    learned = finished.learned

    def killed_at_the_third(candidate: Model, *others: Any) -> Any:
        if candidate is auto.candidates[2]:
            raise Killed
        return learned(candidate, *others)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Killed):
        patched.setattr(finished, "learned", killed_at_the_third)
        training.run(section(auto), examples, model)
    assert "finished in an earlier try" not in capsys.readouterr().out
    training.run(section(auto), examples, model)
    told = capsys.readouterr().out
    assert told.count("finished in an earlier try") == 2
    choice = Choice.found(model)
    assert choice is not None
    assert [each.name for each in choice.candidates] == ["linear", "random_forest", "unet", "ensemble"]
    assert choice.reason in told and "random_forest" in told
    taken = choice.candidates[choice.chosen]
    assert max(each.gain for each in choice.candidates if each.gain is not None) == 0
    assert taken.value is not None and taken.parameters > 0 and taken.seconds > 0
    described = Description.read(model)
    assert described.stride == (2 if taken.name in ("unet", "ensemble") else 1)
    assert described.parameters == taken.parameters
    assert not (model / "checkpoint").exists()


def test_a_candidate_that_cannot_learn_is_left_out(
    dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = finished.learned

    def fails(candidate: Model, *others: Any) -> Any:
        if candidate.name == "linear":
            raise ValueError("no series")
        return learned(candidate, *others)

    monkeypatch.setattr(finished, "learned", fails)
    training.run(section(Auto(candidates=(Linear(), FOREST), average=False)), dataset(), tmp_path)
    choice = Choice.found(tmp_path)
    assert choice is not None and choice.chosen == 1
    assert choice.candidates[0].fault == "no series" and choice.candidates[0].value is None
    assert (tmp_path / CHOICE).is_file()


def test_a_candidate_whose_stride_does_not_fit_the_patches_is_left_out(
    dataset: Callable[..., Path], tmp_path: Path
) -> None:
    deep = UNet(filters=4, depth=4, dropout=0.0)
    training.run(section(Auto(candidates=(FOREST, deep), average=False)), dataset(), tmp_path)
    choice = Choice.found(tmp_path)
    assert choice is not None and choice.chosen == 0
    assert choice.candidates[1].fault.startswith("patches of [8, 8] px do not divide by the stride 16 of unet")


def test_a_network_predicts_a_split_once_however_many_ask(
    dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted: list[Any] = []
    predict = MeasuredPixels._predicted

    def counted(pixels: MeasuredPixels, network: Any) -> Any:
        predicted.append((pixels, network))
        return predict(pixels, network)

    monkeypatch.setattr(MeasuredPixels, "_predicted", counted)
    training.run(section(Auto(candidates=(FOREST, Linear()))), dataset(), tmp_path)
    # Three networks, the average among them, on validation; those that learn in one pass on training pixels as well.
    assert len(predicted) == len(set(predicted)) == 5


def test_pixels_are_measured_once_and_no_more_than_fit(
    dataset: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = dataset()
    manifest = Manifest.read(folder)
    store, task = Store(folder, manifest, 0.5), Classification.of_record(manifest.task)
    inputs = [keras.Input((None, None, 3)), keras.Input((None, None, 1))]
    network = keras.Model(inputs, keras.layers.Rescaling(2.0)(inputs[0]))
    whole = MeasuredPixels(lambda: store.validation, task, 0)
    known = store.validation.label != UNLABELLED
    np.testing.assert_array_equal(whole.label, store.validation.label[known])
    np.testing.assert_array_equal(whole.given(network).outputs, 2.0 * store.validation.image[known])
    patch, row, column = np.nonzero(known)
    np.testing.assert_array_equal(whole.ground, [store.validation.corner[patch, 0] + row, column])
    monkeypatch.setattr(measured_pixels, "MOST", 50)
    monkeypatch.setattr(measured_pixels, "_AT_ONCE", 1)
    few = MeasuredPixels(lambda: store.validation, task, 0)
    assert len(few.label) == len(few.given(network).outputs) == 50


def test_many_networks_are_measured_without_a_warning(dataset: Callable[..., Path]) -> None:
    folder = dataset()
    manifest = Manifest.read(folder)
    store, task = Store(folder, manifest, 0.5), Classification.of_record(manifest.task)
    pixels = MeasuredPixels(lambda: store.validation, task, 0)
    warned: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: warned.append(record.getMessage())  # type: ignore[method-assign]  # as a stub may
    logging.getLogger("tensorflow").addHandler(handler)
    try:
        for factor in range(8):
            inputs = [keras.Input((None, None, 3)), keras.Input((None, None, 1))]
            pixels.given(keras.Model(inputs, keras.layers.Rescaling(float(factor))(inputs[0])))
    finally:
        logging.getLogger("tensorflow").removeHandler(handler)
    assert warned == []


def tally(right: list[int], pixels: int = 100) -> np.ndarray:
    """Of one class among two, so many pixels of each block right."""
    record = TaskRecord(name="classification", output="probabilities", entries=("a", "b"), kind="classes")
    task = Classification.of_record(record)
    labels = np.tile(np.repeat([0, 1], pixels // 2), len(right))
    block = np.repeat(np.arange(len(right)), pixels)
    predicted = labels.copy()
    for place, count in enumerate(right):
        wrong = slice(place * pixels + count, (place + 1) * pixels)
        predicted[wrong] = 1 - predicted[wrong]
    return task.tally(labels, predicted, block)


TASK = Classification.of_record(
    TaskRecord(name="classification", output="probabilities", entries=("a", "b"), kind="classes")
)


@pytest.mark.parametrize(
    ("cheap", "dear", "taken", "words"),
    [
        ([80, 90, 70, 85, 75], [82, 88, 71, 84, 77], 0, "cheapest"),
        ([80, 90, 70, 85, 75], [90, 98, 81, 94, 87], 1, "no cheaper model is as good"),
        ([90, 95, 80, 95, 85], [80, 85, 70, 85, 75], 0, "no cheaper model is as good"),
        ([80, 90], [95, 97], 1, "cannot be told whether that is chance"),
    ],
)
def test_the_cheapest_that_chance_may_have_made_worse_is_taken(
    cheap: list[int], dear: list[int], taken: int, words: str
) -> None:
    bootstrap = Bootstrap(len(cheap), 0.9, 0)
    rows = comparison.rows([tally(cheap), tally(dear)], TASK, "accuracy", bootstrap)
    place, reason = comparison.cheapest(rows, ["forest", "network"], TASK, "accuracy", bootstrap)
    assert place == taken and words in reason
    assert max(row.gain for row in rows) == 0


def test_models_made_of_others_take_no_models_made_of_others() -> None:
    with pytest.raises(ValidationError, match=r"'auto' is made of other models itself"):
        Train.model_validate({"model": {"name": "ensemble", "members": [{"name": "linear"}, {"name": "auto"}]}})
    read = Train.model_validate({"model": {"name": "ensemble", "members": [{"name": "linear"}, {"filters": 8}]}})
    assert isinstance(read.model, Ensemble) and read.model.members[1] == UNet(filters=8)
    assert Train.model_validate_json(read.model_dump_json()) == read
    assert Train.model_json_schema()
