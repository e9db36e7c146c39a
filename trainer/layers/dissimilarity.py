"""How unlike all training pixels a pixel is, as a layer: it is saved and served with the network."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

Array = np.ndarray[Any, Any]


@keras.saving.register_keras_serializable("earthline")
class Dissimilarity(layers.Layer):  # type: ignore[misc]  # Keras publishes no types
    """The dissimilarity index of Meyer and Pebesma 2021, "Predicting into unknown space?".

    Takes image (patches, height, width, bands) and valid (patches, height, width, 1), and gives float32
    (patches, height, width, 1): the distance to the nearest training point, where 1 is the mean distance between
    training points; 0 where the image is masked. Bands are weighted by how much they matter to the prediction.
    """

    def __init__(self, *, points: int, bands: int, **options: Any) -> None:
        """Makes the layer; its points are its weights.

        Args:
            points: Number of training points.
            bands: Number of bands.
            **options: Passed on to Keras.
        """
        super().__init__(**{"dtype": "float32", "trainable": False, **options})
        self.points, self.bands = points, bands

    @classmethod
    def of(cls, mean: Array, factor: Array, points: Array, **options: Any) -> "Dissimilarity":
        """The layer of some points.

        Args:
            mean: Taken from each band, (bands,).
            factor: By which each band is multiplied then, (bands,).
            points: What comes of training pixels, (points, bands); their mean distance is 1.
            **options: Passed on to Keras.
        """
        layer = cls(points=len(points), bands=len(mean), **options)
        layer.build(None)
        layer.set_weights([np.asarray(each, np.float32) for each in (mean, factor, points)])
        return layer

    def build(self, input_shape: Any) -> None:
        """Makes room for the points."""

        def room(name: str, shape: tuple[int, ...]) -> Any:
            return self.add_weight(name=name, shape=shape, initializer="zeros", trainable=False)

        self._mean = room("mean", (self.bands,))
        self._factor = room("factor", (self.bands,))
        self._points = room("training_points", (self.points, self.bands))
        self.built = True

    def call(self, inputs: Any) -> Any:
        """As the class says."""
        image, valid = inputs
        points = tf.convert_to_tensor(self._points)
        squares = tf.reduce_sum(points**2, axis=-1)

        def row(pixels: Any) -> Any:
            """Of one row of all patches, (patches, width, bands), so that distances never fill the memory."""
            # |p|² - 2xp orders points as the distance to x does.
            nearest = tf.argmin(squares - 2.0 * tf.linalg.matmul(pixels, points, transpose_b=True), axis=-1)
            # From the difference itself: the sum of squares would have lost the digits of a small distance.
            return tf.norm(pixels - tf.gather(points, nearest), axis=-1)

        seen = valid > 0.5
        scaled = (tf.where(seen, image, self._mean) - self._mean) * self._factor
        found = tf.map_fn(row, tf.transpose(scaled, (1, 0, 2, 3)), fn_output_signature=tf.float32)
        return tf.where(seen, tf.transpose(found, (1, 0, 2))[..., tf.newaxis], 0.0)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """One number a pixel."""
        return (*input_shape[0][:-1], 1)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {**super().get_config(), "points": self.points, "bands": self.bands}


def detached(network: Any) -> Any:
    """A network without the dissimilarity that follows its own outputs; any other one as it is.

    Args:
        network: Keras model.
    """
    last = network.layers[-1]
    if not isinstance(last, layers.Concatenate) or not any(
        isinstance(layer, Dissimilarity) for layer in network.layers
    ):
        return network
    return keras.Model(network.inputs, last.input[0], name=network.name)
