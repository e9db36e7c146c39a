"""Arrays through an operation that images and numbers have as well, element by element."""

import numpy as np

from earthline_sandbox.earthengine.arrays import arrays
from earthline_sandbox.earthengine.arrays.operations import BINARY, UNARY
from earthline_sandbox.earthengine.functions.array.array import cast, one
from earthline_sandbox.earthengine.language.coerce import NAMED_TYPES
from earthline_sandbox.earthengine.pixels.pixels import PixelType
from earthline_sandbox.earthengine.values.values import ArrayValue


def type_of(array: ArrayValue) -> PixelType:
    """The type of an array's elements."""
    return PixelType.of_dtype(array.data.dtype.name)


def unary(operation: str, input: ArrayValue) -> ArrayValue:
    """An operation on every element, by its name in `UNARY`."""
    apply, rule = UNARY[operation]
    with np.errstate(all="ignore"):
        return ArrayValue(rule(type_of(input)).converted(np.asarray(apply(input.data))))


def binary(operation: str, left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """An operation on the elements of two arrays, by its name in `BINARY`."""
    apply, rule = BINARY[operation]
    kind = rule(type_of(left), type_of(right))
    first, second = arrays.aligned(left.data[None], right.data[None])
    with np.errstate(all="ignore"):
        return one(kind.converted(np.asarray(apply(first, second))))


def converted(input: ArrayValue, kind: str) -> ArrayValue:
    """Every element as another type, by its name in `NAMED_TYPES`."""
    return ArrayValue(cast(input.data, NAMED_TYPES[kind]))
