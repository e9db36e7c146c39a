"""Which bands are steps in time, and that a temporal network sees their order."""

import keras
import numpy as np
import pytest

from trainer import network
from trainer.models.temporal import Temporal, series
from trainer.statistics import Statistics


def test_bands_of_a_step_stand_together_and_others_are_left() -> None:
    assert series(["elevation", "B4_t00", "B8_t00", "B4_t01", "B8_t01", "ndvi_t00", "ndvi_t01", "span"]) == [
        ((1, 2, 5), (3, 4, 6)),
    ]
    # Two sources with other steps: a series each.
    assert series(["B4_t00", "B4_t01", "VV_t00", "VV_t01", "VV_t02"]) == [((0,), (1,)), ((2,), (3,), (4,))]


@pytest.mark.parametrize("bands", [["B4", "B8"], ["B4_t00"], ["B4_t01", "B4_t02"], ["_t00", "_t01"]])
def test_without_steps_the_message_says_where_they_come_from(bands: list[str]) -> None:
    with pytest.raises(ValueError, match=r"needs bands with steps in time.*data\.imagery `time`"):
        Temporal().suited(bands)


def test_a_series_is_learned_that_no_single_step_tells() -> None:
    """Class 1 rises from the first step to the second, class 0 falls; each step alone looks the same."""
    keras.utils.set_random_seed(2)
    random = np.random.default_rng(1)
    label = random.integers(0, 2, (8, 6, 6)).astype(np.uint8)
    high = random.normal(size=(8, 6, 6)).astype(np.float32)
    sign = np.where(label, 1, -1)
    image = np.stack([high - sign, high + sign], axis=-1).astype(np.float32)
    model = network.build(
        Temporal(filters=8, dilations=(), dropout=0.0).suited(("a_t00", "a_t01")),
        Statistics((0.0, 0.0), (1.0, 1.0), 1),
        lambda features: keras.layers.Conv2D(2, 1, activation="softmax")(features),
    )
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    inputs = [image, np.ones((8, 6, 6, 1), np.float32)]
    for _ in range(40):
        model.train_on_batch(inputs, label)
    found = np.asarray(model(inputs)).argmax(axis=-1)
    assert (found == label).mean() > 0.95
