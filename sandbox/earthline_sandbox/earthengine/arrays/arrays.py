"""What can be done to arrays, many of the same shape at a time: the first axis counts them, and is not one of theirs.

`Array` functions work on a batch of one, `Image` functions on all pixels whose arrays have the same shape. Behaviour
is that of https://developers.google.com/earth-engine/apidocs/ee-array-slice and its siblings.
"""

import math
from collections.abc import Sequence

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.pixels.pixels import Array, PixelType
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.errors import invalid

# Elements that one array may have; Earth Engine's own limit is that of its memory.
_MOST_ELEMENTS = 100_000_000


def lengths(batch: Array) -> list[int]:
    """The lengths of the axes of every array."""
    return list(batch.shape[1:])


def checked_axis(axis: int, rank: int, *, new: bool = False) -> int:
    """The axis, proven to exist; `new` allows the one after the last.

    Raises:
        ApiError: INVALID_ARGUMENT where it does not.
    """
    if not 0 <= axis < rank + new:
        raise invalid(f"Axis {axis} is out of range for arrays of {rank} dimensions.")
    return axis


def bounded(batch: Array, shape: Sequence[int]) -> None:
    """Ends the work where arrays of that shape, as many as in the batch, would not fit into memory."""
    if math.prod(shape) > _MOST_ELEMENTS:
        raise invalid(f"User memory limit exceeded: an array of lengths {list(shape)} is too large.")
    computation.expect(len(batch) * math.prod(shape) * batch.itemsize)


def concatenated(batches: Sequence[Array], axis: int) -> Array:
    """Arrays one after the other along an axis, which may be a new one."""
    rank = batches[0].ndim - 1
    if any(batch.ndim - 1 != rank for batch in batches):
        raise invalid(
            f"Arrays must have the same number of dimensions, got {', '.join(str(b.ndim - 1) for b in batches)}."
        )
    checked_axis(axis, rank, new=True)
    others = {tuple(length for i, length in enumerate(lengths(batch)) if i != axis) for batch in batches}
    if len(others) > 1:
        raise invalid(
            f"Arrays must have the same lengths on all axes but {axis}, got "
            f"{', '.join(str(lengths(batch)) for batch in batches)}."
        )
    count = max(len(batch) for batch in batches)
    spread = [np.broadcast_to(batch, (count, *batch.shape[1:])) for batch in batches]
    return np.stack(spread, axis + 1) if axis == rank else np.concatenate(spread, axis + 1)


