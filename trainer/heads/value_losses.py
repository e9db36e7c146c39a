"""The losses of regression, in which a pixel without a label does not count."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from earthline.formats.examples import no_label

NO_VALUE = no_label("float32")


class ValueLoss(keras.losses.Loss):  # type: ignore[misc]  # Keras publishes no types
    """The mean over the labelled pixels of a batch of what an error counts, in standard deviations of the labels."""

    def __init__(self, std: float, name: str = "value_loss", **options: Any) -> None:
        """Makes the loss.

        Args:
            std: Standard deviation of the training labels, in their unit.
            name: Keras' name of the loss.
            **options: Passed on to Keras.
        """
        super().__init__(name=name, **options)
        self.std = float(std)

    def counted(self, errors: Any) -> Any:
        """What each error counts, (patches, height, width).

        Args:
            errors: Label minus each output, in standard deviations, (patches, height, width, outputs).
        """
        raise NotImplementedError

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of one batch.

        Args:
            y_true: Labels (patches, height, width); `NO_VALUE` where there is none.
            y_pred: Outputs (patches, height, width, outputs), in the labels' unit.

        Returns:
            A scalar; 0 where the batch has no labelled pixel.
        """
        values = ops.cast(y_true, "float32")
        labelled = ops.not_equal(values, NO_VALUE)
        # Chosen before anything is computed: a gradient through what overflows would be NaN.
        values = ops.where(labelled, values, 0.0)
        seen = ops.cast(labelled, "float32")
        errors = (values[..., None] - y_pred) / self.std * seen[..., None]
        return ops.sum(self.counted(errors) * seen) / ops.maximum(ops.sum(seen), 1.0)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {**super().get_config(), "std": self.std}


@keras.saving.register_keras_serializable("earthline")
class MaskedSquaredError(ValueLoss):
    """Mean squared error."""

    def counted(self, errors: Any) -> Any:
        """As `ValueLoss.counted`."""
        return ops.square(errors[..., 0])


@keras.saving.register_keras_serializable("earthline")
class MaskedAbsoluteError(ValueLoss):
    """Mean absolute error."""

    def counted(self, errors: Any) -> Any:
        """As `ValueLoss.counted`."""
        return ops.abs(errors[..., 0])


@keras.saving.register_keras_serializable("earthline")
class MaskedHuber(ValueLoss):
    """Huber's loss: half the square of small errors, and in a straight line from there on."""

    def __init__(self, std: float, delta: float = 1.0, **options: Any) -> None:
        """Makes the loss.

        Args:
            std: As `ValueLoss`.
            delta: Error from which on the line is straight, in standard deviations.
            **options: As `ValueLoss`.
        """
        super().__init__(std, **options)
        self.delta = float(delta)

    def counted(self, errors: Any) -> Any:
        """As `ValueLoss.counted`."""
        size = ops.abs(errors[..., 0])
        small = ops.minimum(size, self.delta)
        return small * (size - small / 2)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {**super().get_config(), "delta": self.delta}


@keras.saving.register_keras_serializable("earthline")
class MaskedPinball(ValueLoss):
    """The pinball loss of several quantiles, summed: Koenker and Bassett 1978, Regression Quantiles."""

    def __init__(self, std: float, shares: Sequence[float], **options: Any) -> None:
        """Makes the loss.

        Args:
            std: As `ValueLoss`.
            shares: Of each output the share of labels that should lie below it, 0 to 1.
            **options: As `ValueLoss`.
        """
        super().__init__(std, **options)
        self.shares = [float(share) for share in shares]

    def counted(self, errors: Any) -> Any:
        """As `ValueLoss.counted`."""
        # A model that gives the median alone, as a forest does, is judged by that.
        shares = np.array(self.shares[: errors.shape[-1]], np.float32)
        return ops.sum(ops.maximum(shares * errors, (shares - 1) * errors), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {**super().get_config(), "shares": self.shares}
