"""Reducers that count values in buckets, and what is derived from such counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.pixels.pixel_blocks import arrays_of, blockwise
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, PixelType
from earthline_sandbox.earthengine.reducers.reducers import Reducer, quantiles
from earthline_sandbox.earthengine.values.values import ArrayValue
from earthline_sandbox.errors import invalid

_MOST_BINS = 1_000_000
_BUCKETS = 256
# Where no least width is asked for, buckets are not narrower than this, so that whole numbers are told apart and no
# more.
_NARROWEST = 2.0**-10


def fixed(low: float, high: float, steps: int, *, cumulative: bool) -> Reducer:
    """Rows of (lower edge, weight) for equal bins; what lies outside is not counted."""
    edges = _edges("fixedHistogram", "steps", low, high, steps)

    def counts(values: Array, weights: Array) -> Array:
        """Shape `(P, steps, 2)`."""
        pixels = values.shape[1]
        place = np.searchsorted(edges, values, side="right") - 1
        inside = (place >= 0) & (values < high) & (weights > 0)
        index = (place + np.arange(pixels) * steps)[inside]
        found = np.bincount(index, weights=weights[inside], minlength=pixels * steps).reshape(pixels, steps)
        found = np.cumsum(found, axis=1) if cumulative else found
        return np.stack([np.broadcast_to(edges[:-1], found.shape), found], axis=2)

    def block(values: Sequence[Array], weights: Array) -> list[tuple[Array, Array]]:
        return [(counts(values[0], weights), np.asarray((weights > 0).any(axis=0)))]

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        return [ArrayValue(counts(values[0].astype("float64")[:, None], weights[:, None])[0])]

    return Reducer(
        1,
        ("histogram",),
        lambda values, weights: blockwise(block, values, weights, 3 * len(weights) + 2 * steps),
        gather,
        types=lambda types: [PixelType("double", None, None, 2)],
        weighted=True,
    )


def _edges(name: str, key: str, low: float, high: float, steps: int) -> Array:
    if not 1 <= steps <= _MOST_BINS or not low < high:
        raise invalid(
            f"Reducer.{name}: the least bound must be below the greatest, and '{key}' between 1 and {_MOST_BINS}; "
            f"got {low}, {high} and {steps}."
        )
    return np.linspace(low, high, steps + 1)


def fixed_2d(x: tuple[float, float, int], y: tuple[float, float, int]) -> Reducer:
    """Counts `(xSteps, ySteps)` of pairs in equal bins, and the lower edges along both axes.

    Args:
        x: Least bound, greatest bound and number of buckets of the first input.
        y: The same of the second.
    """
    if x[2] * y[2] > _MOST_BINS:
        raise invalid(f"Reducer.fixed2DHistogram: at most {_MOST_BINS} buckets, got {x[2]} x {y[2]}.")
    x_edges, y_edges = _edges("fixed2DHistogram", "xSteps", *x), _edges("fixed2DHistogram", "ySteps", *y)

    def block(values: Sequence[Array], weights: Array) -> list[tuple[Array, Array]]:
        pixels = weights.shape[1]
        column = np.searchsorted(x_edges, values[0], side="right") - 1
        row = np.searchsorted(y_edges, values[1], side="right") - 1
        inside = (column >= 0) & (values[0] < x[1]) & (row >= 0) & (values[1] < y[1]) & (weights > 0)
        index = ((np.arange(pixels) * x[2] + column) * y[2] + row)[inside]
        found = np.bincount(index, minlength=pixels * x[2] * y[2]).reshape(pixels, x[2], y[2])
        valid = np.ones(pixels, dtype=bool)
        return [
            (found, valid),
            (np.broadcast_to(x_edges[:-1], (pixels, x[2])), valid),
            (np.broadcast_to(y_edges[:-1], (pixels, y[2])), valid),
        ]

    return Reducer(
        2,
        ("histogram", "xAxis", "yAxis"),
        lambda values, weights: blockwise(block, values, weights, 4 * len(weights) + x[2] * y[2]),
        types=lambda types: [
            PixelType("int", 0, 2**31 - 1, 2),
            PixelType("double", x[0], x[1], 1),
            PixelType("double", y[0], y[1], 1),
        ],
    )


def _buckets(
    values: Array, weights: Array, max_buckets: int | None, min_width: float | None
) -> tuple[float, float, Array, Array, Array]:
    """(start, width, index of every value, counts, means) of buckets whose width is a power of two, or a multiple.

    Raises:
        ApiError: INVALID_ARGUMENT where a value is not finite.
    """
    if not np.isfinite(values).all():
        raise invalid("histograms need finite values; mask the others.")
    limit = 1 << (min(max(max_buckets or _BUCKETS, 2), _MOST_BINS) - 1).bit_length()
    width = min_width if min_width and min_width > 0 else _NARROWEST
    spread = float(values.max() - values.min())
    while spread / width >= limit:
        width *= 2
    start = float(np.floor(values.min() / width) * width)
    index = np.floor((values - start) / width).astype(np.intp)
    counts = np.bincount(index, weights=weights)
    sums = np.bincount(index, weights=weights * values)
    middles = start + width * (np.arange(len(counts)) + 0.5)
    means = np.where(counts > 0, np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0), middles)
    return start, width, index, counts, means


def histogram(max_buckets: int | None, min_width: float | None) -> Reducer:
    """Buckets of equal width, at most `max_buckets` of them, as a dictionary."""

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        return [_dictionary(values[0].astype("float64"), weights, max_buckets, min_width)]

    return Reducer(1, ("histogram",), None, gather, weighted=True)


def _dictionary(
    values: Array, weights: Array, max_buckets: int | None, min_width: float | None
) -> dict[str, Any] | None:
    if not len(values):
        return None
    start, width, _, counts, means = _buckets(values, weights, max_buckets, min_width)
    return {
        "bucketMeans": means.tolist(),
        "bucketMin": start,
        "bucketWidth": float(width),
        "histogram": counts.tolist(),
    }


def automatic(max_buckets: int | None, min_width: float | None, *, cumulative: bool) -> Reducer:
    """Rows of (lower edge, weight) of buckets that fit the values."""

    def rows(values: Sequence[Array], weights: Array) -> Array:
        start, width, _, counts, _ = _buckets(values[0].astype("float64"), weights, max_buckets, min_width)
        edges = start + width * np.arange(len(counts))
        return np.column_stack((edges, np.cumsum(counts) if cumulative else counts))

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        return [ArrayValue(rows(values, weights)) if len(values[0]) else None]

    return Reducer(
        1,
        ("histogram",),
        lambda values, weights: [arrays_of(rows, values, weights)],
        gather,
        types=lambda types: [PixelType("double", None, None, 2)],
        weighted=True,
    )


def combiner(max_buckets: int | None, min_width: float | None) -> Reducer:
    """One histogram of several: every bucket counts as its mean."""

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        means: list[float] = []
        counts: list[float] = []
        for item in values[0]:
            if not isinstance(item, Mapping) or not {"bucketMeans", "histogram"} <= set(item):
                raise invalid("Reducer.histogramCombiner: the inputs must be results of Reducer.histogram.")
            means += item["bucketMeans"]
            counts += item["histogram"]
        kept = np.array(counts) > 0
        return [_dictionary(np.array(means, dtype="float64")[kept], np.array(counts)[kept], max_buckets, min_width)]

    return Reducer(1, ("histogram",), None, gather)


def interval_mean(low: float, high: float) -> Reducer:
    """The mean of what lies between two percentiles, both included."""
    if not 0 <= low < high <= 100:
        raise invalid(
            "Reducer.intervalMean: 'minPercentile' must be below 'maxPercentile', both between 0 and 100; "
            f"got {low} and {high}."
        )

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        (least, _), (greatest, _) = quantiles(values[0], weights, [low / 100, high / 100])
        held = np.where((weights > 0) & (values[0] >= least) & (values[0] <= greatest), weights, 0).astype("float64")
        total = held.sum(axis=0)
        summed = np.where(held > 0, values[0].astype("float64", copy=False) * held, 0).sum(axis=0)
        mean = np.divide(summed, total, out=np.zeros_like(np.asarray(summed)), where=total > 0)
        return [(mean, np.asarray(total > 0))]

    return Reducer(1, ("mean",), fold, types=lambda types: [DOUBLE], weighted=True)


def bucketed(reducer: Reducer, max_buckets: int | None, min_width: float | None, max_raw: int | None) -> Reducer:
    """The same of more than `max_raw` values by way of a histogram: every value counts as the mean of its bucket."""
    if max_raw is None or reducer.fold is None:
        return reducer
    exact: Callable[[Sequence[Array], Array], list[tuple[Any, Any]]] = reducer.fold
    least = max(max_raw, 1)

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        if weights.ndim != 1 or len(weights) <= least:
            return exact(values, weights)
        series = values[0].astype("float64")
        _, _, index, _, means = _buckets(series, weights.astype("float64"), max_buckets, min_width)
        return exact([means[index]], weights)

    return replace(reducer, fold=fold)
