"""Reducers that describe how values are spread: their number, sum, middle, ends and spread."""

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.reducers import distributions, histograms, reducers
from earthline_sandbox.earthengine.reducers.reducers import Reducer


@function("Reducer.count")
def count() -> Reducer:
    """How many values are valid."""
    return reducers.simple("count")


@function("Reducer.countEvery")
def count_every() -> Reducer:
    """How many inputs there are, null or not."""
    return distributions.count_every()


@function("Reducer.countDistinct", "Reducer.countDistinctNonNull")
def count_distinct() -> Reducer:
    """How many different values there are."""
    return distributions.count_distinct()


@function("Reducer.countRuns")
def count_runs() -> Reducer:
    """How many runs of equal values there are."""
    return distributions.count_runs()


@function("Reducer.sum")
def total() -> Reducer:
    """The sum, by weights."""
    return reducers.simple("sum")


@function("Reducer.product")
def product() -> Reducer:
    """The product."""
    return reducers.simple("product")


@function("Reducer.mean")
def mean() -> Reducer:
    """The mean, by weights."""
    return reducers.simple("mean")


@function("Reducer.median")
def median(max_buckets: int | None, min_bucket_width: float | None, max_raw: int | None) -> Reducer:
    """The median, by weights."""
    return histograms.bucketed(reducers.simple("median"), max_buckets, min_bucket_width, max_raw)


@function("Reducer.mode")
def mode(max_buckets: int | None, min_bucket_width: float | None, max_raw: int | None) -> Reducer:
    """The value of the greatest weight."""
    return histograms.bucketed(reducers.simple("mode"), max_buckets, min_bucket_width, max_raw)


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


@function("Reducer.min")
def least(num_inputs: int) -> Reducer:
    """The least value of the first input, and the other inputs there."""
    return reducers.least(num_inputs)


@function("Reducer.max")
def greatest(num_inputs: int) -> Reducer:
    """The greatest value of the first input, and the other inputs there."""
    return reducers.greatest(num_inputs)


@function("Reducer.minMax")
def extremes() -> Reducer:
    """The least and the greatest value."""
    return reducers.simple("minMax")


@function("Reducer.variance")
def variance() -> Reducer:
    """The variance, by weights."""
    return reducers.simple("variance")


@function("Reducer.stdDev")
def std() -> Reducer:
    """The standard deviation, by weights."""
    return reducers.simple("stdDev")


@function("Reducer.sampleVariance")
def sample_variance() -> Reducer:
    """The variance of what the values are a sample of, by weights."""
    return reducers.simple("sampleVariance")


@function("Reducer.sampleStdDev")
def sample_std() -> Reducer:
    """The standard deviation of what the values are a sample of, by weights."""
    return reducers.simple("sampleStdDev")


@function("Reducer.skew")
def skew() -> Reducer:
    """The skewness: the third moment over the cube of the standard deviation."""
    return distributions.skew()


@function("Reducer.kurtosis")
def kurtosis() -> Reducer:
    """The kurtosis, less the 3 of a normal distribution."""
    return distributions.kurtosis()


@function("Reducer.circularMean")
def circular_mean() -> Reducer:
    """The mean of angles in radians."""
    return distributions.circular_mean()


@function("Reducer.circularVariance")
def circular_variance() -> Reducer:
    """The variance of angles, from 0 to 1."""
    return distributions.circular_variance()


@function("Reducer.circularStddev")
def circular_std() -> Reducer:
    """The standard deviation of angles in radians."""
    return distributions.circular_deviation()
