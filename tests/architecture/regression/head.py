"""The head of the throw-away task: a number, learned by Huber's loss."""

import keras
from keras import layers, ops

from earthline.formats.examples import no_label
from trainer.heads.head import Head

NONE = no_label("float32")


@keras.saving.register_keras_serializable("throw_away")
class Huber(keras.losses.Loss):
    def call(self, y_true, y_pred):
        labelled = ops.not_equal(y_true, NONE)
        error = ops.abs(ops.where(labelled, y_true - y_pred[..., 0], 0.0))
        loss = ops.where(error < 1, error**2 / 2, error - 0.5)
        return ops.sum(loss) / ops.maximum(ops.sum(ops.cast(labelled, "float32")), 1.0)


@keras.saving.register_keras_serializable("throw_away")
class AbsoluteError(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        labelled = ops.not_equal(y_true, NONE)
        error = ops.abs(ops.where(labelled, y_true - y_pred[..., 0], 0.0))
        super().update_state(error, ops.cast(labelled, "float32"))


class RegressionHead(Head):
    watched = {"error": "mean absolute error"}  # noqa: RUF012

    def __init__(self, train, manifest):
        self._output, self._mean = manifest.task.output, manifest.splits["train"].labels["mean"]

    def outputs(self, features):
        start = keras.initializers.Constant(self._mean)
        return layers.Conv2D(1, 1, bias_initializer=start, dtype="float32", name=self._output)(features)

    def loss(self):
        return Huber()

    def metrics(self):
        return [AbsoluteError(name="error")]
