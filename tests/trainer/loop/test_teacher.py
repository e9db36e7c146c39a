"""What a run does besides training: it says what is wrong, keeps what is asked for, and computes as is asked."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer.lesson import Lesson, learn
from trainer.loop.faults import NotFinite, OutOfMemory, explained
from trainer.loop.steps import Steps
from trainer.loop.student import Student
from trainer.loop.teacher import _Course
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


ONEDNN = (
    "Graph execution error:\n\nDetected at node convolution defined at (most recent call last):\n<stack traces "
    "unavailable>\nOperation received an exception:Status: 1, message: could not create a memory object, in file "
    "tensorflow/core/kernels/mkl/mkl_conv_ops.cc:1112"
)
"""What a processor's own kernels say where a step needs more than there is."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (tf.errors.ResourceExhaustedError(None, None, "no room when allocating"), "no room when allocating"),
        (MemoryError("no memory"), "no memory"),
        (tf.errors.AbortedError(None, None, ONEDNN), "Status: 1, message: could not create a memory object"),
        (tf.errors.InternalError(None, None, "XLA: Out of memory while trying to allocate 9 bytes"), "XLA: Out of"),
    ],
)
def test_out_of_memory_says_which_settings_to_lower_wherever_it_strikes(
    error: Exception, said: str, lesson: Callable[..., Lesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise error

    given = lesson(speed="plain")
    # While weights are made, and in a step.
    for place, name in ((Student, "__init__"), (_Course, "_train_epoch")):
        monkeypatch.undo()
        monkeypatch.setattr(place, name, broken)
        with pytest.raises(OutOfMemory, match=r"lower train.batch_size \(4, 4 .*export.patch_shape") as caught:
            learn(given.train.model, given)
        assert said in str(caught.value) and len(str(caught.value).splitlines()) == 1


def test_another_error_of_tensorflow_stays_what_it_is(lesson: Callable[..., Lesson]) -> None:
    with pytest.raises(tf.errors.AbortedError), explained(lesson().train):
        raise tf.errors.AbortedError(None, None, "the worker was lost")


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
