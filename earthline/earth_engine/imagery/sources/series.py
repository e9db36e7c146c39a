"""Composites of equal steps in time as one image."""

from collections.abc import Sequence
from typing import Any

import ee


def joined(steps: Sequence[Any], empty: str | float) -> Any:
    """One `ee.Image` with the bands of all steps, one step after the other.

    Args:
        steps: An `ee.Image` for each, with equal bands.
        empty: What stands where a step has no value: `time.empty`.
    """
    filled = [_filled(steps, number, empty) for number in range(len(steps))]
    whole = filled[0]
    for step in filled[1:]:
        whole = whole.addBands(step)
    return whole


def _filled(steps: Sequence[Any], number: int, empty: str | float) -> Any:
    if empty == "fail":
        return steps[number]
    if not isinstance(empty, str):
        return steps[number].unmask(empty, False)
    if empty == "previous":
        order = list(range(number, -1, -1))
    else:
        order = sorted(range(len(steps)), key=lambda other: (abs(other - number), other))
    # Of a mosaic the last image is on top: developers.google.com/earth-engine/apidocs/ee-imagecollection-mosaic.
    return ee.ImageCollection([steps[other] for other in reversed(order)]).mosaic()
