"""Arrays of numbers: made, taken apart, joined and put into another form."""

from typing import Any

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.arrays import arrays
from earthline_sandbox.earthengine.arrays.arrays import concatenated
from earthline_sandbox.earthengine.language.coerce import array as to_array
from earthline_sandbox.earthengine.language.coerce import constant_type
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.pixels import Array, PixelType
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import ArrayValue
from earthline_sandbox.errors import invalid

_MOST_IDENTITY = 5_000


def one(batch: Array) -> ArrayValue:
    """The array of a batch of one."""
    return ArrayValue(batch[0])


@function("Array")
def make(values: Any, pixel_type: PixelType | None) -> ArrayValue:
    """An array of a number, of nested lists of numbers, or of another array, in a type if one is given."""
    if isinstance(values, ArrayValue):
        data = values.data
    else:
        computation.expect(8 * computation.extent(values))
        parts = _numbers(values, 0)
        if len({np.shape(part) for part in parts} if isinstance(parts, list) else ()) > 1:
            raise invalid("Array: All inner lists at the same depth must have the same length.")
        data = to_array(parts).data
    if not data.size and pixel_type is None and not isinstance(values, ArrayValue):
        raise invalid("Array: There are no numbers in 'values', so 'pixelType' must be given.")
    if pixel_type is None:
        return ArrayValue(data)
    return ArrayValue(cast(data, PixelType(pixel_type.precision, pixel_type.minimum, pixel_type.maximum)))


def _numbers(values: Any, depth: int) -> Any:
    """Nested lists with arrays as lists, proven to hold nothing but numbers."""
    if isinstance(values, ArrayValue):
        return values.data.tolist()
    if isinstance(values, list | tuple):
        found = [_numbers(value, depth + 1) for value in values]
        try:
            np.asarray(found, dtype="float64")
        except ValueError as error:
            raise invalid(
                "Array: All inner lists at the same depth must have the same length, and numbers may only be at the "
                "deepest level."
            ) from error
        return found
    if isinstance(values, bool | int | float):
        return values
    raise invalid(f"Array: Values must be numbers or nested lists of numbers, found {type(values).__name__}.")


def cast(data: Array, kind: PixelType) -> Array:
    """Numbers as another type: rounded to integers, and held to their range.

    Arrays round where images cut off: https://developers.google.com/earth-engine/apidocs/ee-array-byte
    """
    if kind.precision != "int":
        with np.errstate(over="ignore"):
            return kind.converted(data)
    info = np.iinfo(kind.dtype)
    if data.dtype.kind == "f":
        return kind.converted(np.sign(data) * np.floor(np.abs(data) + 0.5))
    own = np.iinfo(data.dtype)
    return kind.converted(np.clip(data, max(own.min, info.min), min(own.max, info.max)))


@function("Array.identity")
def identity(size: int) -> ArrayValue:
    """A square matrix with ones on its diagonal."""
    if not 0 <= size <= _MOST_IDENTITY:
        raise invalid(f"Array.identity: 'size' must be between 0 and {_MOST_IDENTITY}, got {size}.")
    return ArrayValue(np.eye(size, dtype="uint8"))


@function("Array.bitsToArray")
def bits_to_array(input: float) -> ArrayValue:
    """The bits of a whole number, the lowest first; 64 of them for negative numbers."""
    if not float(input).is_integer() or not -(2**63) <= input < 2**63:
        raise invalid(f"Array.bitsToArray: An integer of at most 64 bits is needed, got {input}.")
    return ArrayValue(np.array(arrays.bits(int(input)), "uint8"))


@function("Array.length")
def length(array: ArrayValue) -> ArrayValue:
    """The length of every axis."""
    return ArrayValue(np.array(array.data.shape, "int32"))


@function("Array.toList")
def to_list(array: ArrayValue) -> Any:
    """Nested lists of numbers."""
    return array.data.tolist()


@function("Array.get")
def get(array: ArrayValue, position: list[int]) -> Any:
    """The number at a position, given per axis."""
    if len(position) != array.data.ndim:
        raise invalid(
            f"Array.get: The position has {len(position)} coordinates, but the array {array.data.ndim} dimensions."
        )
    if any(not 0 <= place < size for place, size in zip(position, array.data.shape, strict=True)):
        raise invalid(f"Array.get: Position {position} is out of bounds for lengths {list(array.data.shape)}.")
    return array.data[tuple(position)].item()


@function("Array.cut")
def cut(array: ArrayValue, position: list[int]) -> ArrayValue:
    """One position of each axis, or all of it where the position is -1."""
    data = array.data
    if len(position) != data.ndim:
        raise invalid(f"Array.cut: The position has {len(position)} coordinates, but the array {data.ndim} dimensions.")
    for axis, place in enumerate(position):
        if not -1 <= place < data.shape[axis]:
            raise invalid(f"Array.cut: Position {position} is out of bounds for lengths {list(data.shape)}.")
        if place >= 0:
            data = np.take(data, [place], axis)
    return ArrayValue(data)


