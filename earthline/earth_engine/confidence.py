"""How far a map can be believed, pixel by pixel, as further bands of it in Earth Engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import ee

from earthline.config.answers import APPLICABLE
from earthline.earth_engine.predictions import Predictions
from earthline.formats.certainty import DISSIMILARITY, Certainty
from earthline.task import Task


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


def bands(given: Predictions, names: Sequence[str], task: Task, further: Sequence[str], certainty: Certainty) -> Any:
    """The further bands, float32, in the order of `names`.

    Args:
        given: What the model gives: the bands themselves, or an array that they are made of.
        names: Of bands.
        task: Of the map.
        further: Names of what the model has after the task's entries.
        certainty: The model's limits.

    Raises:
        ValueError: The model does not give what a band needs.
    """
    return ee.Image.cat([_band(given, name, task, further, certainty) for name in names]).toFloat()


def _band(given: Predictions, name: str, task: Task, further: Sequence[str], certainty: Certainty) -> Any:
    served = given.band(name)
    if served is not None:
        return served.rename([name])
    if name in task.confidence_bands:
        entries = given.array(0, len(task.entries))
        if entries is None:
            raise ValueError(f"predict.bands: the model serves no '{name}'; add it to serving.outputs")
        return task.confidence(name, entries, certainty)
    source = DISSIMILARITY if name == APPLICABLE else name
    if source not in further:
        raise ValueError(f"predict.bands: the model gives no '{source}'; train it again with this config")
    found = given.band(source)
    if found is None:
        found = given.entry(len(task.entries) + list(further).index(source))
    if found is None:
        raise ValueError(f"predict.bands: the model serves no '{source}'; add it to serving.outputs")
    return (found.lte(certainty.dissimilarity_limit) if name == APPLICABLE else found).rename([name])
