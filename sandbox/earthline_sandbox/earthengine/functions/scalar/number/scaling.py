"""Numbers held to a range, or scaled to one."""

from earthline_sandbox.earthengine.functions.scalar.number.operations import Number
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.errors import invalid


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
