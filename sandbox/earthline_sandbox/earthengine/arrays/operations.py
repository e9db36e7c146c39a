"""Arithmetic, comparison, logic, bits and functions of numbers, element by element, with the types of their results.

Images, arrays and numbers share them: each is here once, under the second part of its Earth Engine name.
"""

from collections.abc import Callable

import numpy as np
from scipy import special

from earthline_sandbox.earthengine.arrays.type_rules import (
    PairRule,
    Rule,
    boolean_type,
    difference_type,
    floating_type,
    greatest_type,
    kept_type,
    least_type,
    magnitude_type,
    product_type,
    quotient_type,
    real_type,
    shifted_type,
    sum_type,
    truth_type,
    union_type,
    whole_type,
)
from earthline_sandbox.earthengine.pixels.pixels import Array, PixelType

Operation = Callable[[Array], Array]
PairOperation = Callable[[Array, Array], Array]


def _wide(operation: PairOperation) -> PairOperation:
    """Computes in a type that holds the result: the range of the operands decides, so nothing wraps around."""

    def widened(one: Array, two: Array) -> Array:
        kind = np.result_type(one, two, np.int64 if one.dtype.kind in "iub" and two.dtype.kind in "iub" else one.dtype)
        return operation(one.astype(kind, copy=False), two.astype(kind, copy=False))

    return widened


def _exact(operation: PairOperation) -> PairOperation:
    """Computes integers as doubles, and floats as they are."""

    def real(one: Array, two: Array) -> Array:
        single = one.dtype == two.dtype == np.float32
        kind = np.dtype("float32" if single else "float64")
        return operation(one.astype(kind, copy=False), two.astype(kind, copy=False))

    return real


def quotient(one: Array, two: Array) -> Array:
    """One divided by two, and 0 where two is 0."""
    return np.divide(one, two, out=np.zeros(np.broadcast_shapes(one.shape, two.shape), one.dtype), where=two != 0)


def _remainder(one: Array, two: Array) -> Array:
    """The remainder with the sign of the dividend, and 0 where the divisor is 0."""
    return np.fmod(one, two, out=np.zeros(np.broadcast_shapes(one.shape, two.shape), one.dtype), where=two != 0)


def _shift_left(one: Array, two: Array) -> Array:
    return np.asarray(np.left_shift(one.astype("int64"), np.clip(two.astype("int64"), 0, 63)))


def _shift_right(one: Array, two: Array) -> Array:
    return np.asarray(np.right_shift(one.astype("int64"), np.clip(two.astype("int64"), 0, 63)))


BINARY: dict[str, tuple[PairOperation, PairRule]] = {
    "add": (_wide(np.add), sum_type),
    "subtract": (_wide(np.subtract), difference_type),
    "multiply": (_wide(np.multiply), product_type),
    "divide": (_exact(quotient), quotient_type),
    "mod": (_wide(_remainder), union_type),
    "min": (np.minimum, least_type),
    "max": (np.maximum, greatest_type),
    "pow": (_exact(np.power), real_type),
    "hypot": (_exact(np.hypot), real_type),
    # Earth Engine's atan2 takes x first.
    "atan2": (_exact(lambda x, y: np.arctan2(y, x)), real_type),
    # Earth Engine's gammainc takes x first, and the shape second.
    "gammainc": (_exact(lambda x, shape: special.gammainc(shape, x)), real_type),
    "eq": (np.equal, boolean_type),
    "neq": (np.not_equal, boolean_type),
    "lt": (np.less, boolean_type),
    "lte": (np.less_equal, boolean_type),
    "gt": (np.greater, boolean_type),
    "gte": (np.greater_equal, boolean_type),
    "and": (np.logical_and, boolean_type),
    "or": (np.logical_or, boolean_type),
    "bitwiseAnd": (np.bitwise_and, whole_type),
    "bitwiseOr": (np.bitwise_or, whole_type),
    "bitwiseXor": (np.bitwise_xor, whole_type),
    "leftShift": (_shift_left, shifted_type),
    "rightShift": (_shift_right, whole_type),
}


def _doubles(operation: Operation) -> Operation:
    """Computes integers as doubles."""
    return lambda values: operation(values if values.dtype.kind == "f" else values.astype("float64"))


def _digamma(values: Array) -> Array:
    """The digamma function, minus infinity at its poles: https://developers.google.com/earth-engine/apidocs/ee-number-digamma."""
    found = special.digamma(values)
    return np.asarray(np.where((values <= 0) & (values == np.floor(values)), -np.inf, found), found.dtype)


def _rounded(values: Array) -> Array:
    """The nearest whole number, halves away from zero."""
    return values if values.dtype.kind != "f" else np.sign(values) * np.floor(np.abs(values) + 0.5)


def _bit_count(values: Array) -> Array:
    return np.asarray(np.bitwise_count(values.astype("int64").view("uint64")))


def _lanczos(values: Array) -> Array:
    """Lanczos' sum for the gamma function with g = 607/128, of which it is an exact form.

    `gamma(x + 1) = sqrt(2 pi) * (x + g + 1/2) ** (x + 1/2) * exp(-(x + g + 1/2)) * sum(x)`; Apache Commons Math, whose
    names these functions of Earth Engine have, computes that sum as `Gamma.lanczos`.
    """
    shifted = values + 607 / 128 + 0.5
    logarithm = special.gammaln(values + 1) + shifted - (values + 0.5) * np.log(shifted)
    return np.asarray(special.gammasgn(values + 1) * np.exp(logarithm) / np.sqrt(2 * np.pi))


UNARY: dict[str, tuple[Operation, Rule]] = {
    "abs": (lambda values: np.abs(values.astype("int64") if values.dtype.kind == "i" else values), magnitude_type),
    "ceil": (np.ceil, kept_type),
    "floor": (np.floor, kept_type),
    "round": (_rounded, kept_type),
    "signum": (lambda values: np.sign(values.astype("float64")), lambda t: PixelType(t.precision, -1, 1, t.dimensions)),
    "not": (lambda values: values == 0, truth_type),
    "bitwiseNot": (
        lambda values: np.invert(values.astype("int64")),
        lambda t: PixelType("int", -(2**63), 2**63 - 1, t.dimensions),
    ),
    "bitCount": (_bit_count, lambda t: PixelType("int", 0, 64, t.dimensions)),
    "sqrt": (_doubles(np.sqrt), floating_type),
    "cbrt": (_doubles(np.cbrt), floating_type),
    "exp": (_doubles(np.exp), floating_type),
    "log": (_doubles(np.log), floating_type),
    "log10": (_doubles(np.log10), floating_type),
    "sin": (_doubles(np.sin), floating_type),
    "cos": (_doubles(np.cos), floating_type),
    "tan": (_doubles(np.tan), floating_type),
    "asin": (_doubles(np.arcsin), floating_type),
    "acos": (_doubles(np.arccos), floating_type),
    "atan": (_doubles(np.arctan), floating_type),
    "sinh": (_doubles(np.sinh), floating_type),
    "cosh": (_doubles(np.cosh), floating_type),
    "tanh": (_doubles(np.tanh), floating_type),
    "erf": (_doubles(special.erf), floating_type),
    "erfc": (_doubles(special.erfc), floating_type),
    "erfInv": (_doubles(special.erfinv), floating_type),
    "erfcInv": (_doubles(special.erfcinv), floating_type),
    "gamma": (_doubles(special.gamma), floating_type),
    "digamma": (_doubles(_digamma), floating_type),
    "trigamma": (_doubles(lambda values: special.polygamma(1, values)), floating_type),
    "lanczos": (_doubles(_lanczos), floating_type),
}
