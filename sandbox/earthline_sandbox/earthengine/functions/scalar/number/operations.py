"""Numbers through an operation that images and arrays have as well."""

import math
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.arrays.operations import BINARY, UNARY
from earthline_sandbox.errors import invalid

Number = int | float


def plain(value: Any) -> Number:
    """A Python number of a NumPy one."""
    found = value.item() if isinstance(value, np.generic | np.ndarray) else value
    return int(found) if isinstance(found, bool) else found


def both_whole(left: Number, right: Number) -> bool:
    """Whether both are integers by type, not only by value."""
    return isinstance(left, int) and isinstance(right, int)


def fitting(exact: Number) -> Number:
    """An integer as it is where 64 bits hold it, else a double."""
    return exact if abs(exact) < 2**63 else float(exact)


def unary(operation: str, input: Number) -> Number:
    """An operation on a number, by its name in `UNARY`."""
    apply, _ = UNARY[operation]
    with np.errstate(all="ignore"):
        return plain(apply(np.asarray(input)))


def unary_whole(operation: str, input: Number) -> Number:
    """The same; an integer where the result is finite."""
    found = unary(operation, input)
    return int(found) if math.isfinite(found) and float(found).is_integer() else found


def binary(operation: str, left: Number, right: Number) -> Number:
    """An operation on two numbers as doubles, by its name in `BINARY`."""
    return _binary(operation, left, right, np.float64)


def binary_whole(operation: str, left: Number, right: Number) -> Number:
    """The same, on 64-bit integers where both are integers."""
    return _binary(operation, left, right, np.int64 if both_whole(left, right) else np.float64)


def binary_bits(operation: str, left: Number, right: Number) -> Number:
    """The same, on 64-bit integers; raises ApiError where one of the numbers is not whole."""
    if not (float(left).is_integer() and float(right).is_integer()):
        raise invalid("Bitwise operands must be integer only.")
    return _binary(operation, left, right, np.int64)


def _binary(operation: str, left: Number, right: Number, kind: type[np.generic]) -> Number:
    apply, _ = BINARY[operation]
    with np.errstate(all="ignore"):
        return plain(apply(np.asarray(left, kind), np.asarray(right, kind)))
