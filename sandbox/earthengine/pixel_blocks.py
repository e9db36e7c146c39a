"""Folds that hold much per pixel, computed a block of pixels at a time."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from sandbox.earthengine.pixels import Array

# Intermediate values held at a time: 64 MB of doubles.
_HELD = 8_000_000

# Gets values and weights of shape (K, P) and gives, per output, (values of shape (P, …), mask of shape (P,)).
Block = Callable[[Sequence[Array], Array], list[tuple[Array, Array]]]


def blockwise(compute: Block, values: Sequence[Array], weights: Array, held: int) -> list[tuple[Array, Array]]:
    """Folds the first axis of stacks by blocks of pixels.

    Args:
        compute: Folds one block.
        values: Stacks of shape `(K, …)`.
        weights: Shape `(K, …)`; 0 where an entry is masked.
        held: Intermediate values that `compute` holds per pixel.

    Returns:
        Per output the values and the mask, both of the shape that is left and the output's own axes after it.
    """
    shape, count = weights.shape[1:], len(weights)
    pixels = math.prod(shape)
    # A block of one pixel would be added up in another order than the same pixel among others.
    parts = max(1, min(math.ceil(pixels * max(held, 1) / _HELD), pixels // 2))
    edges = np.linspace(0, pixels, parts + 1).astype(int)
    flat = [np.asarray(item, dtype="float64").reshape(count, pixels) for item in values]
    held_weights = np.where(weights > 0, weights, 0).astype("float64").reshape(count, pixels)
    with np.errstate(all="ignore"):
        blocks = [
            compute([item[:, low:high] for item in flat], held_weights[:, low:high])
            for low, high in pairwise(edges.tolist())
        ]
    results = []
    for outputs in zip(*blocks, strict=True):
        joined = np.concatenate([value for value, _ in outputs])
        mask = np.concatenate([mask for _, mask in outputs])
        own = joined.shape[1:]
        mask = np.broadcast_to(mask.reshape(mask.shape + (1,) * len(own)), joined.shape)
        results.append((joined.reshape(shape + own), mask.reshape(shape + own)))
    return results
