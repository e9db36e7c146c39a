"""Masked pixels get values of what lies around them, so that an edge of the mask is no edge of the image.

Zeros instead would be an edge that no landscape has. What is filled in has to come from nearby: the mean of a wider
place is nearer to the mean of the scene, and beside a hole the class of middling values would be mapped too often.
"""

from typing import Any


def around(x: Any, valid: Any, side: int) -> Any:
    """The mean of the valid pixels in the smallest window around each masked pixel that holds one.

    Windows are of 3 pixels, 7, 15 and so on, each about twice as wide.

    Args:
        x: (patches, height, width, bands), 0 where masked.
        valid: (patches, height, width, 1), 1 where valid and 0 where masked.
        side: Of the largest window in pixels; odd. What has no valid pixel in it stays 0.

    Returns:
        Of the shape of `x`; valid pixels as they were.
    """
    from keras import layers, ops

    bands = int(x.shape[-1])
    # Half precision would round the shares.
    both = layers.Concatenate(dtype="float32")([x, valid])
    filled, known = x, valid
    for window in _sides(side):
        means = both
        for shape, (down, across) in (((window, 1), (window // 2, 0)), ((1, window), (0, window // 2))):
            # With pixels beyond the edge as zeros, means of values and of validity leave them out alike.
            padded = layers.ZeroPadding2D((down, across), dtype="float32")(means)
            means = layers.AveragePooling2D(shape, strides=1, dtype="float32")(padded)
        share = means[..., bands:]
        filled = ops.where(ops.greater(known, 0.0), filled, means[..., :bands] / ops.maximum(share, 0.5 / window**2))
        known = ops.maximum(known, share)
    return filled


def _sides(largest: int) -> list[int]:
    found = [min(3, largest)]
    while found[-1] < largest:
        found.append(min(2 * found[-1] + 1, largest))
    return found
