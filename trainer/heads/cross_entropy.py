"""The loss of classification, in which a pixel without a label does not count."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from earthline.task.classification.classes import UNLABELLED
from trainer.heads.overlap import OVERLAPS

_LEAST = 1e-7
"""Added to how far a pixel is from right, so that the slope of a fractional power of it is finite."""


@keras.saving.register_keras_serializable("earthline")
class MaskedCrossEntropy(keras.losses.Loss):  # type: ignore[misc]  # Keras publishes no types
    """Cross-entropy of class probabilities against class ids, the mean over the labelled pixels of a batch.

    Where label smoothing is e, a pixel of class k asks for probability 1 - e + e / classes of k and e / classes of
    every other class. With a focus f a pixel counts (1 - its label's probability)^f times (Lin et al. 2017, "Focal Loss
    for Dense Object Detection"). With a tolerance t the logarithm of a probability p becomes (p^t - 1) / t, which a
    wrong label pulls at less (Zhang and Sabuncu 2018, "Generalized Cross Entropy Loss"). A share of the loss may be
    that of the classes' overlap instead.
    """

    def __init__(
        self,
        weights: Sequence[float],
        label_smoothing: float = 0.0,
        focus: float = 0.0,
        tolerance: float = 0.0,
        overlap: str = "none",
        overlap_share: float = 0.5,
        name: str = "masked_cross_entropy",
        **options: Any,
    ) -> None:
        """Makes the loss.

        Args:
            weights: Weight of each class, by class id.
            label_smoothing: Share of certainty taken from each label, 0 to 1.
            focus: How much less pixels count that are right already; 0 where all count alike.
            tolerance: How little a label counts that is surely contradicted, 0 to 1; 0 is cross-entropy.
            overlap: One of `trainer.heads.overlap.OVERLAPS`, or `none`.
            overlap_share: Its share of the loss, 0 to 1.
            name: Keras' name of the loss.
            **options: Passed on to Keras.
        """
        super().__init__(name=name, **options)
        self.weights = [float(weight) for weight in weights]
        self.label_smoothing = label_smoothing
        self.focus, self.tolerance = focus, tolerance
        self.overlap, self.overlap_share = overlap, overlap_share

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of one batch.

        Args:
            y_true: Class ids (patches, height, width); `UNLABELLED` where there is no label.
            y_pred: Probabilities (patches, height, width, classes).

        Returns:
            A scalar; 0 where the batch has no labelled pixel.
        """
        labels = ops.cast(y_true, "int32")
        labelled = ops.cast(ops.not_equal(labels, UNLABELLED), "float32")
        labels = ops.where(ops.equal(labels, UNLABELLED), 0, labels)
        classes = len(self.weights)
        given = ops.clip(y_pred, 1e-7, 1.0)
        own = ops.one_hot(labels, classes)
        target = own * (1 - self.label_smoothing) + self.label_smoothing / classes
        gain = ops.log(given) if self.tolerance == 0 else (ops.power(given, self.tolerance) - 1) / self.tolerance
        weight = ops.take(ops.convert_to_tensor(self.weights, dtype="float32"), labels) * labelled
        if self.focus:
            weight = weight * ops.power(1 - ops.sum(own * given, axis=-1) + _LEAST, self.focus)
        whole = -ops.sum(ops.sum(target * gain, axis=-1) * weight) / ops.maximum(ops.sum(labelled), 1.0)
        if self.overlap == "none":
            return whole
        there = ops.reshape(labelled, (-1,))
        flat = (ops.reshape(y_pred, (-1, classes)), ops.reshape(own, (-1, classes)) * there[:, None], there)
        return (1 - self.overlap_share) * whole + self.overlap_share * OVERLAPS[self.overlap](*flat)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        options = ("weights", "label_smoothing", "focus", "tolerance", "overlap", "overlap_share")
        return {**super().get_config(), **{name: getattr(self, name) for name in options}}


def class_weights(pixels: Sequence[int], how: str) -> list[float]:
    """Weights of the classes in the loss, scaled so that the mean over labelled pixels is 1.

    Args:
        pixels: Labelled training pixels by class id.
        how: `none`, `balanced` (1 / frequency) or `sqrt` (1 / its square root).

    Raises:
        ValueError: There is no labelled pixel.
    """
    total = sum(pixels)
    if total == 0:
        raise ValueError("no training pixel has a label; check `data.labels` and where the training blocks lie")
    power = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}[how]
    # A class without pixels never enters the loss; a floor keeps its weight finite.
    shares = [max(count / total, 1e-4) for count in pixels]
    raw = [share**-power for share in shares]
    mean = sum(weight * count for weight, count in zip(raw, pixels, strict=True)) / total
    return [weight / mean for weight in raw]
