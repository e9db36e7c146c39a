"""The networks. Each takes raw values (height, width, bands), channels last, and gives class probabilities."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from trainer.statistics import Statistics


def unet(
    statistics: Statistics,
    classes: int,
    *,
    filters: int,
    depth: int,
    dropout: float,
    synchronized: bool = False,
) -> Any:
    """A U-Net (Ronneberger et al. 2015) with batch normalization and nearest-neighbour upsampling.

    Normalization is part of the model, so that nothing else ever needs the statistics. A pixel that is 0 in every
    band is masked (that is how Earth Engine fills a mask): after normalization it is 0 as well, the mean of the
    training pixels, rather than an outlier that would disturb its neighbours.

    Args:
        statistics: Mean and deviation of every band.
        classes: Number of classes.
        filters: Filters of the first level; each halving doubles them.
        depth: Number of halvings. Height and width of the input must divide by 2**depth.
        dropout: Share of feature maps dropped between levels, while training.
        synchronized: Batch statistics over all replicas of a distributed run.

    Returns:
        A Keras model from (patches, height, width, bands) to float32 probabilities (patches, height, width, classes),
        for any height and width.
    """
    bands = len(statistics.mean)
    inputs = keras.Input((None, None, bands), name="image")
    valid = ops.any(ops.not_equal(inputs, 0.0), axis=-1, keepdims=True)
    normalized = layers.Normalization(
        mean=list(statistics.mean), variance=[deviation**2 for deviation in statistics.deviation]
    )(inputs)
    x = normalized * ops.cast(valid, "float32")

    skips: list[Any] = []
    for level in range(depth):
        x = _convolutions(x, filters * 2**level, synchronized)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
        x = layers.SpatialDropout2D(dropout)(x)
    x = _convolutions(x, filters * 2**depth, synchronized)
    for level, skip in reversed(list(enumerate(skips))):
        x = layers.SpatialDropout2D(dropout)(x)
        x = layers.UpSampling2D()(x)
        x = layers.Concatenate()([x, skip])
        x = _convolutions(x, filters * 2**level, synchronized)
    x = layers.SpatialDropout2D(dropout)(x)
    # float32 whatever the policy: probabilities of a half-precision softmax do not sum to 1.
    probabilities = layers.Conv2D(classes, 1, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, probabilities, name="unet")


def _convolutions(x: Any, filters: int, synchronized: bool) -> Any:
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
        # A short run needs quick running averages; Keras' 0.99 lags behind by hundreds of steps.
        x = layers.BatchNormalization(momentum=0.9, synchronized=synchronized)(x)
        x = layers.Activation("relu")(x)
    return x


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
