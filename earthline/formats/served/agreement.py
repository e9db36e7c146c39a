"""Whether what was served may come from what a model gave: two processors round alike only up to some difference.

A float may differ by the tolerance. What is made of floats by rounding or by choosing, a share in 255 steps or the
most probable class, may differ only where the floats are so near to the edge between two values.
"""

from typing import Any

import numpy as np

from earthline.formats.served.outputs import NO_CLASS, ServedOutput, derived_one

Array = np.ndarray[Any, Any]


def differs(found: Array, values: Array, output: ServedOutput, tolerance: float) -> Array:
    """Pixels whose served values no entries within the tolerance explain.

    Args:
        found: What was served, (..., values) of the output's type.
        values: float32 (..., entries), all that the model gave for the same pixels.
        output: Which output.
        tolerance: Largest difference of an entry that is none.

    Returns:
        bool (...).
    """
    wanted = derived_one(values, output)
    if output.made == "most_probable":
        return _other_place(found, wanted, values[..., output.first : output.last], tolerance)
    # Each output but the margin moves by no more than its entries do, and in one direction.
    slack = np.float32(tolerance * (2 if output.made == "margin" else 1))
    if output.made == "margin":
        shown = values[..., output.first : output.last]
        two = np.partition(shown, output.used - 2, axis=-1)[..., -2:]
        exact = two[..., 1:] - two[..., :1]
        plain = output.model_copy(update={"made": "entries", "first": 0, "used": 1, "limit": None})
        edges = [derived_one(exact + shift, plain) for shift in (-slack, slack)]
    else:
        edges = [derived_one(values + shift, output) for shift in (-slack, slack)]
    low, high = np.minimum(*edges), np.maximum(*edges)
    inside = (found >= low) & (found <= high)
    same = (found == wanted) | (np.isnan(found.astype(np.float32)) & np.isnan(wanted.astype(np.float32)))
    result: Array = ~(inside | same).all(axis=-1)
    return result


def furthest(found: Array, values: Array, output: ServedOutput) -> float:
    """The largest difference between what was served and what is made of a model's entries, in the output's units.

    Args:
        found: As for `differs`.
        values: As there.
        output: Which output.

    Returns:
        NaN where one of the two is no number and the other is.
    """
    one, other = found.astype(np.float64), derived_one(values, output).astype(np.float64)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        return float(np.where(same, 0.0, np.abs(one - other)).max(initial=0.0))


def _other_place(found: Array, wanted: Array, own: Array, tolerance: float) -> Array:
    chosen = found.astype(np.int64)
    known = (wanted != NO_CLASS) & (chosen >= 0) & (chosen < own.shape[-1])
    given = np.take_along_axis(own, np.where(known, chosen, 0), axis=-1)
    with np.errstate(invalid="ignore"):
        near = known & (given >= own.max(axis=-1, keepdims=True) - np.float32(2 * tolerance))
    result: Array = ~((found == wanted) | near)[..., 0]
    return result
