"""Reducers made of reducers: copies side by side, by position within arrays, and over what aggregates hold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, PixelType
from earthline_sandbox.earthengine.reducers.reducers import Reducer, column, combined, renamed
from earthline_sandbox.earthengine.values.values import INDEX, ArrayValue, Collection, Feature
from earthline_sandbox.errors import invalid

_MOST_INPUTS = 10_000


def for_each(reducer: Reducer, names: Sequence[str]) -> Reducer:
    """A copy of a reducer for every name, each with inputs of its own."""
    if not 1 <= len(names) * reducer.inputs <= _MOST_INPUTS:
        raise invalid(f"Reducer.forEach: between 1 and {_MOST_INPUTS} inputs are possible, got {len(names)} names.")
    alone = len(reducer.outputs) == 1
    copies = [
        renamed(reducer, [name] if alone else [f"{name}_{output}" for output in reducer.outputs]) for name in names
    ]
    whole = copies[0]
    for copy in copies[1:]:
        whole = combined(whole, copy, "", shared=False)
    return whole


def for_each_element(reducer: Reducer) -> Reducer:
    """The reducer at every position of arrays of one shape; its outputs are arrays of that shape."""
    if reducer.inputs != 1 or reducer.fold is None or any(kind.dimensions for kind in reducer.types([DOUBLE])):
        raise invalid("Reducer.forEachElement: the sandbox repeats reducers of one input whose outputs are numbers.")
    fold = reducer.fold

    def spread(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        own = values[0].ndim - weights.ndim
        weights = np.broadcast_to(weights.reshape(weights.shape + (1,) * own), values[0].shape)
        return fold([values[0]], weights)

    def types(inputs: Sequence[PixelType]) -> list[PixelType]:
        rank = inputs[0].dimensions
        return [replace(kind, dimensions=rank) for kind in reducer.types([replace(inputs[0], dimensions=0)])]

    return replace(reducer, fold=spread, gather=None, types=types, arrays=True)


def disaggregated(reducer: Reducer, axis: int | None) -> Reducer:
    """The reducer over the members of arrays, lists and dictionaries; anything else counts as itself."""
    if reducer.inputs != 1:
        raise invalid("Reducer.disaggregate: the reducer must have one input.")

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        items: list[Any] = []
        shares: list[float] = []
        for value, weight in zip(values[0], weights.tolist(), strict=True):
            found = _members(value, axis)
            items += found
            shares += [weight] * len(found)
        return reducer.reduce_series([column(items, arrays=reducer.arrays)], np.array(shares))

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        stack = values[0]
        return reducer.reduce_stack([_taken_apart(stack, axis)], _taken_apart(weights, axis))

    return Reducer(
        1,
        reducer.outputs,
        fold if reducer.fold is not None else None,
        gather,
        lambda types: reducer.types([replace(types[0], dimensions=0)]),
        weighted=reducer.weighted,
        arrays=True,
    )


def _members(value: Any, axis: int | None) -> list[Any]:
    if isinstance(value, ArrayValue):
        value = value.data
    if isinstance(value, np.ndarray) and value.ndim:
        if axis is None:
            return value.ravel().tolist()
        if not 0 <= axis < value.ndim:
            raise invalid(f"Reducer.disaggregate: the arrays have no axis {axis}.")
        return [item.tolist() if not item.ndim else ArrayValue(item) for item in np.moveaxis(value, axis, 0)]
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else [value]


def _taken_apart(stack: Array, axis: int | None) -> Array:
    """Array pixels `(K, height, width, …)` as one longer stack of numbers, or of what is left without the axis."""
    rank = stack.ndim - 3
    if rank < 1:
        return stack
    if axis is not None and not 0 <= axis < rank:
        raise invalid(f"Reducer.disaggregate: the arrays have no axis {axis}.")
    kept = stack.reshape(*stack.shape[:3], -1) if axis is None else stack
    moved = np.moveaxis(kept, 3 + (axis or 0), 1)
    return moved.reshape(-1, *moved.shape[2:])


def split_weights(reducer: Reducer) -> Reducer:
    """The same with every weighted input as two: a value, and its weight."""
    if not reducer.weighted:
        return reducer
    weighed = replace(reducer, weighted=True)

    def parts(values: Sequence[Array], weights: Array) -> tuple[list[Array], Array]:
        shares = np.min(np.stack([np.asarray(item, dtype="float64") for item in values[1::2]]), axis=0)
        return list(values[::2]), np.where(weights > 0, np.maximum(shares, 0), 0)

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        return weighed.reduce_stack(*parts(values, weights))

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        return weighed.reduce_series(*parts(values, weights))

    return Reducer(
        2 * reducer.inputs,
        reducer.outputs,
        None if reducer.fold is None else fold,
        gather,
        lambda types: reducer.types(types[::2]),
    )


def to_collection(names: Sequence[str], optional: int) -> Reducer:
    """A feature of every tuple of inputs, which become its properties; the last `optional` ones may be null."""
    if not 1 <= len(names) <= _MOST_INPUTS or not 0 <= optional < len(names) + 1:
        raise invalid(
            f"Reducer.toCollection: between 1 and {_MOST_INPUTS} property names are needed, of which 'numOptional' are "
            f"optional; got {len(names)} and {optional}."
        )

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        rows = zip(*(item.tolist() for item in values), strict=True)
        features = []
        for position, row in enumerate(rows):
            held = {name: value for name, value in zip(names, row, strict=True) if value is not None}
            features.append(Feature(properties={**held, INDEX: str(position)}))
        return [Collection(elements=features)]

    return Reducer(len(names), ("features",), None, gather, optional=optional)
