"""Properties of all elements of a collection, folded into one value."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from earthline_sandbox.earthengine.functions.collection.collection import first
from earthline_sandbox.earthengine.functions.collection.filters import field
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import Collection, Date
from earthline_sandbox.errors import invalid


@function("Collection.reduceColumns")
def reduce_columns(
    collection: Collection, reducer: Reducer, selectors: list[str], weight_selectors: list[str] | None
) -> dict[str, Any]:
    """Reduces properties; elements without one of them are left out."""
    if len(selectors) != reducer.inputs:
        raise invalid(
            f"Collection.reduceColumns: Need {reducer.inputs} input columns for the reducer, got {len(selectors)}."
        )
    rows = [[_plain(field(item, name)) for name in selectors] for item in collection]
    weights = None
    if weight_selectors:
        weights = np.array([_plain(field(item, weight_selectors[0])) or 0 for item in collection], dtype="float64")
    return dict(zip(reducer.outputs, reducer.reduce_rows(rows, weights), strict=True))


def _plain(value: Any) -> Any:
    return value.milliseconds if isinstance(value, Date) else value


def _values(collection: Collection, property: str) -> list[Any]:
    values = (_plain(field(item, property)) for item in collection)
    return [value for value in values if value is not None]


@function("AggregateFeatureCollection.array")
def aggregate_array(collection: Collection, property: str) -> list[Any]:
    """The values of a property, those that are there."""
    values = (field(item, property) for item in collection)
    return [value for value in values if value is not None]


@function("AggregateFeatureCollection.count")
def aggregate_count(collection: Collection, property: str) -> int:
    """How many elements have the property."""
    return len(_values(collection, property))


@function("AggregateFeatureCollection.count_distinct")
def aggregate_count_distinct(collection: Collection, property: str) -> int:
    """How many values the property has."""
    return len({orjson.dumps(value) for value in _values(collection, property)})


@function("AggregateFeatureCollection.first")
def aggregate_first(collection: Collection, property: str) -> Any:
    """The first element's value."""
    item = first(collection)
    return None if item is None else field(item, property)


@function("AggregateFeatureCollection.histogram")
def aggregate_histogram(collection: Collection, property: str) -> dict[str, int]:
    """Value to number of elements."""
    counts: dict[str, int] = {}
    for value in _values(collection, property):
        key = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        counts[key] = counts.get(key, 0) + 1
    return {key: counts[key] for key in sorted(counts)}


@function("AggregateFeatureCollection.min")
def aggregate_min(collection: Collection, property: str) -> Any:
    """The least value."""
    return min(_values(collection, property), default=None)


@function("AggregateFeatureCollection.max")
def aggregate_max(collection: Collection, property: str) -> Any:
    """The greatest value."""
    return max(_values(collection, property), default=None)


@function("AggregateFeatureCollection.sum")
def aggregate_sum(collection: Collection, property: str) -> float:
    """The sum; 0 where there is no value."""
    found = _folded("sum", collection, property, np.sum)
    return 0 if found is None else found


@function("AggregateFeatureCollection.product")
def aggregate_product(collection: Collection, property: str) -> float | None:
    """The product."""
    return _folded("product", collection, property, np.prod)


@function("AggregateFeatureCollection.mean")
def aggregate_mean(collection: Collection, property: str) -> float | None:
    """The mean."""
    return _folded("mean", collection, property, np.mean)


@function("AggregateFeatureCollection.total_sd")
def aggregate_total_sd(collection: Collection, property: str) -> float | None:
    """The standard deviation of the values as a whole population."""
    return _folded("total_sd", collection, property, np.std)


@function("AggregateFeatureCollection.total_var")
def aggregate_total_var(collection: Collection, property: str) -> float | None:
    """The variance of the values as a whole population."""
    return _folded("total_var", collection, property, np.var)


@function("AggregateFeatureCollection.sample_sd")
def aggregate_sample_sd(collection: Collection, property: str) -> float | None:
    """The standard deviation of the values as a sample; not a number for a single one."""
    return _folded("sample_sd", collection, property, _sample_sd)


@function("AggregateFeatureCollection.sample_var")
def aggregate_sample_var(collection: Collection, property: str) -> float | None:
    """The variance of the values as a sample; not a number for a single one."""
    return _folded("sample_var", collection, property, _sample_var)


@function("AggregateFeatureCollection.stats")
def aggregate_stats(collection: Collection, property: str) -> dict[str, Any]:
    """Count, sum, mean, extremes and deviations."""
    values = _numbers(collection, property, "stats")
    folds: dict[str, Callable[[Array], Any]] = {
        "sum": np.sum, "mean": np.mean, "total_sd": np.std, "total_var": np.var,
        "sample_sd": _sample_sd, "sample_var": _sample_var,
    }  # fmt: skip
    shown: dict[str, Any] = {key: float(fold(values)) if len(values) else None for key, fold in folds.items()}
    squares = {"sum_sq": float((values**2).sum()), "valid_count": len(values), "total_count": len(collection.elements)}
    extremes = {"min": float(values.min()), "max": float(values.max())} if len(values) else {"min": None, "max": None}
    return {**shown, **squares, **extremes, "weight_sum": len(values), "weighted_sum": shown["sum"]}


def _folded(name: str, collection: Collection, property: str, fold: Callable[[Array], Any]) -> float | None:
    """A number of all values of a property; None where there are none."""
    values = _numbers(collection, property, name)
    return float(fold(values)) if len(values) else None


def _sample_sd(values: Array) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def _sample_var(values: Array) -> float:
    return float(np.var(values, ddof=1)) if len(values) > 1 else math.nan


def _numbers(collection: Collection, property: str, name: str) -> Array:
    values = _values(collection, property)
    wrong = [value for value in values if not isinstance(value, int | float)]
    if wrong:
        raise invalid(f"Collection.aggregate_{name}: Property '{property}' is not a number: {wrong[0]!r}.")
    return np.array(values, dtype="float64")
