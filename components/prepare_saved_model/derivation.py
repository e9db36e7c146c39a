"""Outputs in TensorFlow's graph, as `earthline.formats.served.outputs` makes them without it."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from earthline.formats.served.outputs import FULL, MOST_IN_ALL, NO_CLASS, ServedOutput


def derived(values: Any, outputs: tuple[ServedOutput, ...]) -> dict[str, Any]:
    """The outputs of tiles.

    Args:
        values: float32 (tiles, height, width, entries), all that the network gives.
        outputs: What is served.

    Returns:
        By name, (tiles, height, width, values) of the output's type.
    """
    return {output.name: _derived(values, output) for output in outputs}


def _derived(values: Any, output: ServedOutput) -> Any:
    found = _MADE[output.made](values[..., output.first : output.last], output)
    if output.is_share:
        known = tf.where(tf.math.is_finite(found), found, 0.0)
        found = tf.clip_by_value(tf.round(known * float(FULL)), 0.0, float(FULL))
    return tf.cast(found, output.type)


def _most_probable(own: Any, output: ServedOutput) -> Any:
    total = tf.reduce_sum(own, axis=-1)
    finite = tf.reduce_all(tf.math.is_finite(own), axis=-1)
    known = finite & (total > 0.0) & (total <= MOST_IN_ALL)
    # Of equal ones the first, as NumPy has it.
    return tf.where(known[..., tf.newaxis], tf.math.top_k(own, k=1).indices, NO_CLASS)


def _margin(own: Any, output: ServedOutput) -> Any:
    two = tf.math.top_k(own, k=2).values
    return two[..., :1] - two[..., 1:]


def _count(own: Any, output: ServedOutput) -> Any:
    held = tf.reduce_sum(tf.cast(own >= (output.limit or 0.0), tf.int32), axis=-1, keepdims=True)
    return tf.maximum(held, 1)


_MADE: Mapping[str, Callable[[Any, ServedOutput], Any]] = {
    "entries": lambda own, output: own,
    "most_probable": _most_probable,
    "largest": lambda own, output: tf.reduce_max(own, axis=-1, keepdims=True),
    "margin": _margin,
    "count": _count,
    "at_most": lambda own, output: own <= (output.limit or 0.0),
}
