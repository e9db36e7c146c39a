"""Metrics of a classifier in training, in which a pixel without a label does not count."""

from typing import Any

import keras
from keras import ops

from earthline.task.classification.classes import UNLABELLED


@keras.saving.register_keras_serializable("earthline")
class MaskedAccuracy(keras.metrics.Mean):  # type: ignore[misc]  # Keras publishes no types
    """Share of labelled pixels whose most probable class is the label."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: Class ids (patches, height, width).
            y_pred: Probabilities (patches, height, width, classes).
            sample_weight: Not used; part of Keras' signature.
        """
        labels = ops.cast(y_true, "int32")
        right = ops.equal(labels, ops.cast(ops.argmax(y_pred, axis=-1), "int32"))
        super().update_state(ops.cast(right, "float32"), ops.cast(ops.not_equal(labels, UNLABELLED), "float32"))


def metrics(classes: int) -> list[Any]:
    """What training reports: `accuracy` and `mean_iou`, both over labelled pixels.

    Args:
        classes: Number of classes.
    """
    return [
        MaskedAccuracy(name="accuracy"),
        keras.metrics.MeanIoU(num_classes=classes, ignore_class=UNLABELLED, sparse_y_pred=False, name="mean_iou"),
    ]
