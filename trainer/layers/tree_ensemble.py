"""Decision trees, many at once, as a layer: a forest or boosted trees are saved and served like any other network."""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import layers

Array = np.ndarray[Any, Any]

_AT_ONCE = 1 << 15
"""Places in trees that are followed at once: their nodes and values then stay in a processor's cache."""
_STEPS = 4
"""Levels that all trees go down before it is asked whether any has further to go."""

Link = Literal["identity", "softmax"]


@dataclass(frozen=True)
class FlatTrees:
    """Trees as arrays.

    Attributes:
        nodes: int32 (inner nodes, 4) of all trees: the feature that is compared; the threshold's float32 as the int32
            of the same bits; where a value at or below it leads, and where any other leads. At least 0 it is a node,
            below it is `~leaf`.
        leaves: float32 (leaves of all trees, outputs): what each adds to the outputs.
        roots: int32 (trees,): where each begins, likewise a node or `~leaf`.
        base: float32 (outputs,): what the outputs are before any tree.
    """

    nodes: Array
    leaves: Array
    roots: Array
    base: Array


@keras.saving.register_keras_serializable("earthline")
class TreeEnsemble(layers.Layer):  # type: ignore[misc]  # Keras publishes no types
    """The sum of many decision trees, and what links it to the output.

    Takes float32 features (..., features) and gives float32 (..., outputs). A feature that is not a number counts as
    lying below every threshold, so that the output is finite whatever comes in.

    Each step looks one level down for many pixels and trees at once (the tree traversal of Nakandala et al. 2020,
    "A Tensor Compiler for Unified Machine Learning Prediction Serving"). Memory beyond input and output is bounded by
    a few numbers a pixel, however many trees there are.
    """

    def __init__(
        self,
        *,
        nodes: int,
        leaves: int,
        trees: int,
        outputs: int,
        link: Link = "identity",
        **options: Any,
    ) -> None:
        """Makes the layer; its trees are its weights.

        Args:
            nodes: Inner nodes of all trees.
            leaves: Leaves of all trees.
            trees: Number of trees.
            outputs: Numbers of the output.
            link: `softmax` over the outputs, or `identity`.
            **options: Passed on to Keras.
        """
        # Half precision would send pixels near a threshold to the other side.
        super().__init__(**{"dtype": "float32", "trainable": False, **options})
        self.nodes, self.leaves, self.trees, self.outputs = nodes, leaves, trees, outputs
        self.link = link
        # XLA computes a step of gathers hundreds of times slower than TensorFlow itself.
        self.supports_jit = False

    @classmethod
    def of(cls, trees: FlatTrees, link: Link = "identity", **options: Any) -> "TreeEnsemble":
        """The layer of some trees.

        Args:
            trees: As arrays.
            link: As above.
            **options: Passed on to Keras.
        """
        layer = cls(
            nodes=len(trees.nodes),
            leaves=len(trees.leaves),
            trees=len(trees.roots),
            outputs=len(trees.base),
            link=link,
            **options,
        )
        layer.build(None)
        # A node that nothing leads to stands where trees have leaves alone: nothing can be looked up in no rows.
        nodes = trees.nodes if len(trees.nodes) else np.full((1, 4), -1, np.int32)
        layer.set_weights([nodes, trees.leaves, trees.roots, trees.base])
        return layer

    def build(self, input_shape: Any) -> None:
        """Makes room for the trees."""

        def room(name: str, shape: tuple[int, ...], kind: str) -> Any:
            return self.add_weight(name=name, shape=shape, dtype=kind, initializer="zeros", trainable=False)

        self._nodes = room("nodes", (max(1, self.nodes), 4), "int32")
        self._leaves = room("leaves", (self.leaves, self.outputs), "float32")
        self._roots = room("roots", (self.trees,), "int32")
        self._base = room("base", (self.outputs,), "float32")
        self.built = True

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
        outer = features.shape[:-1]
        found = tf.reshape(given, tf.concat([shape[:-1], [self.outputs]], 0))
        return tf.ensure_shape(found, (*outer, self.outputs))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the output, from that of the features."""
        return (*input_shape[:-1], self.outputs)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {
            **super().get_config(),
            "nodes": self.nodes,
            "leaves": self.leaves,
            "trees": self.trees,
            "outputs": self.outputs,
            "link": self.link,
        }

    def _sums(self, rows: Any) -> Any:
        """What all trees add, (rows, outputs)."""
        count, bands = tf.shape(rows)[0], tf.shape(rows)[1]
        values, start = tf.reshape(rows, [-1]), tf.range(count) * bands
        nodes, leaves, roots = (tf.convert_to_tensor(each) for each in (self._nodes, self._leaves, self._roots))
        together = tf.maximum(1, _AT_ONCE // tf.maximum(1, count))

        def next_trees(first: Any, sums: Any) -> tuple[Any, Any]:
            some = roots[first : first + together]
            places = self._leaves_of(tf.tile(some[:, tf.newaxis], [1, count]), nodes, values, start)
            return first + together, sums + tf.reduce_sum(tf.gather(leaves, places), 0)

        _, sums = tf.while_loop(
            lambda first, _: first < self.trees,
            next_trees,
            (tf.constant(0), tf.zeros((count, self.outputs))),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, self.outputs])),
            parallel_iterations=1,
        )
        return sums

    @staticmethod
    def _leaves_of(places: Any, nodes: Any, values: Any, start: Any) -> Any:
        """The leaf that each row comes to in each tree, (trees, rows).

        Args:
            places: Where each begins, (trees, rows).
            nodes: Of all trees.
            values: All features of the first row, then all of the next one.
            start: Where the values of each row begin, (rows,).
        """

        def down(places: Any) -> tuple[Any]:
            for _ in range(_STEPS):
                feature, threshold, low, high = tf.unstack(tf.gather(nodes, tf.maximum(places, 0)), axis=-1)
                above = tf.gather(values, start + feature) > tf.bitcast(threshold, tf.float32)
                places = tf.where(places < 0, places, tf.where(above, high, low))
            return (places,)

        (places,) = tf.while_loop(lambda places: tf.reduce_any(places >= 0), down, (places,), parallel_iterations=1)
        return -1 - places
