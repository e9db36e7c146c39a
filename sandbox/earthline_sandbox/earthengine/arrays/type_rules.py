"""The pixel types that operations give, from those of what goes in: of images, arrays and numbers alike.

A rule for two operands takes both types, a rule for one takes its own.
"""

from collections.abc import Callable

import numpy as np

from earthline_sandbox.earthengine.pixels.pixels import PixelType
from earthline_sandbox.errors import invalid

Rule = Callable[[PixelType], PixelType]
PairRule = Callable[[PixelType, PixelType], PixelType]


def union_type(one: PixelType, two: PixelType) -> PixelType:
    """The narrowest type of both."""
    return one.union(two)


def real_type(one: PixelType, two: PixelType) -> PixelType:
    """Double where either is, else float, whatever the range."""
    return PixelType("double" if "double" in (one.precision, two.precision) else "float", None, None, _axes(one, two))


def _axes(one: PixelType, two: PixelType) -> int:
    return max(one.dimensions, two.dimensions)


def boolean_type(one: PixelType, two: PixelType) -> PixelType:
    """0 or 1."""
    return PixelType("int", 0, 1, _axes(one, two))


def whole_type(one: PixelType, two: PixelType) -> PixelType:
    """The full range of the integer type that holds both.

    Raises:
        ApiError: INVALID_ARGUMENT where one is no integer type.
    """
    if one.precision != "int" or two.precision != "int":
        raise invalid("Bitwise operands must be integer only.")
    full = PixelType.of_dtype(one.union(two).dtype.name)
    return PixelType("int", full.minimum, full.maximum, _axes(one, two))


def _interval(corners: Callable[[float, float], float]) -> PairRule:
    """A rule for operations whose extremes lie at the extremes of their operands."""

    def rule(one: PixelType, two: PixelType) -> PixelType:
        union = one.union(two)
        if None in (one.minimum, one.maximum, two.minimum, two.maximum):
            return PixelType(union.precision, None, None, union.dimensions)
        found = [corners(a, b) for a in (one.minimum, one.maximum) for b in (two.minimum, two.maximum)]  # type: ignore[arg-type]  # None is excluded above
        low, high = min(found), max(found)
        if union.precision == "int":
            low, high = max(low, -(2**63)), min(high, 2**63 - 1)
        return PixelType(union.precision, low, high, union.dimensions)

    return rule


sum_type = _interval(lambda a, b: a + b)
difference_type = _interval(lambda a, b: a - b)
product_type = _interval(lambda a, b: a * b)
least_type = _interval(min)
greatest_type = _interval(max)


def quotient_type(one: PixelType, two: PixelType) -> PixelType:
    """The range of the quotients, as float or double; without a range where the divisor may be 0."""
    real = real_type(one, two)
    if two.minimum is None or two.maximum is None or two.minimum <= 0 <= two.maximum:
        return real
    bounds = _interval(lambda a, b: a / b)(one, two)
    if bounds.minimum is None or bounds.maximum is None:
        return real
    low, high = np.array([bounds.minimum, bounds.maximum], real.dtype).tolist()
    return PixelType(real.precision, low, high, real.dimensions)


def shifted_type(one: PixelType, two: PixelType) -> PixelType:
    """The range of integers shifted to the left, within 64 bits."""
    whole = whole_type(one, two)
    if None in (one.minimum, one.maximum, two.maximum) or not 0 <= (two.maximum or 0) < 32:
        return PixelType("int", -(2**63), 2**63 - 1, whole.dimensions)
    shift = int(two.maximum or 0)
    low, high = int(one.minimum or 0) << shift, int(one.maximum or 0) << shift
    return PixelType("int", min(low, 0), min(max(high, 0), 2**63 - 1), whole.dimensions)


def floating_type(value: PixelType) -> PixelType:
    """Double for doubles, else float, whatever the range."""
    return PixelType("double" if value.precision == "double" else "float", None, None, value.dimensions)


def kept_type(value: PixelType) -> PixelType:
    """The same type."""
    return value


def magnitude_type(value: PixelType) -> PixelType:
    """The range of the values without their signs."""
    if value.minimum is None or value.maximum is None:
        return PixelType(value.precision, 0, None, value.dimensions)
    crosses = value.minimum <= 0 <= value.maximum
    low = 0 if crosses else min(abs(value.minimum), abs(value.maximum))
    return PixelType(value.precision, low, max(abs(value.minimum), abs(value.maximum)), value.dimensions)


def truth_type(value: PixelType) -> PixelType:
    """0 or 1."""
    return PixelType("int", 0, 1, value.dimensions)
