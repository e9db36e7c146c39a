"""Small decision trees, many at once, as a layer that looks at every node instead of following a path."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from trainer.layers.tree_ensemble import FlatTrees, Link

Array = np.ndarray[Any, Any]

MOST_LEAVES = 31
"""Leaves of a tree: as many as a positive int32 has bits."""
_AT_ONCE = 1 << 15
"""Pairs of a tree and a row that are computed at once: their numbers then stay in a processor's cache."""


@keras.saving.register_keras_serializable("earthline")
class SmallTrees(layers.Layer):  # type: ignore[misc]  # Keras publishes no types
    """The sum of many trees of at most 31 leaves, and what links it to the output.

    Gives what `TreeEnsemble` gives. Leaves are bits, from the left. Each node whose feature lies above its threshold
    rules out the leaves on its left; the leftmost leaf that is left is the tree's (QuickScorer: Lucchese et al. 2015,
    "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees"). There are more
    comparisons than on a path, but no jumps in memory: for trees of boosting it takes less than half of the time.
    """

    def __init__(self, *, slots: int, trees: int, outputs: int, link: Link = "identity", **options: Any) -> None:
        """Makes the layer; its trees are its weights.

        Args:
            slots: Inner nodes of the largest tree.
            trees: Number of trees.
            outputs: Numbers of the output.
            link: `softmax` over the outputs, or `identity`.
            **options: Passed on to Keras.
        """
        super().__init__(**{"dtype": "float32", "trainable": False, **options})
        self.slots, self.trees, self.outputs, self.link = slots, trees, outputs, link
        self.supports_jit = False

    @classmethod
    def of(cls, trees: FlatTrees, link: Link = "identity", **options: Any) -> "SmallTrees":
        """The layer of some trees.

        Args:
            trees: As arrays, each with at most `MOST_LEAVES` leaves.
            link: As above.
            **options: Passed on to Keras.
        """
        bits = [_Bits(trees, int(root)) for root in trees.roots]
        slots = max(1, *(len(each.nodes) for each in bits))
        shape = (slots, len(bits))
        # What fills up smaller trees lies above no threshold.
        feature, threshold, ruled = (
            np.zeros(shape, np.int32),
            np.full(shape, np.inf, np.float32),
            np.zeros(shape, np.int32),
        )
        leaves = np.zeros((len(bits) * MOST_LEAVES, len(trees.base)), np.float32)
        for place, each in enumerate(bits):
            nodes = trees.nodes[each.nodes]
            feature[: len(nodes), place] = nodes[:, 0]
            threshold[: len(nodes), place] = np.ascontiguousarray(nodes[:, 1]).view(np.float32)
            ruled[: len(nodes), place] = each.ruled
            first = place * MOST_LEAVES
            leaves[first : first + len(each.leaves)] = trees.leaves[each.leaves]
        layer = cls(slots=slots, trees=len(bits), outputs=len(trees.base), link=link, **options)
        layer.build(None)
        layer.set_weights([feature, threshold, ruled, leaves, trees.base])
        return layer

    def build(self, input_shape: Any) -> None:
        """Makes room for the trees."""

        def room(name: str, shape: tuple[int, ...], kind: str) -> Any:
            return self.add_weight(name=name, shape=shape, dtype=kind, initializer="zeros", trainable=False)

        self._feature = room("feature", (self.slots, self.trees), "int32")
        self._threshold = room("threshold", (self.slots, self.trees), "float32")
        self._ruled = room("ruled", (self.slots, self.trees), "int32")
        self._leaves = room("leaves", (self.trees * MOST_LEAVES, self.outputs), "float32")
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
        found = tf.reshape(given, tf.concat([shape[:-1], [self.outputs]], 0))
        return tf.ensure_shape(found, (*features.shape[:-1], self.outputs))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the output, from that of the features."""
        return (*input_shape[:-1], self.outputs)

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {
            **super().get_config(),
            "slots": self.slots,
            "trees": self.trees,
            "outputs": self.outputs,
            "link": self.link,
        }

    def _sums(self, rows: Any) -> Any:
        """What all trees add, (rows, outputs)."""
        count, columns = tf.shape(rows)[0], tf.transpose(rows)
        feature, threshold, ruled, leaves = (
            tf.convert_to_tensor(each) for each in (self._feature, self._threshold, self._ruled, self._leaves)
        )
        together = tf.maximum(1, _AT_ONCE // tf.maximum(1, count))

        def next_trees(first: Any, sums: Any) -> tuple[Any, Any]:
            end = tf.minimum(first + together, self.trees)
            out = tf.zeros((end - first, count), tf.int32)
            for slot in range(self.slots):
                above = tf.gather(columns, feature[slot, first:end]) > threshold[slot, first:end, tf.newaxis]
                out = tf.bitwise.bitwise_or(out, tf.cast(above, tf.int32) * ruled[slot, first:end, tf.newaxis])
            left = tf.bitwise.invert(out)
            lowest = tf.bitwise.bitwise_and(left, -left)
            bit = tf.cast(tf.raw_ops.PopulationCount(x=lowest - 1), tf.int32)
            places = bit + MOST_LEAVES * tf.range(first, end)[:, tf.newaxis]
            return end, sums + tf.reduce_sum(tf.gather(leaves, places), 0)

        _, sums = tf.while_loop(
            lambda first, _: first < self.trees,
            next_trees,
            (tf.constant(0), tf.zeros((count, self.outputs))),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, self.outputs])),
            parallel_iterations=1,
        )
        return sums


class _Bits:
    """One tree with its leaves as bits.

    Attributes:
        nodes: Its inner nodes, as places in `FlatTrees.nodes`.
        ruled: The leaves on the left of each, as bits.
        leaves: Its leaves from the left, as places in `FlatTrees.leaves`.
    """

    def __init__(self, trees: FlatTrees, root: int) -> None:
        self.nodes: list[int] = []
        self.ruled: list[int] = []
        self.leaves: list[int] = []
        self._visit(trees, root)

    def _visit(self, trees: FlatTrees, node: int) -> None:
        if node < 0:
            self.leaves.append(~node)
            return
        place, first = len(self.nodes), len(self.leaves)
        self.nodes.append(node)
        self.ruled.append(0)
        self._visit(trees, int(trees.nodes[node, 2]))
        self.ruled[place] = (1 << len(self.leaves)) - (1 << first)
        self._visit(trees, int(trees.nodes[node, 3]))
