"""Areas of classes, from a map and what is known of its errors.

What a map counts of a class is biased by its errors. Where a sample tells which classes the ground really has that is
mapped as one class, the map's own areas are weights, and the estimate has no such bias (the poststratified estimator of
Olofsson et al. 2013, Making better use of accuracy data in land change studies, Remote Sensing of Environment 129).
"""

from typing import Any

import numpy as np

from earthline.accuracy.stratified import Ratios

Array = np.ndarray[Any, Any]


def adjusted(mapped: Array, groups: Array) -> Ratios:
    """Areas of classes on the ground, and their standard errors, (classes,).

    Args:
        mapped: Area of each class in the map, (classes,).
        groups: Ground of the sample by independent group of blocks, mapped class and class of the label,
            (groups, classes, classes). Ground of a class that the sample never saw mapped stays with that class.
    """
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
