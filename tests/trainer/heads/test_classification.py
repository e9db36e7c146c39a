import math
from typing import Any, ClassVar

import keras
import numpy as np
import pytest
import tensorflow as tf

from earthline.config import Train
from earthline.task.classification.classes import UNLABELLED
from trainer.heads import find
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


def test_focus_and_tolerance_by_hand() -> None:
    focal = -(0.3**2 * math.log(0.7) + 0.4**2 * math.log(0.6)) / 2
    assert float(MaskedCrossEntropy([1, 1], focus=2)(LABEL, PROBABILITIES)) == pytest.approx(focal, rel=1e-4)
    general = ((1 - 0.7**0.5) / 0.5 + (1 - 0.6**0.5) / 0.5) / 2
    assert float(MaskedCrossEntropy([1, 1], tolerance=0.5)(LABEL, PROBABILITIES)) == pytest.approx(general, rel=1e-5)


def test_overlap_by_hand_and_as_a_share() -> None:
    # Of the two labelled pixels .7 and .4 are given to the first class, .3 and .6 to the second.
    dice = 1 - (2 * 0.7 / (1 + 1.1) + 2 * 0.6 / (1 + 0.9)) / 2
    entropy = float(MaskedCrossEntropy([1, 1])(LABEL, PROBABILITIES))
    found = [
        float(MaskedCrossEntropy([1, 1], overlap="dice", overlap_share=share)(LABEL, PROBABILITIES))
        for share in (1.0, 0.25)
    ]
    assert found == pytest.approx([dice, 0.75 * entropy + 0.25 * dice], rel=1e-4)


def test_of_sure_answers_lovasz_is_the_part_of_the_union_that_is_not_shared() -> None:
    random = np.random.default_rng(0)
    label = random.integers(0, 4, (2, 9, 7)).astype(np.uint8)
    label[label == 3] = UNLABELLED  # and the last class has no label
    mapped = np.where(random.random(label.shape) < 0.6, np.minimum(label, 2), random.integers(0, 4, label.shape))
    expected = np.mean(
        [
            1 - ((label == k) & (mapped == k)).sum() / (((label == k) | (mapped == k)) & (label < 4)).sum()
            for k in range(3)
        ]
    )
    loss = MaskedCrossEntropy([1] * 4, overlap="lovasz", overlap_share=1.0)
    assert float(loss(label, np.eye(4, dtype=np.float32)[mapped])) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("options", [{"focus": 1.5}, {"tolerance": 0.7}, {"overlap": "dice"}, {"overlap": "lovasz"}])
def test_every_loss_leads_to_the_labels(options: dict[str, Any]) -> None:
    loss, logits = MaskedCrossEntropy([1, 1], **options), tf.Variable(np.log(1 - PROBABILITIES))
    for _ in range(200):
        with tf.GradientTape() as tape:
            value = loss(LABEL, tf.nn.softmax(logits))
        slope = tape.gradient(value, logits)
        assert np.isfinite(slope).all() and not np.asarray(slope)[0, 0, 2].any()  # no label, no pull
        logits.assign_sub(2 * slope)
    given = tf.nn.softmax(logits).numpy()[0, 0]
    assert given[0, 0] > 0.8 and given[1, 1] > 0.8


def test_a_batch_without_labels_gives_zero_and_no_gradient() -> None:
    values = tf.Variable(PROBABILITIES)
    with tf.GradientTape() as tape:
        loss = MaskedCrossEntropy([1, 1])(np.full((1, 1, 3), UNLABELLED, np.uint8), values)
    assert float(loss) == 0
    np.testing.assert_array_equal(tape.gradient(loss, values), 0)


def test_the_loss_survives_being_saved() -> None:
    loss = MaskedCrossEntropy([1.0, 2.0], 0.2, focus=1, tolerance=0.3, overlap="lovasz", overlap_share=0.4)
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


def test_the_distance_to_another_network_is_that_of_valid_pixels() -> None:
    class Manifest:
        task = type("Task", (), {"name": "classification", "output": "probabilities", "entries": ("a", "b")})
        splits: ClassVar = {"train": type("Split", (), {"labels": {"class_pixels": {"a": 1, "b": 1}}})}

    head: Any = find("classification")(Train(), Manifest)  # type: ignore[arg-type]
    wanted = tf.constant([[[[0.5, 0.5], [0.1, 0.9], [1.0, 0.0]]]])
    valid = tf.constant([[[[1.0], [1.0], [0.0]]]])
    expected = -(0.5 * math.log(0.7) + 0.5 * math.log(0.3) + 0.1 * math.log(0.4) + 0.9 * math.log(0.6)) / 2
    assert float(head.distance(wanted, tf.constant(PROBABILITIES), valid)) == pytest.approx(expected, rel=1e-5)
    assert float(head.distance(wanted, tf.constant(PROBABILITIES), 0 * valid)) == 0