@function("Array.argmax")
def argmax(array: ArrayValue) -> list[int] | None:
    """The position of the first of the greatest elements; null where there are none."""
    if not array.data.size:
        return None
    return [int(place) for place in np.unravel_index(int(array.data.argmax()), array.data.shape)]


@function("Array.cat")
def cat(arrays: list[ArrayValue], axis: int) -> ArrayValue:
    """Arrays one after the other along an axis, which may be a new one."""
    if not arrays:
        raise invalid("Array.cat: At least one array is needed.")
    return one(concatenated([item.data[None] for item in arrays], axis))


@function("Array.slice")
def slice_(array: ArrayValue, axis: int, start: int, end: int | None, step: int) -> ArrayValue:
    """Positions along an axis, from `start` until before `end`."""
    return one(arrays.sliced(array.data[None], axis, start, end, step))


@function("Array.pad")
def pad(array: ArrayValue, lengths: list[int], pad: float) -> ArrayValue:
    """At least so long along every axis, filled up with a number."""
    kind = PixelType.of_dtype(array.data.dtype.name).union(constant_type(pad))
    return one(arrays.padded(array.data[None].astype(kind.dtype), lengths, pad))


@function("Array.project")
def project(array: ArrayValue, axes: list[int]) -> ArrayValue:
    """Only those axes; the others must have at most length 1."""
    return one(arrays.projected(array.data[None], axes))


@function("Array.repeat")
def repeat(array: ArrayValue, axis: int, copies: int) -> ArrayValue:
    """So many copies along an axis, which may be a new one."""
    return one(arrays.repeated(array.data[None], axis, copies))


@function("Array.reshape")
def reshape(array: ArrayValue, shape: ArrayValue) -> ArrayValue:
    """The same elements in axes of other lengths."""
    if shape.data.ndim != 1:
        raise invalid(f"Array.reshape: The shape must be a 1-dimensional array, got {shape.data.ndim} dimensions.")
    if not np.isfinite(shape.data).all():
        raise invalid(f"Array.reshape: The shape must be whole numbers, got {shape.data.tolist()}.")
    return one(arrays.reshaped(array.data[None], [int(size) for size in shape.data.tolist()]))


@function("Array.transpose", "Array.matrixTranspose")
def transpose(array: ArrayValue, axis1: int, axis2: int) -> ArrayValue:
    """Two axes swapped."""
    return one(arrays.transposed(array.data[None], axis1, axis2))


@function("Array.sort")
def sort(array: ArrayValue, keys: ArrayValue | None) -> ArrayValue:
    """Positions along one axis in the order of their keys, which are the values where none are given."""
    return one(arrays.ordered(array.data[None], (array if keys is None else keys).data[None]))


@function("Array.mask")
def mask(input: ArrayValue, mask: ArrayValue) -> ArrayValue:
    """The positions along one axis where the mask is not 0."""
    axis = arrays.masking_axis(input.data[None], mask.data[None])
    return ArrayValue(np.compress(mask.data.reshape(-1) != 0, input.data, axis))


@function("Array.dotProduct")
def dot_product(array1: ArrayValue, array2: ArrayValue) -> Any:
    """The sum of products of two vectors."""
    return arrays.dot_product(array1.data[None], array2.data[None])[0].item()


@function("Array.reduce")
def reduce(array: ArrayValue, reducer: Reducer, axes: list[int], field_axis: int | None) -> ArrayValue:
    """A reducer along some axes, which then have length 1."""
    kind = arrays.reduced_type(reducer, PixelType.of_dtype(array.data.dtype.name), "Array.reduce")
    values, present = arrays.reduced(array.data[None], reducer, axes, field_axis)
    if not present.all():
        raise invalid("Array.reduce: The reducer gives no value for an axis of length 0.")
    return one(kind.converted(values))


@function("Array.accum")
def accum(array: ArrayValue, axis: int, reducer: Reducer | None) -> ArrayValue:
    """Each element is the reduction of those up to it along an axis; the sum by default."""
    values, present = arrays.accumulated(array.data[None], axis, reducer)
    if reducer is not None:
        kind = arrays.reduced_type(reducer, PixelType.of_dtype(array.data.dtype.name), "Array.accum")
        if not present.all():
            raise invalid("Array.accum: The reducer gives no value for the first elements.")
        values = kind.converted(values)
    return one(values)


@function("List.getArray")
def get_array(list: list[Any], index: int) -> ArrayValue:
    """The array at a position of a list; negative positions count from the end."""
    if not -len(list) <= index < len(list):
        raise invalid(f"List.getArray: List index must be between {-len(list)} and {len(list) - 1}, got {index}.")
    found = list[index]
    if not isinstance(found, ArrayValue):
        raise invalid(f"List.getArray: The value at position {index} is not an Array.")
    return found
