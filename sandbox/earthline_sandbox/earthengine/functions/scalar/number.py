"""Numbers."""

import math
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.functions.image.image_math import BINARY, CASTS, UNARY
from earthline_sandbox.earthengine.language.coerce import NAMED_TYPES
from earthline_sandbox.earthengine.language.number_formats import formatted
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.errors import invalid

Number = int | float


def plain(value: Any) -> Number:
    """A Python number of a NumPy one."""
    found = value.item() if isinstance(value, np.generic | np.ndarray) else value
    return int(found) if isinstance(found, bool) else found


def _register_binary(name: str) -> None:
    operation = BINARY[name][0]
    bits = "itwise" in name or "hift" in name

    def call(left: Number, right: Number) -> Number:
        if bits and not (float(left).is_integer() and float(right).is_integer()):
            raise invalid("Bitwise operands must be integer only.")
        kind = np.int64 if bits else np.float64
        whole = isinstance(left, int) and isinstance(right, int)
        if not bits and whole and name in ("add", "subtract", "multiply", "min", "max", "mod"):
            kind = np.int64
            exact = {"add": left + right, "subtract": left - right, "multiply": left * right}.get(name)
            if exact is not None:
                return exact if abs(exact) < 2**63 else float(exact)
        with np.errstate(all="ignore"):
            result = plain(operation(np.asarray(left, kind), np.asarray(right, kind)))
        if name == "pow" and whole and isinstance(right, int) and right >= 0 and abs(result) < 2**53:
            return int(result)
        return result

    function(f"Number.{name}")(call)


def _register_unary(name: str) -> None:
    operation = UNARY[name][0]
    whole = name in ("abs", "ceil", "floor", "round", "signum", "not", "bitwiseNot", "bitCount")

    def call(input: Number) -> Number:
        with np.errstate(all="ignore"):
            result = plain(operation(np.asarray(input)))
        return int(result) if whole and math.isfinite(result) and float(result).is_integer() else result

    function(*[f"Number.{name}"] + (["Number.bitwise_not"] if name == "bitwiseNot" else []))(call)


def _register_cast(name: str) -> None:
    kind = NAMED_TYPES[name]

    def call(input: Number) -> Number:
        if math.isnan(input):
            return 0
        return int(min(max(math.trunc(input) if math.isfinite(input) else input, kind.minimum or 0), kind.maximum or 0))

    function(*(f"Number.{alias}" for alias in CASTS[name]))(call)


for _name in BINARY:
    _register_binary(_name)
for _name in UNARY:
    _register_unary(_name)
for _name in CASTS:
    if NAMED_TYPES[_name].precision == "int":
        _register_cast(_name)


@function("Number.float", "Number.toFloat")
def to_float(input: Number) -> float:
    """The nearest 32-bit float."""
    return float(np.float32(input))


@function("Number.double", "Number.toDouble")
def to_double(input: Number) -> float:
    """A 64-bit float."""
    return float(input)


@function("Number.first")
def first(left: Number, right: Number) -> Number:
    """The first."""
    return left


@function("Number.firstNonZero", "Number.first_nonzero")
def first_non_zero(left: Number, right: Number) -> Number:
    """The first, or the second where that is 0."""
    return left if left != 0 else right


@function("Number.clamp")
def clamp(number: Number, min: float, max: float) -> Number:
    """Held to a range."""
    return min if number < min else max if number > max else number


@function("Number.unitScale")
def unit_scale(number: Number, min: float, max: float) -> float:
    """Scaled so that `min` becomes 0 and `max` 1."""
    if min == max:
        raise invalid("Number.unitScale: 'min' and 'max' must differ.")
    return (number - min) / (max - min)


@function("Number.parse")
def parse(input: str, radix: int) -> Number:
    """The number that a text holds."""
    try:
        parsed = int(input.strip(), radix) if radix != 10 else _decimal(input.strip())
    except ValueError as error:
        raise invalid(f"Number.parse: Cannot parse '{input[:100]}' as a number.") from error
    if radix != 10 and not -(2**63) <= parsed < 2**63:
        raise invalid(f"Number.parse: '{input[:100]}' is larger than 64 bits hold.")
    return parsed


def _decimal(text: str) -> Number:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


@function("Number.format")
def format_number(number: Number, pattern: str) -> str:
    """A text by a pattern such as `%.2f`."""
    return formatted(number, pattern, "Number.format")
