import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from earthline.task.classification.classes import UNLABELLED
from trainer.heads.class_metrics import MaskedAccuracy, metrics
from trainer.heads.cross_entropy import MaskedCrossEntropy, class_weights

LABEL = np.array([[[0, 1, UNLABELLED]]], np.uint8)
PROBABILITIES = np.array([[[[0.7, 0.3], [0.4, 0.6], [0.01, 0.99]]]], np.float32)


def test_unlabelled_pixels_do_not_count() -> None:
    expected = -(math.log(0.7) + math.log(0.6)) / 2
    assert float(MaskedCrossEntropy([1, 1])(LABEL, PROBABILITIES)) == pytest.approx(expected, rel=1e-5)


def test_weights_and_smoothing_by_hand() -> None:
    loss = MaskedCrossEntropy([1.0, 3.0], label_smoothing=0.1)
    first = 0.95 * math.log(0.7) + 0.05 * math.log(0.3)
    second = 0.05 * math.log(0.4) + 0.95 * math.log(0.6)
    assert float(loss(LABEL, PROBABILITIES)) == pytest.approx(-(first + 3 * second) / 2, rel=1e-5)


def test_a_batch_without_labels_gives_zero_and_no_gradient() -> None:
    values = tf.Variable(PROBABILITIES)
    with tf.GradientTape() as tape:
        loss = MaskedCrossEntropy([1, 1])(np.full((1, 1, 3), UNLABELLED, np.uint8), values)
    assert float(loss) == 0
    np.testing.assert_array_equal(tape.gradient(loss, values), 0)


def test_the_loss_survives_being_saved() -> None:
    loss = MaskedCrossEntropy([1.0, 2.0], label_smoothing=0.2)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(LABEL, PROBABILITIES)) == pytest.approx(float(loss(LABEL, PROBABILITIES)))


def test_accuracy_and_iou_skip_unlabelled_pixels() -> None:
    wrong = PROBABILITIES.copy()
    wrong[0, 0, 1] = [0.9, 0.1]
    accuracy = MaskedAccuracy()
    accuracy.update_state(LABEL, wrong)
    assert float(accuracy.result()) == 0.5
    _, mean_iou = metrics(2)
    mean_iou.update_state(LABEL, wrong)
    # Class 0: one right of two mapped; class 1: none of one.
    assert float(mean_iou.result()) == pytest.approx(0.25)


@pytest.mark.parametrize(("how", "ratio"), [("none", 1), ("sqrt", 2), ("balanced", 4)])
def test_class_weights_have_mean_one_over_pixels(how: str, ratio: float) -> None:
    common, rare = class_weights([80, 20], how)
    assert rare / common == pytest.approx(ratio)
    assert 0.8 * common + 0.2 * rare == pytest.approx(1)


def test_no_labels_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="no training pixel has a label"):
        class_weights([0, 0], "none")
