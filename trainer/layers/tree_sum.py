"""What layers of trees have in common: the sum over all trees, some at a time, and what links it to the output."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import tensorflow as tf
from keras import layers

AT_ONCE = 1 << 15
"""Pairs of a tree and a row that are computed at once: their numbers then stay in a processor's cache."""

Link = Literal["identity", "softmax"]


class TreeSum(layers.Layer):  # type: ignore[misc]  # Keras publishes no types
    """The sum of many trees. Takes float32 features (..., features) and gives float32 (..., outputs)."""

    def __init__(self, *, trees: int, outputs: int, link: Link, **options: Any) -> None:
        """Makes the layer; its trees are its weights.

        Args:
            trees: Number of trees.
            outputs: Numbers of the output.
            link: `softmax` over the outputs, or `identity`.
            **options: Passed on to Keras.
        """
        # Half precision would send pixels near a threshold to the other side.
        super().__init__(**{"dtype": "float32", "trainable": False, **options})
        self.trees, self.outputs, self.link = trees, outputs, link
        # XLA computes a step of gathers hundreds of times slower than TensorFlow itself.
        self.supports_jit = False

    @abstractmethod
    def _sums(self, rows: Any) -> Any:
        """What all trees add, (rows, outputs), for features (rows, features)."""

    def _room(self, name: str, shape: tuple[int, ...], kind: str) -> Any:
        return self.add_weight(name=name, shape=shape, dtype=kind, initializer="zeros", trainable=False)

    def call(self, features: Any) -> Any:
        """As the class says.

        Args:
            features: float32 (..., features).
        """
        features = tf.convert_to_tensor(features)
        shape = tf.shape(features)
        rows = tf.reshape(features, (-1, features.shape[-1] or shape[-1]))
        sums = self._sums(rows) + tf.convert_to_tensor(self._base)
        given = tf.nn.softmax(sums) if self.link == "softmax" else sums
        found = tf.reshape(given, tf.concat([shape[:-1], [self.outputs]], 0))
        return tf.ensure_shape(found, (*features.shape[:-1], self.outputs))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the output, from that of the features."""
        return (*input_shape[:-1], self.outputs)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {**super().get_config(), "trees": self.trees, "outputs": self.outputs, "link": self.link}

    def _over_trees(self, count: Any, added: Callable[[Any, Any], Any]) -> Any:
        """The sum of what trees add, some of them at a time, (rows, outputs).

        Args:
            count: Number of rows.
            added: What the trees from the first to before the second one add, (rows, outputs).
        """
        together = tf.maximum(1, AT_ONCE // tf.maximum(1, count))

        def next_trees(first: Any, sums: Any) -> tuple[Any, Any]:
            end = tf.minimum(first + together, self.trees)
            return end, sums + added(first, end)

        _, sums = tf.while_loop(
            lambda first, _: first < self.trees,
            next_trees,
            (tf.constant(0), tf.zeros((count, self.outputs))),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, self.outputs])),
            parallel_iterations=1,
        )
        return sums
