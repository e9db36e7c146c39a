"""Convolutions with batch normalization, and the U-Net that is made of them."""

from typing import Any

from trainer.models.parts.reach import Reach

_KERNEL = 3
_A_LEVEL = 2
"""Convolutions of each level of a U-Net."""


def convolved(x: Any, filters: int, *, synchronized: bool, side: int = _KERNEL, dilation: int = 1) -> Any:
    """One convolution, batch normalization and a rectified linear unit.

    Args:
        x: Keras tensor (patches, height, width, channels).
        filters: Number of channels behind it.
        synchronized: Whether batch statistics are taken over all replicas of a distributed run.
        side: Of the kernel in pixels.
        dilation: Pixels between neighbours of the kernel.
    """
    from keras import layers

    x = layers.Conv2D(
        filters, side, padding="same", dilation_rate=dilation, use_bias=False, kernel_initializer="he_normal"
    )(x)
    # A short run needs quick running averages; Keras' 0.99 lags behind by hundreds of steps.
    x = layers.BatchNormalization(momentum=0.9, synchronized=synchronized)(x)
    return layers.Activation("relu")(x)


def u_net(x: Any, *, depth: int, filters: int, dropout: float, synchronized: bool) -> Any:
    """The halvings and doublings of a U-Net (Ronneberger et al. 2015), with nearest-neighbour upsampling.

    Args:
        x: Keras tensor (patches, height, width, channels); height and width divide by 2**depth.
        depth: Number of halvings.
        filters: Convolution filters of the first level; each halving doubles them.
        dropout: Share of feature maps dropped between levels.
        synchronized: Whether batch statistics are taken over all replicas of a distributed run.

    Returns:
        Keras tensor (patches, height, width, filters).
    """
    from keras import layers

    skips: list[Any] = []
    for level in range(depth):
        x = _level(x, filters * 2**level, synchronized)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
        x = layers.SpatialDropout2D(dropout)(x)
    x = _level(x, filters * 2**depth, synchronized)
    for level, skip in reversed(list(enumerate(skips))):
        x = layers.SpatialDropout2D(dropout)(x)
        x = layers.UpSampling2D()(x)
        x = layers.Concatenate()([x, skip])
        x = _level(x, filters * 2**level, synchronized)
    return layers.SpatialDropout2D(dropout)(x)


def seen_by_u_net(reach: Reach, depth: int) -> Reach:
    """What an output of `u_net` rests on: the way through its deepest level, which holds those through its skips.

    Args:
        reach: Place of the output.
        depth: Number of halvings.
    """
    width = _A_LEVEL * (_KERNEL - 1) + 1
    for _ in range(depth):
        reach = reach.through(width).coarser()
    reach = reach.through(width)
    for _ in range(depth):
        reach = reach.finer().through(width)
    return reach


def _level(x: Any, filters: int, synchronized: bool) -> Any:
    for _ in range(_A_LEVEL):
        x = convolved(x, filters, synchronized=synchronized)
    return x
