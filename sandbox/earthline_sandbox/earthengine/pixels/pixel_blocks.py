"""Folds that hold much per pixel, computed a block of pixels at a time."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.pixels.pixels import Array

# Intermediate values held at a time: 64 MB of doubles.
_HELD = 8_000_000

# Gets values and weights of shape (K, P) and gives, per output, (values of shape (P, …), mask of shape (P,)).
Block = Callable[[Sequence[Array], Array], list[tuple[Array, Array]]]


def arrays_of(
    gather: Callable[[Sequence[Array], Array], Any], values: Sequence[Array], weights: Array
) -> tuple[Array, Array]:
    """What a gathering gives of every pixel's valid entries, where that is an array whose length is its own.

    Args:
        gather: Gets, per input, the valid values of one pixel, and their weights, and gives an array.
        values: Stacks of shape `(K, …)`.
        weights: Shape `(K, …)`; 0 where an entry is masked.

    Returns:
        Values and mask of the shape that is left: the arrays' own axes follow where they all agree in length, else
        the values are an array of arrays. A pixel without a valid entry is masked.
    """
    shape, count = weights.shape[1:], len(weights)
    pixels = math.prod(shape)
    flat = [np.asarray(item).reshape(count, pixels) for item in values]
    held = weights.reshape(count, pixels)
    valid = held > 0
    mask = np.asarray(valid.any(axis=0))
    found: Array = np.empty(pixels, dtype=object)
    for place in np.flatnonzero(mask).tolist():
        kept = valid[:, place]
        found[place] = np.asarray(gather([item[kept, place] for item in flat], held[kept, place]))
    shapes = {item.shape for item in found[mask]}
    if len(shapes) == 1:
        dense = np.zeros((pixels, *next(iter(shapes))), np.result_type(*{item.dtype for item in found[mask]}))
        dense[mask] = np.stack(found[mask].tolist())
        own = dense.shape[1:]
        whole = np.broadcast_to(mask.reshape(mask.shape + (1,) * len(own)), dense.shape)
        return dense.reshape(shape + own), whole.reshape(shape + own)
    return found.reshape(shape), mask.reshape(shape)


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
