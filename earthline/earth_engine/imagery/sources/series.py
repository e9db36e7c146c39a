"""Composites of equal steps in time: what stands where one has no value, and all as one image."""

from collections.abc import Sequence
from typing import Any

import ee


def without_gaps(steps: Sequence[Any], empty: str | float) -> list[Any]:
    """The steps, with what the config says where one has no value.

    Args:
        steps: An `ee.Image` for each, with equal bands.
        empty: What stands where a step has no value: `time.empty`.
    """
    return [_filled(steps, number, empty) for number in range(len(steps))]


def joined(steps: Sequence[Any]) -> Any:
    """One `ee.Image` with the bands of all steps, one step after the other.

    Args:
        steps: An `ee.Image` for each, with equal bands.
    """
    whole = steps[0]
    for step in steps[1:]:
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
