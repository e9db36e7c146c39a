"""Channels that become blocks of pixels, and the other way."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers


class _Blocks(layers.Layer):  # type: ignore[misc]  # Keras publishes no types
    def __init__(self, side: int, **options: Any) -> None:
        """Makes the layer.

        Args:
            side: Of a block, in pixels.
            **options: Passed on to Keras.
        """
        super().__init__(**options)
        self.side = int(side)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {**super().get_config(), "side": self.side}


@keras.saving.register_keras_serializable("earthline")
class ChannelsToPixels(_Blocks):
    """From (patches, height, width, side * side * channels) to (patches, height * side, width * side, channels).

    All channels of the first pixel of a block come first, then those of the next in its row.
    """

    def call(self, image: Any) -> Any:
        """As the class says."""
        return tf.nn.depth_to_space(image, self.side)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the output, from that of the image."""
        sides = (None if side is None else side * self.side for side in input_shape[1:3])
        return (input_shape[0], *sides, (input_shape[3] or 0) // self.side**2)


@keras.saving.register_keras_serializable("earthline")
class PixelsToChannels(_Blocks):
    """The other way."""

    def call(self, image: Any) -> Any:
        """As the class says."""
        return tf.nn.space_to_depth(image, self.side)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the output, from that of the image."""
        sides = (None if side is None else side // self.side for side in input_shape[1:3])
        return (input_shape[0], *sides, (input_shape[3] or 0) * self.side**2)
