"""A network that follows others: what it learns, what is left of them, and that equal ones are not the same."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from earthline.config import Train
from earthline.config.sections.train.certainty import Certainty
from trainer import saved_network, training
from trainer.description import HISTORY, Description
from trainer.history import State, read_history
from trainer.lesson import Guide, Lesson, learn
from trainer.loop.checkpoint import settings_of
from trainer.models.distilled import Distilled
from trainer.models.ensemble import Ensemble
from trainer.models.linear import Linear
from trainer.models.random_forest import RandomForest
from trainer.models.unet import UNet
from trainer.several import finished
from trainer.several.averaging import average
from trainer.several.finished import Part

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

FOREST = RandomForest(trees=3, windows=(), depth=4)
UNET = UNet(filters=4, depth=1, dropout=0.0)


def constant(share: float) -> Any:
    """A network that gives the second of two classes this probability everywhere."""
    inputs = [keras.Input((None, None, 3)), keras.Input((None, None, 1))]
    logit = float(np.log(share / (1 - share)))
    layer = keras.layers.Conv2D(2, 1, activation="softmax", kernel_initializer="zeros")
    network = keras.Model(inputs, layer(inputs[0]))
    layer.set_weights([layer.get_weights()[0], np.array([0, logit], np.float32)])
    return network


@pytest.fixture
def lesson(dataset: Callable[..., Path], tmp_path: Path) -> Lesson:
    import tensorflow as tf

    train = Train(model=Linear(), epochs=40, batch_size=4, learning_rate=0.05, speed="plain", keep="last", patience=40)
    folders = {"checkpoint": tmp_path / "checkpoint", "logs": tmp_path / "logs"}
    return Lesson.prepared(train, dataset(), strategy=tf.distribute.get_strategy(), **folders)


def test_a_network_follows_its_guide_as_far_as_its_share(lesson: Lesson) -> None:
    given = []
    for share in (1.0, 0.5):
        guided = replace(lesson.part(f"{share}"), guide=Guide(constant(0.8), share, "a constant"))
        network = learn(Linear(), guided).network
        given.append(lesson.pixels["validation"].given(network).outputs[:, 1])
    labels = lesson.pixels["validation"].label
    # The guide alone knows of no squares; half of it leaves the labels their say.
    assert np.abs(given[0] - 0.8).max() < 0.05
    apart = [each[labels == 1].mean() - each[labels == 0].mean() for each in given]
    assert abs(apart[0]) < 0.02 and apart[1] > 0.2
    assert settings_of(Linear(), guided)["guide"] == [0.5, "a constant"]
    assert "guide" not in settings_of(Linear(), lesson)


def test_what_is_saved_is_the_student_alone(dataset: Callable[..., Path], tmp_path: Path) -> None:
    model = Distilled(student=UNET, teachers=(FOREST, Linear()))
    section = Train(model=model, epochs=2, batch_size=4, speed="plain", certainty=Certainty(temperature=False))
    training.run(section, dataset(), tmp_path / "model")
    training.run(section.model_copy(update={"model": UNET}), dataset(), tmp_path / "alone")
    found, alone = (saved_network.read(tmp_path / name) for name in ("model", "alone"))
    assert found.count_params() == alone.count_params()
    described = Description.read(tmp_path / "model")
    assert (described.stride, described.reach, described.of_trees) == (UNET.stride, UNET.reach, False)
    assert described.model["name"] == "distilled"
    assert len(read_history(tmp_path / "model" / HISTORY).history) == 2
    assert not (tmp_path / "model" / "checkpoint").exists()


def test_equal_members_begin_at_other_weights(lesson: Lesson) -> None:
    seeds = []

    def learned(model: Any, of_part: Lesson, name: str) -> Part:
        seeds.append((name, of_part.train.seed))
        return Part(model, constant(0.5), State(), 0.0)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(finished, "learned", learned)
        average(Ensemble(members=(UNET, FOREST, UNET)), lesson)
    assert seeds == [("0-unet", 0), ("1-random_forest", 0), ("2-unet", 1)]


def test_only_a_network_can_be_a_student() -> None:
    with pytest.raises(ValidationError, match=r"student: 'random_forest' does not learn step by step"):
        Distilled(student=FOREST, teachers=(UNET,))
