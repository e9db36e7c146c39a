"""Reducers: each folds a stack of values with weights, whether the stack is a time series or a region's pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.pixels.pixel_blocks import arrays_of
from earthline_sandbox.earthengine.pixels.pixels import BOOLEAN, DOUBLE, Array, PixelType
from earthline_sandbox.earthengine.reducers import medians
from earthline_sandbox.earthengine.values.values import ArrayValue
from earthline_sandbox.errors import invalid

# A fold gets, per input, values of shape (K, …) and the weights of the same shape, and gives per output
# (values, mask) of the shape that is left.
Fold = Callable[[Sequence[Array], Array], list[tuple[Any, Any]]]
# A gathering gets, per input, values of shape (K,) that are valid, and their weights, and gives any object per output.
Gather = Callable[[Sequence[Array], Array], list[Any]]

_MOST_INPUTS = 10_000


@dataclass(frozen=True, eq=False)
class Reducer:
    """How many inputs become which outputs.

    Attributes:
        inputs: Number of inputs.
        outputs: Names of the outputs.
        fold: Folds the first axis; None where outputs are not numbers.
        gather: Folds one series of values into objects; made from `fold` where that is all there is.
        types: Pixel type of each output, from those of the inputs.
        weighted: False: weights other than 0 count as 1, and a pixel is in a region when its centre is.
        arrays: Whether its inputs are arrays, the last axes of values that have more axes than the weights.
        every: Whether entries of weight 0 are inputs as well.
        optional: How many of the last inputs may be missing, which are None then.
    """

    inputs: int
    outputs: tuple[str, ...]
    fold: Fold | None
    gather: Gather | None = None
    types: Callable[[Sequence[PixelType]], list[PixelType]] = lambda types: [DOUBLE]
    weighted: bool = False
    arrays: bool = False
    every: bool = False
    optional: int = 0

    def reduce_stack(self, values: Sequence[Array], weights: Array) -> list[tuple[Array, Array]]:
        """Folds stacks of shape `(K, …)`, one per input, with shared weights of the same shape."""
        if self.fold is None:
            raise invalid(f"Reducer with outputs {list(self.outputs)} gives no numbers, so it cannot make pixels.")
        if not self.weighted:
            weights = (weights > 0).astype(weights.dtype) if weights.dtype != bool else weights
        if self.arrays or weights.size != len(weights):
            return self.fold(values, weights)
        # NumPy adds up a lone series in another order than many side by side; a pixel must not depend on its tile.
        twice = [np.stack([item, item], axis=-1) for item in (*values, weights)]
        one = (slice(None),) * (weights.ndim - 1) + (0,)
        return [(value[one], mask[one]) for value, mask in self.fold(twice[:-1], twice[-1])]

    def reduce_rows(self, rows: Sequence[Sequence[Any]], weights: Array | None = None) -> list[Any]:
        """Folds tuples of inputs; one with a null among the inputs that are not optional is left out.

        Args:
            rows: Tuples of as many values as there are inputs.
            weights: Shape `(K,)`; all 1 by default.
        """
        needed = self.inputs - self.optional
        present = np.array([all(value is not None for value in row[:needed]) for row in rows], dtype=bool)
        kept = list(rows) if self.every else [row for row, there in zip(rows, present, strict=True) if there]
        shares = np.ones(len(rows)) if weights is None else weights
        shares = np.where(present, shares, 0) if self.every else shares[present]
        columns = [column([row[place] for row in kept], arrays=self.arrays) for place in range(self.inputs)]
        return self.reduce_series(columns, shares)

    def reduce_series(self, values: Sequence[Array], weights: Array) -> list[Any]:
        """Folds series of shape `(K,)`, one per input; entries of weight 0 are left out.

        Raises:
            ApiError: INVALID_ARGUMENT where values are no numbers and the reducer needs some.
        """
        if not self.every:
            keep = weights > 0
            values, weights = [item[keep] for item in values], weights[keep]
        if not self.weighted:
            weights = (weights > 0).astype("float64")
        try:
            if self.gather is not None:
                return self.gather(values, weights)
            if self.fold is None:
                raise invalid("The reducer cannot reduce numbers.")
            deepest = max(values, key=np.ndim)
            if not self.arrays and deepest.ndim > 1:
                weights = np.broadcast_to(weights.reshape((-1,) + (1,) * (deepest.ndim - 1)), deepest.shape)
            return [_plain(result, mask) for result, mask in self.fold(values, weights)]
        except (TypeError, ValueError) as error:
            if not any(item.dtype == object or item.ndim > 1 for item in values):
                raise
            raise invalid(f"Reducer of {list(self.outputs)}: the inputs must be numbers.") from error


def _plain(result: Any, mask: Any) -> Any:
    """A number or an array of one fold; None where it is masked."""
    if not bool(np.all(mask)):
        return None
    array = np.asarray(result)
    return ArrayValue(array) if array.ndim else array.item()


def column(values: Sequence[Any], *, arrays: bool = False) -> Array:
    """Values as a series: of numbers where all are, of arrays of one shape where those are wanted, else of objects."""
    if all(isinstance(value, int | float) for value in values):
        try:
            return np.array(values, dtype="float64" if any(isinstance(value, float) for value in values) else None)
        except OverflowError:
            return np.array(values, dtype="float64")
    if arrays:
        items = [value.data if isinstance(value, ArrayValue) else value for value in values]
        if all(isinstance(item, np.ndarray | list) for item in items):
            try:
                stacked = np.array(items)
            except ValueError:
                stacked = np.empty(0, dtype=object)
            if stacked.dtype.kind in "iuf":
                return stacked
    series = np.empty(len(values), dtype=object)
    series[:] = values
    return series


def _same(types: Sequence[PixelType]) -> list[PixelType]:
    return [types[0]]


def _masked(values: Array, weights: Array, fill: float) -> Array:
    return np.where(weights > 0, values.astype("float64", copy=False), fill)


def _any(weights: Array) -> Array:
    return np.asarray((weights > 0).any(axis=0))


def _count(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
    counted = (weights > 0).sum(axis=0)
    return [(counted, np.ones(np.shape(counted), bool))]


def _sum(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
    return [(_masked(values[0], weights, 0).__mul__(np.where(weights > 0, weights, 0)).sum(axis=0), _any(weights))]


def _mean(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
    total = np.where(weights > 0, weights, 0).sum(axis=0, dtype="float64")
    ((summed, present),) = _sum(values, weights)
    return [(np.divide(summed, total, out=np.zeros_like(summed), where=total > 0), present)]


def _variance(values: Sequence[Array], weights: Array, sample: bool = False) -> list[tuple[Any, Any]]:
    held = np.where(weights > 0, weights, 0).astype("float64")
    total = held.sum(axis=0)
    ((mean, present),) = _mean(values, weights)
    squared = (held * (_masked(values[0], weights, 0) - mean) ** 2).sum(axis=0)
    divisor = total - 1 if sample else total
    present = present & (divisor > 0)
    return [(np.divide(squared, divisor, out=np.zeros_like(squared), where=divisor > 0), present)]


def _deviation(values: Sequence[Array], weights: Array, sample: bool = False) -> list[tuple[Any, Any]]:
    ((variance, present),) = _variance(values, weights, sample)
    return [(np.sqrt(variance), present)]


def _least(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
    return _extreme(values, weights, greatest=False)


def _greatest(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
    return _extreme(values, weights, greatest=True)


def _extreme(values: Sequence[Array], weights: Array, *, greatest: bool) -> list[tuple[Any, Any]]:
    """The extreme of the first input, and what the other inputs hold where it is."""
    present, fill = _any(weights), -np.inf if greatest else np.inf
    if not len(weights):
        return [(np.zeros(np.shape(present)), present)] * len(values)
    keyed = _masked(values[0], weights, fill)
    keyed = np.where(np.isnan(keyed), fill, keyed)
    index = (keyed.argmax(axis=0) if greatest else keyed.argmin(axis=0))[None]
    return [(np.take_along_axis(np.asarray(item), index, axis=0)[0], present) for item in values]


def _extremes(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
    return _least(values, weights) + _greatest(values, weights)


def _at(values: Sequence[Array], weights: Array, *, last: bool) -> list[tuple[Any, Any]]:
    present = _any(weights)
    if not len(weights):
        return [(np.zeros(np.shape(present)), present)] * len(values)
    valid = weights > 0
    index = (len(weights) - 1 - valid[::-1].argmax(axis=0) if last else valid.argmax(axis=0))[None]
    return [(np.take_along_axis(np.asarray(item), index, axis=0)[0], present) for item in values]


def _product(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
    return [(_masked(values[0], weights, 1).prod(axis=0), _any(weights))]


def _all(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
    return [((_masked(values[0], weights, 1) != 0).all(axis=0), _any(weights))]


def _some(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
    return [((_masked(values[0], weights, 0) != 0).any(axis=0), _any(weights))]


def _bitwise(operation: Any, start: int) -> Fold:
    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        whole = np.where(weights > 0, values[0].astype("int64"), start)
        return [(operation.reduce(whole, axis=0), _any(weights))]

    return fold


def quantiles(values: Array, weights: Array, shares: Sequence[float]) -> list[tuple[Any, Any]]:
    """Values below which those shares (0 to 1) of the valid entries lie, between two neighbours by interpolation."""
    present = _any(weights)
    if not len(weights):
        return [(np.zeros(np.shape(present)), present)] * len(shares)
    # Masked entries sort to the end, in the values' own type where it has room above for them.
    kind = values.dtype if values.dtype.kind == "f" else np.dtype("float64" if values.dtype.itemsize > 2 else "float32")
    valid = weights > 0
    ordered = np.sort(np.where(valid, values.astype(kind, copy=False), np.inf), axis=0)
    count = valid.sum(axis=0)
    results = []
    for share in shares:
        position = np.maximum(count - 1, 0) * share
        below = np.floor(position).astype(np.intp)
        above = np.minimum(below + 1, np.maximum(count - 1, 0))
        low = np.take_along_axis(ordered, below[None], axis=0)[0].astype("float64")
        high = np.take_along_axis(ordered, above[None], axis=0)[0].astype("float64")
        with np.errstate(invalid="ignore"):
            value = low + (high - low) * (position - below)
        results.append((np.where(present, value, 0), present))
    return results


def _median(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
    valid = weights if weights.dtype == bool else weights > 0
    if valid.shape == values[0].shape and medians.suits(values[0]):
        return [medians.medians(values[0], valid)]
    return quantiles(values[0], weights, [0.5])


def _mode(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
    """The value of greatest weight; of several, the least."""
    present = _any(weights)
    if not len(weights):
        return [(np.zeros(np.shape(present)), present)]
    filled = _masked(values[0], weights, np.inf)
    order = filled.argsort(axis=0, kind="stable")
    ordered = np.take_along_axis(filled, order, axis=0)
    held = np.take_along_axis(np.where(weights > 0, weights, 0).astype("float64"), order, axis=0)
    best, most, running = ordered[0].copy(), held[0].copy(), held[0].copy()
    for position in range(1, len(ordered)):
        running = np.where(ordered[position] == ordered[position - 1], running + held[position], held[position])
        better = running > most
        best, most = np.where(better, ordered[position], best), np.where(better, running, most)
    return [(np.where(present, best, 0), present)]


def _linear_fit(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
    held = np.where(weights > 0, weights, 0).astype("float64")
    total = held.sum(axis=0)
    x, y = (_masked(item, weights, 0) for item in values[:2])
    safe = np.where(total > 0, total, 1)
    mean_x, mean_y = (held * x).sum(axis=0) / safe, (held * y).sum(axis=0) / safe
    spread = (held * (x - mean_x) ** 2).sum(axis=0)
    joint = (held * (x - mean_x) * (y - mean_y)).sum(axis=0)
    present = _any(weights)
    slope = np.divide(joint, spread, out=np.zeros_like(joint), where=spread > 0)
    return [(slope, present), (mean_y - slope * mean_x, present)]


def _frequencies(values: Sequence[Array], weights: Array) -> list[Any]:
    found, inverse = np.unique(values[0], return_inverse=True)
    counts = np.bincount(inverse, weights=weights, minlength=len(found))
    return [{_key(value): float(count) for value, count in zip(found.tolist(), counts.tolist(), strict=True)}]


def _key(value: Any) -> str:
    return str(int(value)) if isinstance(value, int | float) and float(value).is_integer() else str(value)


def _one(outputs: str | tuple[str, ...], fold: Fold, **options: Any) -> Reducer:
    names = (outputs,) if isinstance(outputs, str) else outputs
    return Reducer(options.pop("inputs", 1), names, fold, **options)


def _several(name: str, count: int, fold: Fold) -> Reducer:
    if not 1 <= count <= _MOST_INPUTS:
        raise invalid(f"Reducer.{name}: numInputs must be between 1 and {_MOST_INPUTS}, got {count}.")
    names = (name,) if count == 1 else (name, *(f"{name}{i}" for i in range(1, count)))
    return Reducer(count, names, fold, types=lambda types: list(types[:count]))


_SIMPLE: dict[str, Callable[[], Reducer]] = {
    "count": lambda: _one("count", _count, types=lambda types: [PixelType("int", 0, 2**31 - 1)]),
    "sum": lambda: _one("sum", _sum, weighted=True),
    "mean": lambda: _one("mean", _mean, weighted=True),
    "median": lambda: _one("median", _median, weighted=True),
    "mode": lambda: _one("mode", _mode, weighted=True, types=_same),
    "variance": lambda: _one("variance", _variance, weighted=True),
    "stdDev": lambda: _one("stdDev", _deviation, weighted=True),
    "sampleVariance": lambda: _one("variance", lambda v, w: _variance(v, w, sample=True), weighted=True),
    "sampleStdDev": lambda: _one("stdDev", lambda v, w: _deviation(v, w, sample=True), weighted=True),
    "minMax": lambda: _one(("min", "max"), _extremes, types=lambda types: [types[0]] * 2),
    "product": lambda: _one("product", _product),
    "allNonZero": lambda: _one("all", _all, types=lambda types: [BOOLEAN]),
    "anyNonZero": lambda: _one("any", _some, types=lambda types: [BOOLEAN]),
    "and": lambda: _one("and", _all, types=lambda types: [BOOLEAN]),
    "or": lambda: _one("or", _some, types=lambda types: [BOOLEAN]),
    "bitwiseAnd": lambda: _one("bitwiseAnd", _bitwise(np.bitwise_and, -1), types=_same),
    "bitwiseOr": lambda: _one("bitwiseOr", _bitwise(np.bitwise_or, 0), types=_same),
    "first": lambda: _one("first", lambda v, w: _at(v, w, last=False), types=_same),
    "last": lambda: _one("last", lambda v, w: _at(v, w, last=True), types=_same),
    "frequencyHistogram": lambda: Reducer(1, ("histogram",), None, _frequencies, weighted=True),
    "linearFit": lambda: _one(
        ("scale", "offset"), _linear_fit, inputs=2, weighted=True, types=lambda types: [DOUBLE, DOUBLE]
    ),
}


def simple(name: str) -> Reducer:
    """A reducer without arguments, by its name in Earth Engine."""
    return _SIMPLE[name]()


def least(count: int) -> Reducer:
    """The least of the first input, and the other inputs there."""
    return _several("min", count, _least)


def greatest(count: int) -> Reducer:
    """The greatest of the first input, and the other inputs there."""
    return _several("max", count, _greatest)


def percentile(shares: Sequence[float], names: Sequence[str] | None) -> Reducer:
    """Percentiles, 0 to 100."""
    if any(not 0 <= share <= 100 for share in shares):
        raise invalid("Reducer.percentile: Percentiles must be between 0 and 100.")
    outputs = tuple(names) if names else tuple(f"p{_key(share)}" for share in shares)
    if len(outputs) != len(shares):
        raise invalid("Reducer.percentile: 'outputNames' and 'percentiles' must have the same length.")
    return Reducer(
        1,
        outputs,
        lambda values, weights: quantiles(values[0], weights, [share / 100 for share in shares]),
        types=lambda types: [DOUBLE] * len(shares),
        weighted=True,
    )


def to_list(tuple_size: int | None, optional: int = 0) -> Reducer:
    """All values, in order; tuples of them where a size is given, whose last `optional` members may be null."""
    size = tuple_size or 1
    if not 1 <= size <= _MOST_INPUTS or not 0 <= optional <= size:
        raise invalid(
            f"Reducer.toList: 'tupleSize' must be between 1 and {_MOST_INPUTS}, and 'numOptional' not be greater; "
            f"got {tuple_size} and {optional}."
        )

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        series = [item.tolist() for item in values]
        return [series[0] if tuple_size is None else [list(row) for row in zip(*series, strict=True)]]

    def row(values: Sequence[Array], weights: Array) -> Array:
        return values[0] if tuple_size is None else np.stack(values, axis=1)

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        return [arrays_of(row, values, weights)]

    def types(types: Sequence[PixelType]) -> list[PixelType]:
        return [replace(reduce(PixelType.union, types), dimensions=1 if tuple_size is None else 2)]

    return Reducer(size, ("list",), fold, gather, types, optional=optional)


def combined(first: Reducer, second: Reducer, prefix: str, *, shared: bool) -> Reducer:
    """Both side by side, on the same inputs or on the next ones."""
    if shared and first.inputs != second.inputs:
        raise invalid("Reducer.combine: with sharedInputs, both reducers must have the same number of inputs.")
    start = 0 if shared else first.inputs
    outputs = _unique((*first.outputs, *(prefix + name for name in second.outputs)))

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Any, Any]]:
        return first.reduce_stack(values[: first.inputs], weights) + second.reduce_stack(values[start:], weights)

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        return first.reduce_series(values[: first.inputs], weights) + second.reduce_series(values[start:], weights)

    return Reducer(
        first.inputs if shared else first.inputs + second.inputs,
        outputs,
        fold if first.fold and second.fold else None,
        gather,
        lambda types: first.types(types[: first.inputs]) + second.types(types[start:]),
        weighted=first.weighted or second.weighted,
        arrays=first.arrays or second.arrays,
        every=first.every or second.every,
    )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    seen: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in seen:
            candidate, number = f"{name}_{number}", number + 1
        seen.append(candidate)
    return tuple(seen)


def repeated(reducer: Reducer, count: int) -> Reducer:
    """As many copies, each with its own inputs; every output is the list of the copies' outputs."""
    size = reducer.inputs
    if not 1 <= count <= _MOST_INPUTS:
        raise invalid(f"Reducer.repeat: 'count' must be between 1 and {_MOST_INPUTS}, got {count}.")

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        rows = [reducer.reduce_series(values[i * size : (i + 1) * size], weights) for i in range(count)]
        return [list(column) for column in zip(*rows, strict=True)]

    return Reducer(size * count, reducer.outputs, None, gather, weighted=reducer.weighted)


def grouped(reducer: Reducer, field: int, name: str) -> Reducer:
    """The reducer's outputs for every value of one input."""

    def gather(values: Sequence[Array], weights: Array) -> list[Any]:
        keys, rest = values[field], [item for index, item in enumerate(values) if index != field]
        rows = []
        for key in np.unique(keys).tolist():
            chosen = keys == key
            results = reducer.reduce_series([item[chosen] for item in rest], weights[chosen])
            rows.append({name: key, **dict(zip(reducer.outputs, results, strict=True))})
        return [rows]

    return Reducer(reducer.inputs + 1, ("groups",), None, gather, weighted=reducer.weighted)


def unweighted(reducer: Reducer) -> Reducer:
    """The same, every weight above 0 being 1."""
    return replace(reducer, weighted=False)


def renamed(reducer: Reducer, names: Sequence[str]) -> Reducer:
    """The same with other output names."""
    if len(names) != len(reducer.outputs):
        raise invalid(
            f"Reducer.setOutputs: the reducer has {len(reducer.outputs)} outputs, but {len(names)} names were given."
        )
    return replace(reducer, outputs=tuple(names))
