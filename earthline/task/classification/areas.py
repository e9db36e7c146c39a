"""Areas of classes, from a map and what is known of its errors.

What a map counts of a class is biased by its errors. Where a sample tells which classes the ground really has that is
mapped as one class, the map's own areas are weights, and the estimate has no such bias (the poststratified estimator of
Olofsson et al. 2013, Making better use of accuracy data in land change studies, Remote Sensing of Environment 129).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earthline.formats.evaluations import Interval
from earthline.task.classification.coverage import ClassArea
from earthline.task.classification.estimates import CONFIDENCE, MapAccuracy

if TYPE_CHECKING:  # statistics take a second to load, and the config's schema needs none
    from earthline.accuracy.stratified import Ratios

Array = np.ndarray[Any, Any]

MIN_GROUPS = 4
"""With fewer groups of blocks no interval of an area is given, as for every other figure."""


@dataclass(frozen=True)
class GroundArea:
    """How much ground a class has, once the map's errors are taken out.

    Attributes:
        name: Of the class.
        share: Of the mapped ground, 0 to 1.
        interval: Of the share; None with too few blocks.
        hectares: On the ellipsoid; None where they are not known.
        low: Lower bound in hectares; None without an interval.
        high: Upper bound.
    """

    name: str
    share: float
    interval: Interval | None
    hectares: float | None
    low: float | None
    high: float | None


def ground_areas(areas: Sequence[ClassArea], estimated: MapAccuracy | None) -> tuple[GroundArea, ...]:
    """The map's areas without the map's errors, as far as the test blocks show these.

    Args:
        areas: Of the map.
        estimated: How right the model is; None where that is unknown.

    Returns:
        By class id; nothing where the sample does not tell it.
    """
    if estimated is None or not estimated.groups:
        return ()
    found = adjusted(np.array([area.share for area in areas]), np.array(estimated.groups))
    low, high = found.bounds(CONFIDENCE)
    whole = [area.hectares for area in areas if area.hectares is not None]
    hectares = sum(whole) if len(whole) == len(areas) else None
    told = []
    for place, area in enumerate(areas):
        known = len(estimated.groups) >= MIN_GROUPS and bool(np.isfinite(low[place]))
        bounds = Interval(low=float(low[place]), high=float(high[place])) if known else None
        value, of_all = float(found.value[place]), hectares
        told.append(
            GroundArea(
                name=area.name,
                share=value,
                interval=bounds,
                hectares=None if of_all is None else value * of_all,
                low=None if of_all is None or bounds is None else bounds.low * of_all,
                high=None if of_all is None or bounds is None else bounds.high * of_all,
            )
        )
    return tuple(told)


def adjusted(mapped: Array, groups: Array) -> "Ratios":
    """Areas of classes on the ground, and their standard errors, (classes,).

    Args:
        mapped: Area of each class in the map, (classes,).
        groups: Ground of the sample by independent group of blocks, mapped class and class of the label,
            (groups, classes, classes). Ground of a class that the sample never saw mapped stays with that class.
    """
    from earthline.accuracy.stratified import Ratios

    total = groups.sum(axis=0)
    seen = total.sum(axis=1)
    known = seen > 0
    below = np.where(known, seen, 1.0)[:, np.newaxis]
    shares = np.where(known[:, np.newaxis], total / below, np.eye(len(mapped)))
    value = mapped @ shares
    # Linearised: what each group adds to the estimate beside what its own ground would make of it.
    left = groups - shares * groups.sum(axis=2, keepdims=True)
    added = np.einsum("i,gij->gj", np.where(known, mapped / below[:, 0], 0.0), left)
    count = len(groups)
    error = np.sqrt(count / (count - 1) * (added**2).sum(axis=0)) if count > 1 else np.full(len(mapped), np.nan)
    return Ratios(value, error, count - 1)
