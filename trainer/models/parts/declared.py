"""Stride and receptive field as somebody tells them, and whether a network keeps to them."""

from collections.abc import Callable
from typing import Any

from pydantic import Field, field_validator

from earthline.config.section import Section, WholeNumber

STRIDES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Tried in turn where none is declared, and where the declared one is too small, to name one that is not."""

_WIDE = 64
"""Pixels, of which no layer takes off all."""


class Declared(Section):
    """What the map must know of a network that describes itself nowhere else."""

    stride: WholeNumber = Field(ge=1, le=256, description="Pixels that height and width of its input divide by.")
    receptive_field: WholeNumber = Field(
        ge=1,
        le=4095,
        description="Side in pixels of the square around a pixel on which its output rests, odd; rather too large than "
        "too small.",
    )

    @field_validator("receptive_field")
    @classmethod
    def _has_a_middle(cls, side: int) -> int:
        if side % 2 == 0:
            raise ValueError(f"{side} is even, so that no pixel is in the middle; use {side + 1}")
        return side

    def require(self, network: Callable[[Any, Any], Any], bands: int) -> None:
        """Checks a network by its slopes: what an output rests on is where the image changes it.

        Args:
            network: From image (patches, height, width, bands) and valid (patches, height, width, 1) to an output
                (patches, height, width, any).
            bands: Number of bands.

        Raises:
            ValueError: The output has another height or width than the image, or rests on pixels further away.
        """
        import numpy as np
        import tensorflow as tf

        half, stride = self.receptive_field // 2, self.stride
        length = -(-2 * (half + stride) // stride) * stride
        # An image as narrow as those below may be all that a layer takes off, and on some processors oneDNN gives an
        # output that should be empty the shape of its input.
        side = -(-_WIDE // stride) * stride
        _output(network, tf.zeros((1, side, side, bands)), stride)
        for axis in (1, 2):
            shape = (1, length, stride) if axis == 1 else (1, stride, length)
            image = tf.constant(np.random.default_rng(0).normal(size=(*shape, bands)).astype(np.float32))
            for place in range(half, half + stride):
                with tf.GradientTape() as tape:
                    tape.watch(image)
                    output = _output(network, image, stride)
                    # Weighted by chance: plain sums of a softmax or of a normalization do not change.
                    weights = np.random.default_rng(1).normal(size=output.shape[-1]).astype(np.float32)
                    answer = tf.reduce_sum(tf.gather(output, place, axis=axis) * weights)
                slope = tape.gradient(answer, image)
                if slope is None:
                    continue
                seen = np.flatnonzero(np.abs(np.asarray(slope)).max(axis=tuple({0, 1, 2, 3} - {axis})) > 0)
                reach = int(np.abs(seen - place).max(initial=0))
                if reach > half:
                    raise ValueError(
                        f"receptive_field {self.receptive_field} is too small: an output rests on pixels {reach} px "
                        f"away, or further; declare {2 * reach + 1} or more, or take out layers that see the whole "
                        "image, such as global pooling"
                    )


def _output(network: Callable[[Any, Any], Any], image: Any, stride: int) -> Any:
    import tensorflow as tf

    shape = tuple(image.shape[:3])
    rule = (
        f"an output must have the image's height and width wherever these divide by stride {stride}; use padding "
        "'same', or declare a larger stride for a network that needs more pixels"
    )
    try:
        output = network(image, tf.ones((*shape, 1)))
    except (tf.errors.InvalidArgumentError, ValueError) as error:
        raise ValueError(
            f"it cannot be called with an image of {shape[1]} x {shape[2]} px ({' '.join(str(error).split())[:200]}); "
            f"{rule}"
        ) from error
    if tuple(output.shape[:3]) != shape:
        raise ValueError(
            f"an image of {shape[1]} x {shape[2]} px gives an output of shape {tuple(output.shape[1:])}; {rule}"
        )
    return output
