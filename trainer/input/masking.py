"""Masks drawn into training patches: a network that never saw a masked pixel is wrong wherever it meets one.

Clouds, gaps of a sensor and the edge of a scene stand in for what a map has and a training patch, which is chosen for
its labels, often has not.
"""

import math

import tensorflow as tf

from earthline.formats.examples import no_label
from trainer.input.augmentation import MASKED, Patches
from trainer.input.draws import Draws

GAP_PIXELS = (2.0, 12.0)
"""Narrowest and widest gap; the gaps of Landsat 7 without its scan-line corrector are up to 14 pixels wide."""


def masked(patches: Patches, draws: Draws, share: float) -> Patches:
    """Masks a part of some patches: what lies beyond a line, a gap along a line, or a disc, a third of them each.

    Args:
        patches: Images (patches, height, width, bands), masks (patches, height, width, 1), 1 where the image is valid,
            and labels (patches, height, width).
        draws: Random numbers.
        share: Share of patches that are changed, 0 to 1.

    Returns:
        All three: masked pixels are 0, 0 and `no_label` of the label's type. Shapes and types unchanged.
    """
    image, valid, label = patches
    height, width = tf.unstack(tf.shape(image)[1:3])
    side = tf.cast(tf.maximum(height, width), tf.float32)
    chosen, kind, turn, place, across, extent = tf.unstack(draws.uniform(MASKED, 6)[..., tf.newaxis, tf.newaxis])
    # Pixels from the middle of the patch.
    rows = tf.range(tf.cast(height, tf.float32))[:, tf.newaxis] - tf.cast(height - 1, tf.float32) / 2
    columns = tf.range(tf.cast(width, tf.float32))[tf.newaxis, :] - tf.cast(width - 1, tf.float32) / 2
    angle = 2 * math.pi * turn
    # Half of the lines run along rows or columns, as the edges of scenes and tiles do.
    angle = tf.where(extent < 0.5, tf.round(angle / (math.pi / 2)) * (math.pi / 2), angle)
    away = rows * tf.sin(angle) + columns * tf.cos(angle)
    # At most about a third of a patch: batch statistics of patches that are mostly hole fit no map.
    beyond = away > (0.2 + 0.3 * place) * side
    line = (place - 0.5) * 0.8 * side
    gap_width = GAP_PIXELS[0] + across * (GAP_PIXELS[1] - GAP_PIXELS[0])
    gap = tf.abs(away - line) < gap_width / 2
    radius = (0.05 + 0.15 * extent) * side
    down, right = (place - 0.5) * side, (across - 0.5) * side
    disc = (rows - down) ** 2 + (columns - right) ** 2 < radius**2
    hidden = tf.where(kind < 1 / 3, beyond, tf.where(kind < 2 / 3, gap, disc)) & (chosen < share)
    pixels = hidden[..., tf.newaxis]
    return (
        tf.where(pixels, tf.zeros((), image.dtype), image),
        tf.where(pixels, tf.zeros((), valid.dtype), valid),
        tf.where(hidden, tf.constant(no_label(label.dtype.name), label.dtype), label),
    )
