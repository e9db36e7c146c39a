"""Reducers and kernels by their server functions."""

from collections.abc import Callable

from sandbox.earthengine import reducers
from sandbox.earthengine.reducers import Reducer
from sandbox.earthengine.registry import function

_BUCKETS = ("maxBuckets", "minBucketWidth", "maxRaw")


def _register(name: str) -> None:
    def call() -> Reducer:
        return reducers.simple(name)

    function(f"Reducer.{name}", ignores=_BUCKETS if name in ("median", "mode") else ())(call)


for _name in reducers.simple_names():
    _register(_name)


def _register_extreme(name: str, make: Callable[[int], Reducer]) -> None:
    def call(num_inputs: int) -> Reducer:
        return make(num_inputs)

    function(f"Reducer.{name}")(call)


_register_extreme("min", reducers.least)
_register_extreme("max", reducers.greatest)


@function("Reducer.percentile", ignores=_BUCKETS)
def percentile(percentiles: list[float], output_names: list[str] | None) -> Reducer:
    """Percentiles."""
    return reducers.percentile(percentiles, output_names)


@function("Reducer.histogram", ignores=("maxRaw",))
def histogram(max_buckets: int | None, min_bucket_width: float | None) -> Reducer:
    """A histogram whose bins fit the values."""
    return reducers.histogram(max_buckets, min_bucket_width)


@function("Reducer.fixedHistogram", ignores=("cumulative",))
def fixed_histogram(min: float, max: float, steps: int) -> Reducer:
    """A histogram of equal bins."""
    return reducers.fixed_histogram(min, max, steps)


@function("Reducer.toList", ignores=("numOptional",))
def to_list(tuple_size: int | None) -> Reducer:
    """All values."""
    return reducers.to_list(tuple_size)


@function("Reducer.combine")
def combine(reducer1: Reducer, reducer2: Reducer, output_prefix: str, shared_inputs: bool) -> Reducer:
    """Two reducers side by side."""
    return reducers.combined(reducer1, reducer2, output_prefix, shared=shared_inputs)


@function("Reducer.repeat")
def repeat(reducer: Reducer, count: int) -> Reducer:
    """Copies of a reducer, each with inputs of its own."""
    return reducers.repeated(reducer, count)


@function("Reducer.group")
def group(reducer: Reducer, group_field: int, group_name: str) -> Reducer:
    """A reducer for every value of one input."""
    return reducers.grouped(reducer, group_field, group_name)


@function("Reducer.unweighted")
def unweighted(reducer: Reducer) -> Reducer:
    """Every weight above 0 as 1."""
    return reducers.unweighted(reducer)


@function("Reducer.setOutputs")
def set_outputs(reducer: Reducer, outputs: list[str]) -> Reducer:
    """Other output names."""
    return reducers.renamed(reducer, outputs)


@function("Reducer.getOutputs")
def get_outputs(reducer: Reducer) -> list[str]:
    """Output names."""
    return list(reducer.outputs)
