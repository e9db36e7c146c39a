"""How far a map can be believed, pixel by pixel, as further bands of it in Earth Engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import ee

from earthline.formats.certainty import DISSIMILARITY, Certainty
from earthline.task import Task

APPLICABLE = "applicable"
"""1 inside the area of applicability, 0 outside."""


def titles(task: Task, further: Sequence[str]) -> Mapping[str, str]:
    """What each further band tells, by the names that `predict.bands` knows.

    Args:
        task: Of the map.
        further: Names of what the model gives after the task's entries.
    """
    found = {**task.confidence_bands, **{name: f"bound {name} of the value" for name in further}}
    if DISSIMILARITY in further:
        found[DISSIMILARITY] = "distance to the nearest training pixel; 1 is the mean distance between these"
        found[APPLICABLE] = "1 inside the area of applicability, 0 outside"
    return found


def bands(
    outputs: Any, names: Sequence[str], task: Task, entries: int, further: Sequence[str], certainty: Certainty
) -> Any:
    """The further bands, float32, in the order of `names`.

    Args:
        outputs: `ee.Image` of one band that holds an array per pixel: the task's entries, then `further`.
        names: Of bands.
        task: Of the map.
        entries: Number of the task's entries.
        further: Names of what comes after them.
        certainty: The model's limits.

    Raises:
        ValueError: The model does not give what a band needs.
    """
    return ee.Image.cat([_band(outputs, name, task, entries, further, certainty) for name in names]).toFloat()


def _band(outputs: Any, name: str, task: Task, entries: int, further: Sequence[str], certainty: Certainty) -> Any:
    if name in task.confidence_bands:
        return task.confidence(name, outputs, certainty)
    source = DISSIMILARITY if name == APPLICABLE else name
    if source not in further:
        raise ValueError(f"predict.bands: the model gives no '{source}'; train it again with this config")
    given = outputs.arrayGet([entries + list(further).index(source)])
    return (given.lte(certainty.dissimilarity_limit) if name == APPLICABLE else given).rename([name])
