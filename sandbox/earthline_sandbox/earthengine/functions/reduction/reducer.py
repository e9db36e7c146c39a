"""Reducers by their server functions."""

from collections.abc import Callable

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.reducers import (
    compositions,
    correlations,
    distributions,
    histograms,
    reducers,
    regressions,
)
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import Image


def _register(name: str, make: Callable[[], Reducer]) -> None:
    def call() -> Reducer:
        return make()

    function(f"Reducer.{name}")(call)


_PLAIN: dict[str, Callable[[], Reducer]] = {
    "countDistinct": distributions.count_distinct,
    "countDistinctNonNull": distributions.count_distinct,
    "countEvery": distributions.count_every,
    "countRuns": distributions.count_runs,
    "skew": distributions.skew,
    "kurtosis": distributions.kurtosis,
    "circularMean": distributions.circular_mean,
    "circularVariance": distributions.circular_variance,
    "circularStddev": distributions.circular_deviation,
    "pearsonsCorrelation": correlations.pearsons,
    "spearmansCorrelation": correlations.spearmans,
    "covariance": lambda: correlations.covariance(centred=False),
    "centeredCovariance": lambda: correlations.covariance(centred=True),
    "sensSlope": regressions.sens_slope,
}
_BUCKETED = ("median", "mode")


def _register_bucketed(name: str) -> None:
    def call(max_buckets: int | None, min_bucket_width: float | None, max_raw: int | None) -> Reducer:
        return histograms.bucketed(reducers.simple(name), max_buckets, min_bucket_width, max_raw)

    function(f"Reducer.{name}")(call)


def _simple(name: str) -> Callable[[], Reducer]:
    return lambda: reducers.simple(name)


def _register_extreme(name: str, make: Callable[[int], Reducer]) -> None:
    def call(num_inputs: int) -> Reducer:
        return make(num_inputs)

    function(f"Reducer.{name}")(call)


for _name in reducers.simple_names():
    if _name in _BUCKETED:
        _register_bucketed(_name)
    else:
        _register(_name, _simple(_name))
for _name, _make in _PLAIN.items():
    _register(_name, _make)
_register_extreme("min", reducers.least)
_register_extreme("max", reducers.greatest)
_register_extreme("kendallsCorrelation", correlations.kendalls)


@function("Reducer.percentile")
def percentile(
    percentiles: list[float],
    output_names: list[str] | None,
    max_buckets: int | None,
    min_bucket_width: float | None,
    max_raw: int | None,
) -> Reducer:
    """Percentiles."""
    exact = reducers.percentile(percentiles, output_names)
    return histograms.bucketed(exact, max_buckets, min_bucket_width, max_raw)


@function("Reducer.intervalMean")
def interval_mean(
    min_percentile: float,
    max_percentile: float,
    max_buckets: int | None,
    min_bucket_width: float | None,
    max_raw: int | None,
) -> Reducer:
    """The mean between two percentiles."""
    exact = histograms.interval_mean(min_percentile, max_percentile)
    return histograms.bucketed(exact, max_buckets, min_bucket_width, max_raw)


@function("Reducer.histogram", ignores=("maxRaw",))
def histogram(max_buckets: int | None, min_bucket_width: float | None) -> Reducer:
    """A histogram whose bins fit the values."""
    return histograms.histogram(max_buckets, min_bucket_width)


@function("Reducer.autoHistogram", ignores=("maxRaw",))
def auto_histogram(max_buckets: int | None, min_bucket_width: float | None, cumulative: bool) -> Reducer:
    """A histogram whose bins fit the values, as an array."""
    return histograms.automatic(max_buckets, min_bucket_width, cumulative=cumulative)


@function("Reducer.histogramCombiner")
def histogram_combiner(max_buckets: int | None, min_bucket_width: float | None) -> Reducer:
    """One histogram of several."""
    return histograms.combiner(max_buckets, min_bucket_width)


@function("Reducer.fixedHistogram")
def fixed_histogram(min: float, max: float, steps: int, cumulative: bool) -> Reducer:
    """A histogram of equal bins."""
    return histograms.fixed(min, max, steps, cumulative=cumulative)


@function("Reducer.fixed2DHistogram")
def fixed_2d_histogram(x_min: float, x_max: float, x_steps: int, y_min: float, y_max: float, y_steps: int) -> Reducer:
    """A histogram of pairs in equal bins."""
    return histograms.fixed_2d((x_min, x_max, x_steps), (y_min, y_max, y_steps))


@function("Reducer.linearRegression")
def linear_regression(num_x: int, num_y: int) -> Reducer:
    """Least squares."""
    return regressions.linear(num_x, num_y)


@function("Reducer.robustLinearRegression")
def robust_linear_regression(num_x: int, num_y: int, beta: float | None) -> Reducer:
    """Least squares without outliers."""
    return regressions.robust(num_x, num_y, beta)


@function("Reducer.ridgeRegression")
def ridge_regression(num_x: int, num_y: int, lambda_: float) -> Reducer:
    """Least squares with a penalty on the coefficients."""
    return regressions.ridge(num_x, num_y, lambda_)


@function("Reducer.geometricMedian", ignores=("initialStepSize",))
def geometric_median(num_x: int, eta: float) -> Reducer:
    """The point nearest to all points."""
    return regressions.geometric_median(num_x, eta)


@function("Reducer.toList")
def to_list(tuple_size: int | None, num_optional: int) -> Reducer:
    """All values."""
    return reducers.to_list(tuple_size, num_optional)


@function("Reducer.toCollection")
def to_collection(property_names: list[str], num_optional: int) -> Reducer:
    """A feature of every tuple of inputs."""
    return compositions.to_collection(property_names, num_optional)


@function("Reducer.combine")
def combine(reducer1: Reducer, reducer2: Reducer, output_prefix: str, shared_inputs: bool) -> Reducer:
    """Two reducers side by side."""
    return reducers.combined(reducer1, reducer2, output_prefix, shared=shared_inputs)


@function("Reducer.repeat")
def repeat(reducer: Reducer, count: int) -> Reducer:
    """Copies of a reducer, each with inputs of its own."""
    return reducers.repeated(reducer, count)


@function("Reducer.forEach")
def for_each(reducer: Reducer, output_names: list[str]) -> Reducer:
    """A copy of a reducer for every name."""
    return compositions.for_each(reducer, output_names)


@function("Reducer.forEachBand")
def for_each_band(reducer: Reducer, image: Image) -> Reducer:
    """A copy of a reducer for every band."""
    return compositions.for_each(reducer, image.names)


@function("Reducer.forEachElement")
def for_each_element(reducer: Reducer) -> Reducer:
    """A reducer at every position of arrays."""
    return compositions.for_each_element(reducer)


@function("Reducer.disaggregate")
def disaggregate(reducer: Reducer, axis: int | None) -> Reducer:
    """A reducer over the members of aggregates."""
    return compositions.disaggregated(reducer, axis)


@function("Reducer.splitWeights")
def split_weights(reducer: Reducer) -> Reducer:
    """A reducer that gets weights as inputs."""
    return compositions.split_weights(reducer)


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
