"""The end of a network that learns a value: losses by hand, metrics and outputs in the label's unit."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from earthline.config import Train
from trainer.heads import find
from trainer.heads.value_losses import (
    NO_VALUE,
    MaskedAbsoluteError,
    MaskedHuber,
    MaskedPinball,
    MaskedSquaredError,
)
from trainer.heads.value_metrics import metrics

LABEL = np.array([[[10.0, 20.0, NO_VALUE]]], np.float32)
OUTPUT = np.array([[[[11.0, 9.0, 14.0], [14.0, 13.0, 19.0], [1e30, 0.0, 0.0]]]], np.float32)
"""Errors of -1 and 6; below the interval, and above it by 1."""


class Task:
    name, output, entries = "regression", "values", ("height",)


class Manifest:
    """Of a dataset whose labels have a mean of 100 and a std of 7."""

    task = Task

    def __init__(self, mean: float | None = 100.0, std: float | None = 7.0) -> None:
        split = type("Split", (), {"labels": {"mean": mean, "std": std}})
        self.splits = {"train": split}


def head(manifest: Manifest | None = None, **loss: Any) -> Any:
    return find("regression")(Train(loss=loss or None), manifest or Manifest())


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (MaskedSquaredError(2.0), (0.25 + 9) / 2),
        (MaskedAbsoluteError(2.0), (0.5 + 3) / 2),
        (MaskedHuber(2.0, 1.0), (0.125 + 2.5) / 2),
        # Of the median half the error; at 0.1 and 0.9 nine parts or one part of it.
        (
            MaskedPinball(2.0, [0.5, 0.1, 0.9]),
            (0.5 * 0.5 + 0.1 * 0.5 + 0.1 * 2 + 0.5 * 3 + 0.1 * 3.5 + 0.9 * 0.5) / 2,
        ),
    ],
)
def test_losses_by_hand_count_labelled_pixels_in_standard_deviations(loss: Any, expected: float) -> None:
    assert float(loss(LABEL, OUTPUT)) == pytest.approx(expected, rel=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(LABEL, OUTPUT)) == pytest.approx(expected, rel=1e-5)
    values = tf.Variable(OUTPUT)
    with tf.GradientTape() as tape:
        nothing = loss(np.full((1, 1, 3), NO_VALUE, np.float32), values)
    assert float(nothing) == 0
    np.testing.assert_array_equal(tape.gradient(nothing, values), 0)


def test_the_median_alone_counts_as_half_its_error() -> None:
    median = MaskedPinball(2.0, [0.5, 0.1, 0.9])(LABEL, OUTPUT[..., :1])
    assert float(median) == pytest.approx(float(MaskedAbsoluteError(2.0)(LABEL, OUTPUT)) / 2)


def test_the_distance_to_another_network_is_in_standard_deviations_of_what_both_give() -> None:
    wanted, valid = tf.constant(OUTPUT[..., :1] + 14), tf.constant([[[[1.0], [1.0], [0.0]]]])
    # 14 are two standard deviations; the other network gives no bounds.
    assert float(head(name="quantile").distance(wanted, tf.constant(OUTPUT), valid)) == pytest.approx(2)


def test_metrics_are_in_the_label_s_unit_and_skip_unlabelled_pixels() -> None:
    rmse, mae = metrics()
    for metric in (rmse, mae):
        metric.update_state(LABEL, OUTPUT)
        metric.update_state(LABEL[..., 2:], OUTPUT[..., 2:, :])
    assert float(rmse.result()) == pytest.approx((37 / 2) ** 0.5)
    assert float(mae.result()) == pytest.approx(3.5)


def network(end: Any) -> Any:
    inputs = keras.Input((None, None, 2))
    return keras.Model(inputs, end.outputs(inputs))


@pytest.mark.parametrize(("loss", "outputs"), [({}, 1), ({"name": "mse"}, 1), ({"name": "quantile"}, 3)])
def test_an_untrained_network_gives_the_mean_label_and_bounds_in_order(loss: dict[str, Any], outputs: int) -> None:
    end = head(**loss)
    image = np.random.default_rng(0).normal(0, 1e-3, (2, 4, 4, 2)).astype(np.float32)
    given = np.asarray(network(end)(image))
    assert given.shape == (2, 4, 4, outputs) == (2, 4, 4, 1 + len(end.further))
    assert given[..., 0] == pytest.approx(100, abs=0.1)
    if outputs == 3:
        assert (given[..., 1] < given[..., 0]).all() and (given[..., 0] < given[..., 2]).all()


@pytest.mark.parametrize(("name", "share"), [("mae", 0.5), ("quantile", 0.5)])
def test_it_learns_quantiles_of_what_it_cannot_know(name: str, share: float) -> None:
    keras.utils.set_random_seed(1)
    end = head(name=name)
    model = network(end)
    model.compile(keras.optimizers.Adam(0.05), end.loss())
    labels = np.random.default_rng(3).exponential(7, (1, 40, 40)).astype(np.float32) + 93
    image = np.zeros((1, 40, 40, 2), np.float32)
    for _ in range(150):
        model.train_on_batch(image, labels)
    given = np.asarray(model(image))[0, 0, 0]
    shares = (share, 0.05, 0.95) if name == "quantile" else (share,)
    for value, wanted in zip(given, shares, strict=True):
        assert (labels < value).mean() == pytest.approx(wanted, abs=0.03)


def test_labels_from_which_nothing_is_learned_are_told() -> None:
    with pytest.raises(ValueError, match="no training pixel has a label"):
        head(Manifest(None, None))
    with pytest.raises(ValueError, match="every training label is 100, so there is nothing to learn"):
        head(Manifest(std=0.0))
    with pytest.raises(TypeError, match="cross_entropy is no loss for a value"):
        head(name="cross_entropy")
