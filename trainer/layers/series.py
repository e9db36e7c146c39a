"""Bands that come once for each step in time, as a series of each pixel and back."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("earthline")
class PixelSeries(layers.Layer):  # type: ignore[misc]  # Keras publishes no types
    """From an image to a series of each of its pixels, on which a convolution of (1, k) runs along time.

    Takes (patches, height, width, bands) and gives (patches, height * width, steps, bands of a step).
    """

    def __init__(self, places: Sequence[Sequence[int]], **options: Any) -> None:
        """Makes the layer.

        Args:
            places: For each step, from the first, places of its bands along the image's last axis, from 0; as many in
                each step.
            **options: Passed on to Keras.
        """
        super().__init__(**options)
        self.places = tuple(tuple(int(place) for place in step) for step in places)

    def call(self, image: Any) -> Any:
        """As the class says."""
        patches, height, width = ops.shape(image)[:3]
        chosen = ops.take(image, [place for step in self.places for place in step], axis=-1)
        return ops.reshape(chosen, (patches, height * width, len(self.places), len(self.places[0])))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the series, from that of the image."""
        patches, height, width = input_shape[:3]
        pixels = None if height is None or width is None else height * width
        return (patches, pixels, len(self.places), len(self.places[0]))

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {**super().get_config(), "places": [list(step) for step in self.places]}


@keras.saving.register_keras_serializable("earthline")
class SeriesImage(layers.Layer):  # type: ignore[misc]  # Keras publishes no types
    """From a series of each pixel back to an image: all channels of the first step, then those of the next.

    Called on `[series, image]`: series (patches, height * width, steps, channels), and any image (patches, height,
    width, bands), which gives its shape. Gives (patches, height, width, steps * channels).
    """

    def call(self, inputs: Sequence[Any]) -> Any:
        """As the class says.

        Args:
            inputs: Series and image.
        """
        series, image = inputs
        patches, height, width = ops.shape(image)[:3]
        return ops.reshape(series, (patches, height, width, series.shape[2] * series.shape[3]))

    def compute_output_shape(self, input_shape: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Shape of the image, from the shapes of series and image."""
        (_, _, steps, channels), image = input_shape
        return (*image[:3], None if steps is None or channels is None else steps * channels)
