"""Small decision trees, many at once, as a layer that looks at every node instead of following a path."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.layers.tree_ensemble import FlatTrees
from trainer.layers.tree_sum import Link, TreeSum

Array = np.ndarray[Any, Any]

MOST_LEAVES = 31
"""Leaves of a tree: as many as a positive int32 has bits."""


@keras.saving.register_keras_serializable("earthline")
class SmallTrees(TreeSum):
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
            link: As of `TreeSum`.
            **options: Passed on to Keras.
        """
        super().__init__(trees=trees, outputs=outputs, link=link, **options)
        self.slots = slots

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
        self._feature = self._room("feature", (self.slots, self.trees), "int32")
        self._threshold = self._room("threshold", (self.slots, self.trees), "float32")
        self._ruled = self._room("ruled", (self.slots, self.trees), "int32")
        self._leaves = self._room("leaves", (self.trees * MOST_LEAVES, self.outputs), "float32")
        self._base = self._room("base", (self.outputs,), "float32")
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {**super().get_config(), "slots": self.slots}

    def _sums(self, rows: Any) -> Any:
        """What all trees add, (rows, outputs)."""
        count, columns = tf.shape(rows)[0], tf.transpose(rows)
        feature, threshold, ruled, leaves = (
            tf.convert_to_tensor(each) for each in (self._feature, self._threshold, self._ruled, self._leaves)
        )

        def added(first: Any, end: Any) -> Any:
            out = tf.zeros((end - first, count), tf.int32)
            for slot in range(self.slots):
                above = tf.gather(columns, feature[slot, first:end]) > threshold[slot, first:end, tf.newaxis]
                out = tf.bitwise.bitwise_or(out, tf.cast(above, tf.int32) * ruled[slot, first:end, tf.newaxis])
            left = tf.bitwise.invert(out)
            lowest = tf.bitwise.bitwise_and(left, -left)
            bit = tf.cast(tf.raw_ops.PopulationCount(x=lowest - 1), tf.int32)
            places = bit + MOST_LEAVES * tf.range(first, end)[:, tf.newaxis]
            return tf.reduce_sum(tf.gather(leaves, places), 0)

        return self._over_trees(count, added)


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
