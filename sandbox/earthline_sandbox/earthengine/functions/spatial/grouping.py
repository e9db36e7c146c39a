"""Reducers over many small groups of values at once."""

from collections.abc import Sequence

import numpy as np

from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.errors import invalid


def fold_groups(
    reducer: Reducer, groups: Array, count: int, values: Sequence[Array], weights: Array
) -> list[tuple[Array, Array]]:
    """Folds values by group; within a group their order stays.

    Args:
        reducer: Gives numbers.
        groups: Group of every entry, from 0; shape `(entries,)`.
        count: Number of groups.
        values: Per input of the reducer, shape `(entries,)`.
        weights: Shape `(entries,)`; 0 where an entry is masked.

    Returns:
        Per output (values, mask), each of shape `(count,)`.

    Raises:
        ApiError: INVALID_ARGUMENT where the reducer does not give numbers.
    """
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups, minlength=count)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    results = [(np.zeros(count), np.zeros(count, dtype=bool)) for _ in reducer.outputs]
    # Groups of one size are columns of one stack.
    for size in np.unique(sizes[sizes > 0]).tolist():
        chosen = np.flatnonzero(sizes == size)
        entries = order[starts[chosen][None, :] + np.arange(size)[:, None]]
        with np.errstate(all="ignore"):
            folded = reducer.reduce_stack([item[entries] for item in values], weights[entries])
        for (value, mask), (found, valid) in zip(results, folded, strict=True):
            if np.ndim(found) != 1:
                raise invalid(f"the reducer's outputs {list(reducer.outputs)} must be numbers.")
            value[chosen], mask[chosen] = found, np.broadcast_to(valid, found.shape)
    return results
