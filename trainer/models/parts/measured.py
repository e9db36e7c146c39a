"""Stride and receptive field of a Keras network, found by where a pixel that is no number is felt.

What is computed with one that is none is none itself, whatever the weights are, so this sees every pixel that could
count. Slopes, by which `declared` checks the same, see those that do count.
"""

import contextlib
from typing import Any

from trainer.models.parts.declared import STRIDES, Declared

_HALVES = (16, 64, 256, 1024, 2048)
"""Pixels on each side that are looked at, the fewest first."""
_TOGETHER = 16
"""Places that are looked at in one call."""
_FIXED = "write `declares: {stride: …, receptive_field: …}`"


class _Unsized(ValueError):
    """Sizes do not fit together: perhaps they do for a larger stride."""


class _Wider(Exception):
    """It is felt as far as was looked."""


def measured(model: Any, bands: int) -> Declared:
    """What a network needs to see.

    Args:
        model: Keras model from an image (patches, height, width, bands), perhaps with its validity, to an output.
        bands: Number of bands.

    Raises:
        ValueError: Its output has the image's height and width for no stride, it sees the whole image, or gives no
            numbers.
    """
    network = _felt(model)
    last: _Unsized | None = None
    for stride in STRIDES:
        try:
            return Declared(stride=stride, receptive_field=_receptive_field(network, bands, stride))
        except _Unsized as error:
            last = error
    raise ValueError(
        f"{last}; no stride up to {STRIDES[-1]} helps: use padding 'same', or {_FIXED} for a network that needs "
        "another one"
    )


def _felt(model: Any) -> Any:
    """The same network with averages in place of largest values, which leave out what is no number."""
    import keras

    averages = {
        keras.layers.MaxPooling2D: keras.layers.AveragePooling2D,
        keras.layers.GlobalMaxPooling2D: keras.layers.GlobalAveragePooling2D,
    }

    def alike(layer: Any) -> Any:
        return averages.get(type(layer), type(layer)).from_config(layer.get_config())

    found = keras.models.clone_model(model, clone_function=alike, recursive=True)
    found.set_weights(model.get_weights())
    return found


def _receptive_field(network: Any, bands: int, stride: int) -> int:
    for half in _HALVES:
        try:
            return 1 + 2 * max(_reach(network, bands, stride, half, axis) for axis in (1, 2))
        except _Wider:
            continue
    raise ValueError(
        f"an output rests on pixels more than {_HALVES[-2]} px away; take out layers that see the whole image, such as "
        "global pooling"
    )


def _reach(network: Any, bands: int, stride: int, half: int, axis: int) -> int:
    """Pixels between a pixel and the furthest output that feels it, along an axis."""
    import numpy as np

    middle = -(-half // stride) * stride
    # An odd number of strides: an even one could fit where the stride is too small.
    length = 2 * middle + stride
    shape = (1, length, stride, bands) if axis == 1 else (1, stride, length, bands)
    plain = np.random.default_rng(0).uniform(0.1, 1, size=shape).astype(np.float32)
    if np.isnan(_output(network, plain)).any():
        raise ValueError(f"it gives no finite numbers for random images from 0.1 to 1; {_FIXED}")
    reach = 0
    for first in range(middle, middle + stride, _TOGETHER):
        places = range(first, min(first + _TOGETHER, middle + stride))
        images = np.repeat(plain, len(places), axis=0)
        for image, place in zip(images, places, strict=True):
            image[(slice(None),) * (axis - 1) + (place,)] = np.nan
        felt = np.isnan(_output(network, images)).any(axis=(3 - axis, 3))
        if felt[:, [0, -1]].any():
            raise _Wider
        for one, place in zip(felt, places, strict=True):
            reach = max(reach, int(np.abs(np.flatnonzero(one) - place).max(initial=0)))
    return reach


def _output(network: Any, image: Any) -> Any:
    import numpy as np
    import tensorflow as tf

    valid = np.ones((*image.shape[:3], 1), np.float32)
    height, width = image.shape[1:3]
    given = image if len(network.inputs) == 1 else [image, valid]
    try:
        with contextlib.suppress(NotImplementedError):  # a layer of somebody's own need not tell
            # On some processors oneDNN gives an output that should be empty the shape of its input.
            network.compute_output_shape(image.shape if len(network.inputs) == 1 else [image.shape, valid.shape])
        output = np.asarray(network(given, training=False))
    except (tf.errors.InvalidArgumentError, ValueError) as error:
        raise _Unsized(
            f"it cannot be called with an image of {height} x {width} px ({' '.join(str(error).split())[:200]})"
        ) from error
    if output.shape[:3] != image.shape[:3]:
        raise _Unsized(f"an image of {height} x {width} px gives an output of shape {output.shape[1:]}")
    return output
