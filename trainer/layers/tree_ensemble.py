"""Decision trees, many at once, as a layer: a forest or boosted trees are saved and served like any other network."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.layers.tree_sum import Link, TreeSum

Array = np.ndarray[Any, Any]

_ROWS = 1 << 11
"""Rows that go down some trees together: what is looked up of both then stays in a processor's cache. All rows of a map
down one tree at a time took 1.6 times as long."""
_STEPS = 4
"""Levels that all trees go down before it is asked whether any has further to go."""


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
class TreeEnsemble(TreeSum):
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
            link: As of `TreeSum`.
            **options: Passed on to Keras.
        """
        super().__init__(trees=trees, outputs=outputs, link=link, **options)
        self.nodes, self.leaves = nodes, leaves

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
        self._nodes = self._room("nodes", (max(1, self.nodes), 4), "int32")
        self._leaves = self._room("leaves", (self.leaves, self.outputs), "float32")
        self._roots = self._room("roots", (self.trees,), "int32")
        self._base = self._room("base", (self.outputs,), "float32")
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {**super().get_config(), "nodes": self.nodes, "leaves": self.leaves}

    def _sums(self, rows: Any) -> Any:
        """What all trees add, (rows, outputs)."""
        count = tf.shape(rows)[0]
        parts = tf.maximum(1, -(-count // _ROWS))
        _, found = tf.while_loop(
            lambda part, _: part < parts,
            lambda part, found: (
                part + 1,
                found.write(part, self._sums_of_some(rows[part * _ROWS : (part + 1) * _ROWS])),
            ),
            (
                tf.constant(0),
                tf.TensorArray(tf.float32, parts, infer_shape=False, element_shape=(None, self.outputs)),
            ),
            parallel_iterations=1,
        )
        return tf.ensure_shape(found.concat(), (None, self.outputs))

    def _sums_of_some(self, rows: Any) -> Any:
        """The same for as many rows as stay in a processor's cache."""
        count, bands = tf.shape(rows)[0], tf.shape(rows)[1]
        values, start = tf.reshape(rows, [-1]), tf.range(count) * bands
        nodes, leaves, roots = (tf.convert_to_tensor(each) for each in (self._nodes, self._leaves, self._roots))

        def added(first: Any, end: Any) -> Any:
            places = self._leaves_of(tf.tile(roots[first:end, tf.newaxis], [1, count]), nodes, values, start)
            return tf.reduce_sum(tf.gather(leaves, places), 0)

        return self._over_trees(count, added)

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
