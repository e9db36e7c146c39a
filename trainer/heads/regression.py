"""Regression: a number for each pixel, or its median with an interval, in the label's own unit."""

from collections.abc import Mapping
from typing import Any, ClassVar

from keras import layers, ops

from earthline.config import Train
from earthline.formats.manifest import Manifest
from earthline.task.regression.losses import AbsoluteError, Huber, Quantile, SquaredError, quantile_of
from trainer.heads.head import Head, mean_of_valid
from trainer.heads.value_losses import MaskedAbsoluteError, MaskedHuber, MaskedPinball, MaskedSquaredError
from trainer.heads.value_metrics import metrics


class RegressionHead(Head):
    """A value for each pixel. The network learns it in standard deviations; its last layer gives the label's unit."""

    watched: ClassVar[Mapping[str, str]] = {"rmse": "RMSE", "mae": "MAE"}

    def __init__(self, train: Train, manifest: Manifest) -> None:
        """As `Head`."""
        self._loss = train.loss_of(manifest.task.name)
        if not isinstance(self._loss, Huber | SquaredError | AbsoluteError | Quantile):
            raise TypeError(f"{self._loss.name} is no loss for a value")
        labels = manifest.splits["train"].labels
        if labels.get("mean") is None or labels.get("std") is None:
            raise ValueError("no training pixel has a label; check `data.labels` and where the training blocks lie")
        if not labels["std"] > 0:
            raise ValueError(
                f"every training label is {labels['mean']:g}, so there is nothing to learn; check `data.labels` and "
                "where the training blocks lie"
            )
        self._mean, self._std = float(labels["mean"]), float(labels["std"])
        self._output = manifest.task.output

    @property
    def further(self) -> tuple[str, ...]:
        """The bounds of the interval, where the loss asks for one."""
        return self._loss.further

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The median and the bounds of the interval, where the loss asks for one."""
        return (0.5, *map(quantile_of, self.further)) if self.further else ()

    def ordered(self, outputs: Any) -> Any:
        """The interval holds the median: where bounds crossed it, they are it."""
        if not self.further:
            return outputs
        middle, low, high = (outputs[..., place : place + 1] for place in range(3))
        return ops.concatenate([middle, ops.minimum(low, middle), ops.maximum(high, middle)], axis=-1)

    def distance(self, wanted: Any, outputs: Any, valid: Any) -> Any:
        """Half the squared difference in standard deviations; of bounds too, where both networks give some."""
        shared = min(wanted.shape[-1], outputs.shape[-1])
        apart = (wanted[..., :shared] - outputs[..., :shared]) / self._std
        return mean_of_valid(ops.mean(ops.square(apart), axis=-1) / 2, valid)

    def outputs(self, features: Any) -> Any:
        """The value, and the bounds of its interval where there is one: below it and above it, whatever they learn."""

        def layer(activation: str | None = None) -> Any:
            # float32 whatever the policy: half precision has three digits.
            return layers.Conv2D(1, 1, activation=activation, dtype="float32")(features)

        middle = layer()
        if self.further:
            low = layers.Subtract(dtype="float32")([middle, layer("softplus")])
            high = layers.Add(dtype="float32")([middle, layer("softplus")])
            middle = layers.Concatenate(dtype="float32")([middle, low, high])
        return layers.Rescaling(self._std, self._mean, dtype="float32", name=self._output)(middle)

    def loss(self) -> Any:
        """The config's loss, errors in standard deviations of the training labels."""
        match self._loss:
            case Quantile():
                return MaskedPinball(self._std, self.quantiles)
            case Huber(delta=delta):
                return MaskedHuber(self._std, delta)
            case AbsoluteError():
                return MaskedAbsoluteError(self._std)
        return MaskedSquaredError(self._std)

    def metrics(self) -> list[Any]:
        """`rmse` and `mae`, in the label's unit."""
        return metrics()
