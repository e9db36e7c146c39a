"""The networks. Each takes raw values (height, width, bands), channels last, and gives class probabilities."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from earthline.formats.examples import IMAGE, VALID
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

    Normalization is part of the model, so that nothing else ever needs the statistics. Masked pixels hold what lies
    around them (see `filled`), whatever value they came with, and the network is told which they are.

    Args:
        statistics: Mean and std of every band.
        classes: Number of classes.
        filters: Filters of the first level; each halving doubles them.
        depth: Number of halvings. Height and width of the input must divide by 2**depth.
        dropout: Share of feature maps dropped between levels, while training.
        synchronized: Batch statistics over all replicas of a distributed run.

    Returns:
        A Keras model from `image` (patches, height, width, bands) and `valid` (patches, height, width, 1), 1 where the
        image is valid and 0 where it is masked, to float32 probabilities (patches, height, width, classes), for any
        height and width.
    """
    bands = len(statistics.mean)
    image = keras.Input((None, None, bands), name=IMAGE)
    valid = keras.Input((None, None, 1), name=VALID)
    # Chosen, not multiplied: 0 times NaN is NaN.
    seen = ops.where(ops.greater(valid, 0.5), image, ops.convert_to_tensor(statistics.mean, dtype="float32"))
    normalized = layers.Normalization(mean=list(statistics.mean), variance=[std**2 for std in statistics.std])(seen)
    x = layers.Concatenate()([filled(normalized, valid, depth), valid])

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
    return keras.Model([image, valid], probabilities, name="unet")


def filled(x: Any, valid: Any, levels: int) -> Any:
    """Gives masked pixels the mean of the valid ones around them, so that an edge of the mask is no edge of the image.

    The window grows until it holds a valid pixel (the pull-push algorithm of Gortler et al. 1996, "The Lumigraph").
    Zeros instead would be an edge that no landscape has.

    Args:
        x: (patches, height, width, bands), 0 where masked; height and width divide by 2**levels.
        valid: (patches, height, width, 1), 1 where valid and 0 where masked.
        levels: Number of halvings; what lies further from every valid pixel stays 0.

    Returns:
        Of the shape of `x`; valid pixels as they were.
    """
    sums, shares = [x], [valid]
    for _ in range(levels):
        sums.append(layers.AveragePooling2D(2)(sums[-1]))
        shares.append(layers.AveragePooling2D(2)(shares[-1]))
    around = ops.zeros_like(sums[-1])
    for level in reversed(range(levels + 1)):
        known = ops.greater(shares[level], 0.0)
        around = ops.where(known, sums[level] / ops.maximum(shares[level], 1e-6), around)
        if level:
            around = layers.UpSampling2D(2)(around)
    return around


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
