"""What visited points tell of a map: its accuracy and the areas of classes, by the chance of each point.

A point stands for 1 / chance pixels (Horvitz and Thompson 1952), and each figure is a ratio of two such totals. Points
of a systematic sample count as drawn independently of each other, which is on the safe side where neighbours are alike
(Wolter 2007, Introduction to Variance Estimation, chapter 8).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from earthline.accuracy.stratified import clusters

Array = np.ndarray[Any, Any]
CONFIDENCE = 0.95
"""Of the intervals, as is usual for maps."""


@dataclass(frozen=True)
class Figure:
    """An estimate.

    Attributes:
        value: Not a number where no point tells of it.
        bounds: Of its interval; None without one: no error among few points does not prove that there is none.
    """

    value: float
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class OfClass:
    """A class.

    Attributes:
        labelled: Points that have it on the ground.
        mapped: Points that the map shows it at.
        user: Of the ground that is mapped as it, what share is it.
        producer: Of its ground, what share is mapped as it.
        area: Its share of the mapped ground; unknown where no point has it.
    """

    labelled: int
    mapped: int
    user: Figure
    producer: Figure
    area: Figure


def of_classes(labels: Array, mapped: Array, chance: Array, count: int) -> tuple[Figure, tuple[OfClass, ...]]:
    """Overall accuracy, and each class.

    Args:
        labels: Class ids on the ground, (points,).
        mapped: Class ids on the map, (points,).
        chance: That each point was drawn, (points,).
        count: Number of classes.
    """
    right, everywhere = (labels == mapped).astype(np.float64), np.ones(len(labels))
    found = []
    for class_id in range(count):
        there, shown = (labels == class_id).astype(np.float64), (mapped == class_id).astype(np.float64)
        found.append(
            OfClass(
                int(there.sum()),
                int(shown.sum()),
                _share(right * shown, shown, chance),
                _share(right * there, there, chance),
                # A class that no point has may be anywhere between the points: 0 would say that there is none.
                _share(there, everywhere, chance) if there.any() else Figure(math.nan),
            )
        )
    return _share(right, everywhere, chance), tuple(found)


def of_value(labels: Array, mapped: Array, chance: Array) -> dict[str, Figure]:
    """Of a continuous value: root mean square error, bias (map minus label), and the mean on the ground.

    Args:
        labels: Values on the ground, (points,).
        mapped: Values on the map, (points,).
        chance: That each point was drawn, (points,).
    """
    error = mapped - labels
    squares = _mean(error**2, chance)
    bounds = squares.bounds and (math.sqrt(max(squares.bounds[0], 0.0)), math.sqrt(squares.bounds[1]))
    root = Figure(math.sqrt(squares.value), bounds)
    return {"root mean square error": root, "bias": _mean(error, chance), "mean on the ground": _mean(labels, chance)}


def _share(part: Array, whole: Array, chance: Array) -> Figure:
    found = clusters(len(part)).ratios(part / chance, whole / chance)
    low, high = (float(bound) for bound in found.bounds(CONFIDENCE))
    return Figure(float(found.value), None if math.isnan(low) else (low, high))


def _mean(values: Array, chance: Array) -> Figure:
    found = clusters(len(values)).ratios(values / chance, 1 / chance)
    value, error = float(found.value), float(found.error)
    if found.freedom < 1 or not error > 0:
        return Figure(value)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, found.freedom)) * error
    return Figure(value, (value - half, value + half))
