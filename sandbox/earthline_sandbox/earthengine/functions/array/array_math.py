"""Arithmetic, comparison, logic, bits, functions and casts of arrays, element by element, by the tables of images."""

import numpy as np

from earthline_sandbox.earthengine.arrays import arrays
from earthline_sandbox.earthengine.functions.array.array import cast, one
from earthline_sandbox.earthengine.functions.image.image_math import BINARY, CASTS, UNARY
from earthline_sandbox.earthengine.language.coerce import NAMED_TYPES
from earthline_sandbox.earthengine.language.registry import function, signatures
from earthline_sandbox.earthengine.pixels.pixels import PixelType
from earthline_sandbox.earthengine.values.values import ArrayValue


def type_of(array: ArrayValue) -> PixelType:
    """The type of an array's elements."""
    return PixelType.of_dtype(array.data.dtype.name)


def _register_binary(name: str) -> None:
    operation, rule = BINARY[name]

    def call(left: ArrayValue, right: ArrayValue) -> ArrayValue:
        kind = rule(type_of(left), type_of(right))
        first, second = arrays.aligned(left.data[None], right.data[None])
        with np.errstate(all="ignore"):
            return one(kind.converted(np.asarray(operation(first, second))))

    function(f"Array.{name}")(call)


def _register_unary(name: str) -> None:
    operation, rule = UNARY[name]

    def call(input: ArrayValue) -> ArrayValue:
        with np.errstate(all="ignore"):
            return ArrayValue(rule(type_of(input)).converted(np.asarray(operation(input.data))))

    function(*[f"Array.{name}"] + (["Array.bitwise_not"] if name == "bitwiseNot" else []))(call)


def _register_cast(name: str) -> None:
    def call(input: ArrayValue) -> ArrayValue:
        return ArrayValue(cast(input.data, NAMED_TYPES[name]))

    function(*(f"Array.{alias}" for alias in CASTS[name]))(call)


for _name in BINARY:
    if f"Array.{_name}" in signatures():
        _register_binary(_name)
for _name in UNARY:
    if f"Array.{_name}" in signatures():
        _register_unary(_name)
for _name in CASTS:
    _register_cast(_name)


@function("Array.first")
def first(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The first."""
    values, other = arrays.aligned(left.data[None], right.data[None])
    return one(np.broadcast_to(values, np.broadcast_shapes(values.shape, other.shape)))


@function("Array.firstNonZero", "Array.first_nonzero")
def first_non_zero(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The first, or the second where that is 0."""
    values, other = arrays.aligned(left.data[None], right.data[None])
    kind = type_of(left).union(type_of(right))
    return one(np.where(values != 0, values, other).astype(kind.dtype))
