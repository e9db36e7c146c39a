"""Reducers of the shape of a distribution, of directions, and of what follows what."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, PixelType
from earthline_sandbox.earthengine.reducers.reducers import Reducer

_COUNT = PixelType("int", 0, 2**31 - 1)


def skew() -> Reducer:
    """The third moment over the cube of the standard deviation, both of the values themselves."""
    return Reducer(1, ("skew",), lambda values, weights: _standardized(values[0], weights, 3, 0.0))


def kurtosis() -> Reducer:
    """The fourth moment over the square of the variance, less the 3 of a normal distribution."""
    return Reducer(1, ("kurtosis",), lambda values, weights: _standardized(values[0], weights, 4, 3.0))


def _standardized(values: Array, weights: Array, power: int, normal: float) -> list[tuple[Any, Any]]:
    valid = weights > 0
    count = np.maximum(valid.sum(axis=0), 1)
    filled = np.where(valid, values.astype("float64", copy=False), 0)
    centred = np.where(valid, filled - filled.sum(axis=0) / count, 0)
    variance = np.asarray((centred**2).sum(axis=0) / count)
    moment = np.asarray((centred**power).sum(axis=0) / count)
    found = variance > 0
    scale = variance ** (power / 2)
    return [(np.divide(moment, scale, out=np.zeros_like(moment), where=found) - normal, found)]


def circular(name: str, measure: Callable[[Array, Array], Array], kind: PixelType) -> Reducer:
    """A measure of the mean of unit vectors, (cosine, sine), at angles in radians."""

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        held = np.where(weights > 0, weights, 0).astype("float64")
        total = held.sum(axis=0)
        angles = np.where(weights > 0, values[0].astype("float64", copy=False), 0)
        safe = np.where(total > 0, total, 1)
        cosine, sine = (held * np.cos(angles)).sum(axis=0) / safe, (held * np.sin(angles)).sum(axis=0) / safe
        with np.errstate(divide="ignore"):
            return [(measure(cosine, sine), np.asarray(total > 0))]

    return Reducer(1, (name,), fold, types=lambda types: [kind], weighted=True)


def circular_mean() -> Reducer:
    """The direction of the mean vector, from -π to π."""
    return circular("circularMean", lambda cosine, sine: np.arctan2(sine, cosine), DOUBLE)


def circular_variance() -> Reducer:
    """What the mean vector lacks of length 1."""
    return circular("circularVariance", lambda c, s: 1 - np.minimum(np.hypot(c, s), 1), PixelType("double", 0, 1))


def circular_deviation() -> Reducer:
    """The square root of -2 ln R, R being the length of the mean vector."""
    return circular("circularStdDev", lambda c, s: np.sqrt(-2 * np.log(np.minimum(np.hypot(c, s), 1))), DOUBLE)


def count_every() -> Reducer:
    """How many inputs there are, null or not."""

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        shape = weights.shape[1:]
        return [(np.full(shape, len(weights)), np.ones(shape, dtype=bool))]

    return Reducer(1, ("count",), fold, types=lambda types: [_COUNT], every=True)


def count_runs() -> Reducer:
    """How often the value is another than the valid one before, and once for the first."""

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        valid = weights > 0
        runs = np.zeros(weights.shape[1:], dtype="int64")
        last = np.zeros(weights.shape[1:], values[0].dtype)
        begun = np.zeros(weights.shape[1:], dtype=bool)
        for value, there in zip(values[0], valid, strict=True):
            runs += there & (~begun | (value != last))
            last, begun = np.where(there, value, last), begun | there
        return [(runs, np.ones(runs.shape, dtype=bool))]

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        series = values[0]
        return [int(len(series) > 0) + int(np.count_nonzero(series[1:] != series[:-1]))]

    return Reducer(1, ("count",), fold, gather, types=lambda types: [_COUNT])


def count_distinct() -> Reducer:
    """How many values there are."""

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        valid = weights > 0
        count = valid.sum(axis=0)
        kept = np.sort(np.where(valid, values[0].astype("float64", copy=False), np.inf), axis=0)
        places = np.arange(1, len(weights)).reshape((-1,) + (1,) * count.ndim)
        changes = (kept[1:] != kept[:-1]) & (places < count)
        counted = np.asarray(changes.sum(axis=0) + (count > 0))
        return [(counted, np.ones(counted.shape, dtype=bool))]

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        return [len(np.unique(values[0]))]

    return Reducer(1, ("count",), fold, gather, types=lambda types: [_COUNT])
