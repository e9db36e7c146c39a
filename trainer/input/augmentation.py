"""Changes to whole batches of training patches: they stand for what the same ground might have looked like.

Every function takes the images (patches, height, width, bands), masks (patches, height, width, 1) and labels
(patches, height, width) of one part of a batch, and the random numbers for it.
"""

from typing import Any

import tensorflow as tf

from trainer.input.draws import Draws

Patches = tuple[Any, Any, Any]
"""Image, mask, label."""

TURNED, CROPPED, PASTED, MASKED, JITTERED, DROPPED = range(6)
"""Purposes of random numbers."""


def turned(patches: Patches, draws: Draws) -> Patches:
    """Turns and mirrors each patch at random: one of the 8 symmetries of the square, of 4 where it is no square.

    Args:
        patches: Moved alike; shapes and types stay.
        draws: Random numbers.
    """
    image, valid, label = patches
    flips = draws.uniform(TURNED, 3) < 0.5

    def moved(values: Any, chosen: Any, change: Any) -> Any:
        return tf.where(chosen[:, tf.newaxis, tf.newaxis, tf.newaxis], change(values), values)

    parts = [image, valid, label[..., tf.newaxis]]
    for axis in (1, 2):
        parts = [moved(values, flips[axis - 1], lambda each, axis=axis: tf.reverse(each, [axis])) for values in parts]
    if image.shape[1] is not None and image.shape[1] == image.shape[2]:
        # Mirrored at the diagonal: together with the two flips this gives every quarter turn.
        parts = [moved(values, flips[2], lambda each: tf.transpose(each, [0, 2, 1, 3])) for values in parts]
    return parts[0], parts[1], parts[2][..., 0]


def cropped(patches: Patches, draws: Draws, shape: tuple[int, int]) -> Patches:
    """Cuts a window out of each patch, at a place of its own.

    Args:
        patches: At least as large as the window.
        draws: Random numbers.
        shape: Of the window in pixels (height, width).
    """
    offsets = draws.uniform(CROPPED, 2)

    def cut(values: Any) -> Any:
        for axis in (1, 2):
            room = values.shape[axis] - shape[axis - 1] + 1
            first = tf.minimum(tf.cast(offsets[axis - 1] * room, tf.int32), room - 1)
            places = first[:, tf.newaxis] + tf.range(shape[axis - 1])
            values = tf.gather(values, places, axis=axis, batch_dims=1)
        return values

    # Columns of the second axis are gathered batch by batch, so a label needs no axis of its own for bands.
    return cut(patches[0]), cut(patches[1]), cut(patches[2])


def pasted(patches: Patches, draws: Draws, share: float) -> Patches:
    """Replaces a rectangle of some patches by the same place of another patch, its labels too.

    CutMix (Yun et al. 2019, https://arxiv.org/abs/1905.04899) for maps: each pixel keeps a label of its own, so that
    none has to be mixed. The rectangle's area is uniform from nothing to the whole patch.

    Args:
        patches: Each takes from the one before it in this part of the batch.
        draws: Random numbers.
        share: Share of the patches that are changed, 0 to 1.
    """
    image, valid, label = patches
    chosen, area, down, right = tf.unstack(draws.uniform(PASTED, 4)[..., tf.newaxis, tf.newaxis])
    half = tf.sqrt(area) / 2
    # Rows and columns from 0 to 1 over the patch.
    rows, columns = (
        (tf.range(side, dtype=tf.float32) + 0.5) / tf.cast(side, tf.float32) for side in tf.unstack(tf.shape(label)[1:])
    )
    inside = (tf.abs(rows[:, tf.newaxis] - down) < half) & (tf.abs(columns - right) < half) & (chosen < share)
    other = [tf.roll(values, 1, axis=0) for values in patches]
    pixels = inside[..., tf.newaxis]
    return (
        tf.where(pixels, other[0], image),
        tf.where(pixels, other[1], valid),
        tf.where(inside, other[2], label),
    )


def jittered(image: Any, draws: Draws, strength: float, mean: Any, std: Any) -> Any:
    """Brightens and spreads each band of each patch a little, as haze, sun and season do.

    Args:
        image: (patches, height, width, bands).
        draws: Random numbers.
        strength: Std of the change: of the brightness in std of the band, and of the spread around its mean as a share.
        mean: (bands,) over the training pixels.
        std: (bands,), likewise.

    Returns:
        float32, of the same shape.
    """
    change = strength * draws.normal(JITTERED, 2, image.shape[-1])
    gain, shift = (tf.transpose(each)[:, tf.newaxis, tf.newaxis, :] for each in tf.unstack(change))
    return mean + (tf.cast(image, tf.float32) - mean) * (1 + gain) + shift * std


def without_bands(image: Any, draws: Draws, share: float, mean: Any) -> Any:
    """Sets some bands of some patches to their mean, so that the model does not rest on one band alone.

    Args:
        image: (patches, height, width, bands).
        draws: Random numbers.
        share: Probability of each band of each patch, 0 to 1.
        mean: (bands,) over the training pixels.

    Returns:
        float32, of the same shape.
    """
    dropped = tf.transpose(draws.uniform(DROPPED, image.shape[-1])) < share
    return tf.where(dropped[:, tf.newaxis, tf.newaxis, :], mean, tf.cast(image, tf.float32))
