"""What a run does besides training: it says what is wrong, keeps what is asked for, and computes as is asked."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer.lesson import Lesson, learn
from trainer.loop.faults import NotFinite, OutOfMemory, explained
from trainer.loop.steps import Steps
from trainer.models.unet import UNet


def test_a_loss_that_is_not_finite_names_the_batch_and_keeps_the_last_good_state(
    lesson: Callable[..., Lesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = lesson(speed="plain")
    train = Steps._train

    def broken(steps: Steps, iterator: Any, count: Any, sums: Any) -> Any:
        losses, sums = train(steps, iterator, count, sums)
        # The fifth step of the run is the second one of its second epoch.
        number = tf.cast(steps._optimizer.iterations, tf.int32) - count + tf.range(count)
        return tf.where(number >= 4, np.float32("nan"), losses), sums

    monkeypatch.setattr(Steps, "_train", broken)
    with pytest.raises(NotFinite) as caught:
        learn(given.train.model, given)
    said = str(caught.value)
    assert "epoch 2, step 2: the loss is nan, with the batch of train-00000-of-00001.tfrecord, record" in said
    assert said.count("tfrecord") == 4
    assert "lower train.learning_rate" in said and f"the weights of epoch 1 are kept in {given.checkpoint}" in said
    assert (given.checkpoint / "epoch-00001.npz").is_file()


def test_out_of_memory_says_which_settings_to_lower(lesson: Callable[..., Lesson]) -> None:
    train = lesson().train
    for error in (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"), MemoryError("no memory")):
        with pytest.raises(OutOfMemory, match=r"lower train.batch_size \(4, 4 .*export.patch_shape"), explained(train):
            raise error


def test_a_metric_that_is_not_measured_cannot_be_watched(lesson: Callable[..., Lesson]) -> None:
    given = lesson(watch="recall")
    with pytest.raises(
        ValueError, match=r"train.watch: 'recall' is not measured; use loss or one of accuracy, mean_iou"
    ):
        learn(given.train.model, given)


def test_the_last_epoch_is_kept_on_demand_and_every_way_computes_the_same(lesson: Callable[..., Lesson]) -> None:
    # Dropout draws other numbers in half precision.
    model = UNet(filters=4, depth=1, dropout=0.0)
    given = lesson(model=model, keep="last", epochs=3, learning_rate=0.05, speed="plain")
    plain = learn(given.train.model, given)
    assert plain.state.best_epoch == 3
    given = lesson(model=model, keep="last", epochs=3, learning_rate=0.05, speed="bfloat16")
    half = learn(given.train.model, given)
    assert half.network.compute_dtype == "float32"
    for one, other in zip(plain.state.history, half.state.history, strict=True):
        assert one.metrics["loss"] != other.metrics["loss"]
        assert one.metrics["loss"] == pytest.approx(other.metrics["loss"], rel=0.1)
    assert list(given.logs.iterdir()), "for TensorBoard"
