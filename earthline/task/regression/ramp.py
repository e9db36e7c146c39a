"""Colours of a continuous value."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from earthline.task.maps import MISSING_COLOR
from earthline.task.regression.values import Ends

Array = np.ndarray[Any, Any]

_STEPS = 1024
"""Colours along a ramp: finer than a screen tells apart."""


def painted(values: Array, there: Array, ends: Ends, colors: Sequence[str]) -> Array:
    """Values in the colours of a ramp; beyond its ends in the outermost ones.

    Args:
        values: Any shape.
        there: False where there is no value, of the same shape.
        ends: Values of the first and the last colour.
        colors: #rrggbb, evenly spaced.

    Returns:
        uint8 (..., 3); light grey where there is no value.
    """
    stops = np.array([rgb(color) for color in colors], np.float64)
    along = np.linspace(0, len(stops) - 1, _STEPS)
    table = np.stack([np.interp(along, np.arange(len(stops)), stops[:, part]) for part in range(3)], axis=-1)
    share = (np.where(there, values, ends[0]).astype(np.float64) - ends[0]) / (ends[1] - ends[0])
    place = np.clip(np.rint(share * (_STEPS - 1)), 0, _STEPS - 1).astype(np.int64)
    picture = np.rint(table).astype(np.uint8)[place]
    picture[~there] = MISSING_COLOR
    return np.asarray(picture)


def rgb(color: str) -> tuple[int, int, int]:
    """Red, green and blue of #rrggbb."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue
