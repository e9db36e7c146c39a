"""Reducers of how values go together: correlations of series, and covariances of arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import special

from earthline_sandbox.earthengine.pixels.pixel_blocks import blockwise
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, PixelType
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.errors import invalid

# Series of more points than this have their pairs counted by sorting.
_MOST_PAIRED = 2_000


def pearsons() -> Reducer:
    """The product-moment correlation of two inputs, and the chance of one as great where there is none."""

    def block(values: Sequence[Array], weights: Array) -> list[tuple[Array, Array]]:
        return _product_moment(values[0], values[1], weights > 0)

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        return blockwise(block, values, weights, 4 * len(weights))

    return _correlation("correlation", fold, 2)


def spearmans() -> Reducer:
    """The product-moment correlation of the ranks of two inputs, equal values sharing the mean of their ranks."""

    def block(values: Sequence[Array], weights: Array) -> list[tuple[Array, Array]]:
        valid = weights > 0
        first, second = (_ranks(np.where(valid, item, np.inf)) for item in values[:2])
        return _product_moment(first, second, valid)

    return _correlation(
        "correlation", lambda values, weights: blockwise(block, values, weights, 8 * len(weights)), inputs=2
    )


def kendalls(inputs: int) -> Reducer:
    """Kendall's tau-b of two inputs, or of one and its order; the chance is that of the normal approximation."""
    if inputs not in (1, 2):
        raise invalid(f"Reducer.kendallsCorrelation: 'numInputs' must be 1 or 2, got {inputs}.")

    def block(values: Sequence[Array], weights: Array) -> list[tuple[Array, Array]]:
        valid, second = weights > 0, values[-1]
        first = values[0] if inputs == 2 else np.broadcast_to(np.arange(len(second))[:, None] + 0.0, second.shape)
        if len(weights) > _MOST_PAIRED:
            columns = [_sorted_tau(first[ok, i], second[ok, i]) for i, ok in enumerate(valid.T)]
            tau = np.array(columns)
            count = valid.sum(axis=0)
            return _with_chance(tau, count, np.isfinite(tau))
        score, first_pairs, second_pairs = (np.zeros(second.shape[1]) for _ in range(3))
        for lag in range(1, len(second)):
            both = valid[lag:] & valid[:-lag]
            up = np.where(both, np.sign(first[lag:] - first[:-lag]), 0)
            along = np.where(both, np.sign(second[lag:] - second[:-lag]), 0)
            score += (up * along).sum(axis=0)
            first_pairs += np.abs(up).sum(axis=0)
            second_pairs += np.abs(along).sum(axis=0)
        scale = np.sqrt(first_pairs * second_pairs)
        tau = np.divide(score, scale, out=np.zeros_like(score), where=scale > 0)
        return _with_chance(tau, valid.sum(axis=0), scale > 0)

    return _correlation("tau", lambda values, weights: blockwise(block, values, weights, 6 * len(weights)), inputs)


def _sorted_tau(first: Array, second: Array) -> float:
    # Takes two seconds to import, and only long series need it.
    from scipy.stats import kendalltau

    return float(kendalltau(first, second, method="asymptotic").statistic)


def _with_chance(tau: Array, count: Array, found: Array) -> list[tuple[Array, Array]]:
    count = np.maximum(count, 2)
    score = tau * np.sqrt(9.0 * count * (count - 1) / (2 * (2 * count + 5)))
    return [(np.nan_to_num(tau), found), (special.erfc(np.abs(np.nan_to_num(score)) / np.sqrt(2)), found)]


def _correlation(name: str, fold: Any, inputs: int) -> Reducer:
    return Reducer(inputs, (name, "p-value"), fold, types=lambda types: [PixelType("double", -1, 1), DOUBLE])


def _product_moment(first: Array, second: Array, valid: Array) -> list[tuple[Array, Array]]:
    count = valid.sum(axis=0)
    safe = np.maximum(count, 1)
    one, two = (np.where(valid, item, 0) for item in (first, second))
    one, two = (np.where(valid, item - item.sum(axis=0) / safe, 0) for item in (one, two))
    scale = np.sqrt((one**2).sum(axis=0) * (two**2).sum(axis=0))
    found = scale > 0
    correlation = np.divide((one * two).sum(axis=0), scale, out=np.zeros_like(scale), where=found)
    correlation = np.clip(correlation, -1, 1)
    freedom = count - 2
    score = correlation * np.sqrt(np.maximum(freedom, 0) / np.maximum(1 - correlation**2, 1e-300))
    chance = 2 * special.stdtr(np.maximum(freedom, 1), -np.abs(score))
    return [(correlation, found), (chance, found & (freedom > 0))]


def _ranks(values: Array) -> Array:
    """Ranks along the first axis, from 1; equal values share the mean of theirs."""
    order = values.argsort(axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    places = np.broadcast_to(np.arange(len(values))[:, None], values.shape)
    starts = np.ones(values.shape, dtype=bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    ends = np.ones(values.shape, dtype=bool)
    ends[:-1] = starts[1:]
    first = np.maximum.accumulate(np.where(starts, places, 0), axis=0)
    last = np.minimum.accumulate(np.where(ends, places, len(values))[::-1], axis=0)[::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=0)
    return ranks


def covariance(*, centred: bool) -> Reducer:
    """The matrix of covariances of one-dimensional arrays of one length; `centred` ones have a mean of 0 already."""

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        arrays = np.asarray(values[0], dtype="float64")
        held = weights[..., 0] if weights.ndim == arrays.ndim and arrays.ndim > 1 else weights
        if arrays.ndim != held.ndim + 1:
            raise invalid("Reducer.covariance: the inputs must be one-dimensional arrays of the same length.")
        held = np.where(held > 0, held, 0).astype("float64")
        total = held.sum(axis=0)
        safe = np.where(total > 0, total, 1)
        arrays = np.where((held > 0)[..., None], arrays, 0)
        if not centred:
            middle = np.einsum("k...,k...n->...n", held, arrays) / safe[..., None]
            arrays = np.where((held > 0)[..., None], arrays - middle, 0)
        joint = np.einsum("k...,k...n,k...m->...nm", held, arrays, arrays, optimize=True) / safe[..., None, None]
        return [(joint, np.broadcast_to((total > 0)[..., None, None], joint.shape))]

    name = "centeredCovariance" if centred else "covariance"
    return Reducer(1, (name,), fold, types=lambda types: [PixelType("double", None, None, 2)], arrays=True)
