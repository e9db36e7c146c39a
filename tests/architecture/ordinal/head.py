"""The head of the throw-away task: a number near the grade, learned by Huber's loss."""

import keras
from keras import layers, ops

from earthline.formats.examples import no_label
from trainer.heads.head import Head

NONE = no_label("uint8")


def _errors(y_true, y_pred):
    labelled = ops.cast(ops.not_equal(ops.cast(y_true, "int32"), NONE), "float32")
    return ops.abs(ops.cast(y_true, "float32") - y_pred[..., 0]) * labelled, labelled


@keras.saving.register_keras_serializable("throw_away")
class Huber(keras.losses.Loss):
    def call(self, y_true, y_pred):
        error, labelled = _errors(y_true, y_pred)
        loss = ops.where(error < 1, error**2 / 2, error - 0.5)
        return ops.sum(loss) / ops.maximum(ops.sum(labelled), 1.0)


@keras.saving.register_keras_serializable("throw_away")
class Distance(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(*_errors(y_true, y_pred))


class OrdinalHead(Head):
    watched = {"distance": "mean distance"}  # noqa: RUF012

    def __init__(self, train, manifest):
        self._output, self._mean = manifest.task.output, manifest.splits["train"].labels["mean"]

    def outputs(self, features):
        start = keras.initializers.Constant(self._mean)
        return layers.Conv2D(1, 1, bias_initializer=start, dtype="float32", name=self._output)(features)

    def loss(self):
        return Huber()

    def metrics(self):
        return [Distance(name="distance")]
