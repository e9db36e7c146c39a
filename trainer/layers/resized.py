"""Pictures of another height and width, by linear interpolation, as networks from elsewhere have them."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers


@keras.saving.register_keras_serializable("earthline")
class Resized(layers.Layer):  # type: ignore[misc]  # Keras publishes no types
    """Linear interpolation between pixels, whose places are counted in one of three ways.

    From (patches, height, width, channels) to (patches, other height, other width, channels).
    """

    def __init__(self, rates: Sequence[Sequence[int]], places: str, **options: Any) -> None:
        """Makes the layer.

        Args:
            rates: For height and for width four integers a, b, c, d: n pixels become n * a / b + c / d.
            places: How a place is found in the image that is given: `half_pixel` by centres of pixels, as PyTorch and
                OpenCV do; `asymmetric` by their corners; `align_corners` so that first and last pixel stay where they
                are, which depends on the size of the image.
            **options: Passed on to Keras.
        """
        super().__init__(**options)
        self.rates = [[int(each) for each in rate] for rate in rates]
        self.places = places

    def call(self, image: Any) -> Any:
        """As the class says."""
        given = tf.shape(image)
        size = tf.stack([_other(given[axis], rate) for axis, rate in zip((1, 2), self.rates, strict=True)])
        return tf.raw_ops.ResizeBilinear(
            images=image,
            size=size,
            align_corners=self.places == "align_corners",
            half_pixel_centers=self.places == "half_pixel",
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the output, from that of the image."""
        sides = (
            None if side is None else _other(side, rate)
            for side, rate in zip(input_shape[1:3], self.rates, strict=True)
        )
        return (input_shape[0], *sides, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {**super().get_config(), "rates": self.rates, "places": self.places}


def _other(pixels: Any, rate: Sequence[int]) -> Any:
    a, b, c, d = rate
    return (pixels * (a * d) + b * c) // (b * d)
