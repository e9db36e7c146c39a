"""Metrics of regression in training, in the label's unit; a pixel without a label does not count."""

from typing import Any

import keras
from keras import ops

from trainer.heads.value_losses import NO_VALUE


def _errors(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Absolute errors of the value itself, and 1 where there is a label."""
    values = ops.cast(y_true, "float32")
    labelled = ops.not_equal(values, NO_VALUE)
    errors = ops.abs(ops.where(labelled, values - ops.cast(y_pred[..., 0], "float32"), 0.0))
    return errors, ops.cast(labelled, "float32")


@keras.saving.register_keras_serializable("earthline")
class MaskedMae(keras.metrics.Mean):  # type: ignore[misc]  # Keras publishes no types
    """Mean absolute error of labelled pixels."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: Labels (patches, height, width).
            y_pred: Outputs (patches, height, width, outputs), the value first.
            sample_weight: Not used; part of Keras' signature.
        """
        errors, labelled = _errors(y_true, y_pred)
        super().update_state(errors, labelled)


@keras.saving.register_keras_serializable("earthline")
class MaskedRmse(keras.metrics.Mean):  # type: ignore[misc]  # Keras publishes no types
    """Root mean square error of labelled pixels."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch, as `MaskedMae.update_state`."""
        errors, labelled = _errors(y_true, y_pred)
        super().update_state(ops.square(errors), labelled)

    def result(self) -> Any:
        """The root of the mean."""
        return ops.sqrt(super().result())


def metrics() -> list[Any]:
    """`rmse` and `mae`."""
    return [MaskedRmse(name="rmse"), MaskedMae(name="mae")]
