"""Masked pixels get values of what lies around them, so that an edge of the mask is no edge of the image.

Zeros instead would be an edge that no landscape has.
"""

from typing import Any


def by_halving(x: Any, valid: Any, levels: int) -> Any:
    """The mean of the valid pixels in the smallest cell of a pyramid that holds one.

    The pull-push algorithm of Gortler et al. 1996, "The Lumigraph".

    Args:
        x: (patches, height, width, bands), 0 where masked; height and width divide by 2**levels.
        valid: (patches, height, width, 1), 1 where valid and 0 where masked.
        levels: Number of halvings; what lies further from every valid pixel stays 0.

    Returns:
        Of the shape of `x`; valid pixels as they were.
    """
    from keras import layers, ops

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


def by_window(x: Any, valid: Any, side: int) -> Any:
    """The mean of the valid pixels in a window around the pixel, for architectures that take any shape.

    Args:
        x: (patches, height, width, bands), 0 where masked.
        valid: (patches, height, width, 1), 1 where valid and 0 where masked.
        side: Of the window in pixels; odd. Where it holds no valid pixel the value stays 0.

    Returns:
        Of the shape of `x`; valid pixels as they were.
    """
    from keras import layers, ops

    half = side // 2
    # With pixels beyond the edge as zeros, means of values and of validity leave them out alike.
    total, share = (layers.ZeroPadding2D(half)(each) for each in (x, valid))
    for window in ((side, 1), (1, side)):
        total, share = (layers.AveragePooling2D(window, strides=1)(each) for each in (total, share))
    return ops.where(ops.greater(valid, 0.5), x, total / ops.maximum(share, 0.5 / side**2))