def sliced(batch: Array, axis: int, start: int, end: int | None, step: int) -> Array:
    """Positions from `start` until before `end`; negative ones count from the end, those out of range are left out."""
    checked_axis(axis, batch.ndim - 1)
    if step < 1:
        raise invalid(f"'step' must be positive, got {step}.")
    length = batch.shape[axis + 1]
    first = start + length if start < 0 else start
    stop = length if end is None else end + length if end < 0 else end
    if first < 0:
        first += -(first // step) * step
    return batch[(slice(None),) * (axis + 1) + (slice(first, max(stop, 0), step),)]


def padded(batch: Array, wanted: Sequence[int], value: float) -> Array:
    """Arrays made at least so long along every axis."""
    if len(wanted) != batch.ndim - 1:
        raise invalid(f"{len(wanted)} lengths were given for arrays of {batch.ndim - 1} dimensions.")
    bounded(batch, [max(own, new) for own, new in zip(lengths(batch), wanted, strict=True)])
    widths = [(0, max(new - own, 0)) for own, new in zip(lengths(batch), wanted, strict=True)]
    return np.pad(batch, [(0, 0), *widths], constant_values=value)


def projected(batch: Array, axes: Sequence[int]) -> Array:
    """Arrays of only those axes, in that order; the others must have at most length 1.

    An axis of length 0 leaves nothing: then the first axis of the result is empty.
    """
    rank = batch.ndim - 1
    for axis in axes:
        checked_axis(axis, rank)
    if len(set(axes)) != len(axes):
        raise invalid(f"The axes to keep must differ from each other, got {list(axes)}.")
    dropped = [axis for axis in range(rank) if axis not in axes]
    if any(batch.shape[axis + 1] > 1 for axis in dropped):
        raise invalid(
            f"Cannot project arrays of lengths {lengths(batch)} to axes {list(axes)}: "
            "dropped axes must have at most length 1."
        )
    moved = np.moveaxis(batch, [axis + 1 for axis in axes], range(1, 1 + len(axes)))
    kept = list(moved.shape[: 1 + len(axes)])
    if any(batch.shape[axis + 1] == 0 for axis in dropped):
        return np.zeros([kept[0], *([0] * len(axes))], batch.dtype)
    return moved.reshape(kept)


def repeated(batch: Array, axis: int, copies: int) -> Array:
    """The same arrays so many times along an axis, which may be a new one."""
    rank = batch.ndim - 1
    checked_axis(axis, rank, new=True)
    if copies < 0:
        raise invalid(f"'copies' must not be negative, got {copies}.")
    if axis == rank:
        batch = batch[..., None]
    bounded(batch, [*lengths(batch), copies])
    return np.tile(batch, [copies if i == axis + 1 else 1 for i in range(batch.ndim)])


def reshaped(batch: Array, shape: Sequence[int]) -> Array:
    """The same elements, row by row, in axes of other lengths; one of them may be -1: what is left."""
    size = math.prod(lengths(batch))
    known = math.prod(length for length in shape if length != -1)
    free = list(shape).count(-1)
    if free > 1 or any(length < -1 for length in shape):
        raise invalid(f"Lengths must not be negative, but for a single -1; got {list(shape)}.")
    if free and known and size % known == 0:
        shape = [size // known if length == -1 else length for length in shape]
    if math.prod(shape) != size or -1 in shape:
        raise invalid(f"Cannot reshape arrays of lengths {lengths(batch)} to {list(shape)}.")
    return batch.reshape((len(batch), *shape))


def transposed(batch: Array, axis1: int, axis2: int) -> Array:
    """Two axes swapped."""
    rank = batch.ndim - 1
    return np.swapaxes(batch, checked_axis(axis1, rank) + 1, checked_axis(axis2, rank) + 1)


def sorting_axis(batch: Array) -> int:
    """The only axis longer than 1, or the first one that fits."""
    long = [axis for axis, length in enumerate(lengths(batch)) if length != 1]
    if len(long) > 1 or batch.ndim < 2:
        raise invalid(f"Keys may be longer than 1 along one axis only, got lengths {lengths(batch)}.")
    return long[0] if long else 0


def ordered(batch: Array, keys: Array) -> Array:
    """Arrays whose positions along one axis follow their keys, least first; equal keys keep their order."""
    if keys.ndim != batch.ndim:
        raise invalid(f"Keys have {keys.ndim - 1} dimensions, but the arrays {batch.ndim - 1}.")
    axis = sorting_axis(keys)
    if keys.shape[axis + 1] != batch.shape[axis + 1]:
        if all(length == 1 for length in lengths(keys)):
            return batch
        raise invalid(f"Keys of lengths {lengths(keys)} do not fit arrays of lengths {lengths(batch)}.")
    order = np.argsort(keys, axis=axis + 1, kind="stable")
    return np.take_along_axis(batch, order, axis=axis + 1)


def masking_axis(batch: Array, mask: Array) -> int:
    """The axis that a mask picks positions of: its only one longer than 1."""
    if mask.ndim != batch.ndim:
        raise invalid(f"The mask has {mask.ndim - 1} dimensions, but the arrays {batch.ndim - 1}.")
    axis = sorting_axis(mask)
    if all(length == 1 for length in lengths(mask)) and batch.shape[axis + 1] != 1:
        axis = next((i for i, length in enumerate(lengths(batch)) if length == 1), axis)
    if mask.shape[axis + 1] != batch.shape[axis + 1]:
        raise invalid(f"A mask of lengths {lengths(mask)} does not fit arrays of lengths {lengths(batch)}.")
    return axis


def aligned(first: Array, second: Array) -> tuple[Array, Array]:
    """Two batches whose arrays NumPy can combine element by element: a number, or an axis of length 1, is repeated.

    Raises:
        ApiError: INVALID_ARGUMENT where other lengths differ.
    """
    one, two = lengths(first), lengths(second)
    if one and two and (len(one) != len(two) or any(a != b and 1 not in (a, b) for a, b in zip(one, two, strict=True))):
        raise invalid(f"Array arguments must have the same lengths along every axis, or length 1; got {one} and {two}.")
    if not one:
        first = first.reshape(first.shape + (1,) * len(two))
    if not two:
        second = second.reshape(second.shape + (1,) * len(one))
    return first, second


def dot_product(first: Array, second: Array) -> Array:
    """The sum of products of two vectors."""
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise invalid(
            f"The dot product needs two 1-dimensional arrays of the same length, got lengths {lengths(first)} "
            f"and {lengths(second)}."
        )
    kind = "float64" if "f" in (first.dtype.kind, second.dtype.kind) else "int64"
    return np.asarray((first.astype(kind) * second.astype(kind)).sum(axis=1))


def bits(number: int) -> list[int]:
    """The bits of a whole number in two's complement, the lowest first, up to the highest that is set."""
    unsigned = number & (2**64 - 1)
    return [unsigned >> place & 1 for place in range(max(unsigned.bit_length(), 1))]


def reduced_type(reducer: Reducer, kind: PixelType, name: str) -> PixelType:
    """The type that holds every output of a reducer, whose inputs are all of one type."""
    scalar = PixelType(kind.precision, kind.minimum, kind.maximum)
    types = reducer.types([scalar] * max(reducer.inputs, 1))
    if not types:
        raise invalid(f"{name}: The reducer has no outputs.")
    joined = types[0]
    for other in types[1:]:
        joined = joined.union(other)
    return PixelType(joined.precision, joined.minimum, joined.maximum, kind.dimensions)


def reduced(batch: Array, reducer: Reducer, axes: Sequence[int], field_axis: int | None) -> tuple[Array, Array]:
    """A reducer along some axes, which then have length 1; independently along all others.

    Args:
        batch: The arrays.
        reducer: Each of its outputs must be a number.
        axes: What to reduce.
        field_axis: Holds the inputs of a reducer of several, and then its outputs.

    Returns:
        The arrays, and which of their elements have a value, of the same shape.
    """
    rank = batch.ndim - 1
    chosen = sorted({checked_axis(axis, rank) for axis in axes})
    if not chosen:
        raise invalid("At least one axis to reduce must be given.")
    if field_axis is None:
        if reducer.inputs != 1 or len(reducer.outputs) != 1:
            raise invalid("'fieldAxis' is required for a reducer of several inputs or outputs.")
        fields = [batch]
    else:
        if checked_axis(field_axis, rank) in chosen:
            raise invalid(f"'fieldAxis' ({field_axis}) must not be one of the axes to reduce, {chosen}.")
        if batch.shape[field_axis + 1] != reducer.inputs:
            raise invalid(
                f"The reducer has {reducer.inputs} inputs, but the axis of fields has length "
                f"{batch.shape[field_axis + 1]}."
            )
        fields = [np.take(batch, [place], field_axis + 1) for place in range(reducer.inputs)]
    stacks = [_stacked(field, chosen) for field in fields]
    results = folded(reducer, stacks)
    shape = [len(batch), *(1 if i in chosen else n for i, n in enumerate(lengths(fields[0])))]
    values = [np.asarray(value).reshape(shape) for value, _ in results]
    present = [np.broadcast_to(mask, stacks[0].shape[1:]).reshape(shape) for _, mask in results]
    if field_axis is None:
        return values[0], present[0]
    return np.concatenate(values, field_axis + 1), np.concatenate(present, field_axis + 1)


def _stacked(batch: Array, axes: Sequence[int]) -> Array:
    """The axes to reduce as one axis in front, row by row."""
    moved = np.moveaxis(batch, [axis + 1 for axis in axes], range(len(axes)))
    rest = moved.shape[len(axes) :]
    # In one order of memory, sums add up in one order: a pixel must not depend on how many there are beside it.
    return np.ascontiguousarray(moved.reshape((math.prod(moved.shape[: len(axes)]), *rest)))


def folded(reducer: Reducer, stacks: Sequence[Array]) -> list[tuple[Array, Array]]:
    """The reducer along the first axis of stacks `(K, …)`: values and whether there is one, for every output."""
    if reducer.fold is not None:
        found = reducer.reduce_stack(stacks, np.ones(stacks[0].shape, bool))
        if any(np.shape(values) != stacks[0].shape[1:] for values, _ in found):
            raise invalid("Each output of the reducer must be a number.")
        return found
    columns = [stack.reshape(len(stack), -1).T for stack in stacks]
    rows = [reducer.reduce_series(row, np.ones(len(row[0]))) for row in zip(*columns, strict=True)]
    if any(isinstance(value, list | dict | tuple) for row in rows for value in row):
        raise invalid("Each output of the reducer must be a number.")
    rest = stacks[0].shape[1:]
    if not rows:
        return [(np.zeros(rest), np.ones(rest, bool)) for _ in reducer.outputs]
    outputs = [np.array([np.nan if v is None else v for v in column]) for column in zip(*rows, strict=True)]
    return [(np.nan_to_num(values).reshape(rest), ~np.isnan(values).reshape(rest)) for values in outputs]


def accumulated(batch: Array, axis: int, reducer: Reducer | None) -> tuple[Array, Array]:
    """Each element becomes the reduction of those up to it along an axis; the sum by default."""
    checked_axis(axis, batch.ndim - 1)
    if reducer is None:
        wide = batch.astype("int64" if batch.dtype.kind in "iub" else batch.dtype)
        return np.cumsum(wide, axis + 1), np.ones(batch.shape, bool)
    if reducer.inputs != 1 or len(reducer.outputs) != 1:
        raise invalid("The reducer must have a single input and a single output.")
    moved = np.ascontiguousarray(np.moveaxis(batch, axis + 1, 0))
    if not len(moved):
        return batch, np.ones(batch.shape, bool)
    steps = [folded(reducer, [moved[: place + 1]])[0] for place in range(len(moved))]
    values = np.stack([np.asarray(value) for value, _ in steps])
    present = np.stack([np.broadcast_to(mask, values.shape[1:]) for _, mask in steps])
    return np.moveaxis(values, 0, axis + 1), np.moveaxis(present, 0, axis + 1)
