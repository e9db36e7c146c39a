"""Reducers that count values by bins."""

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.reducers import histograms, reducers
from earthline_sandbox.earthengine.reducers.reducers import Reducer


@function("Reducer.frequencyHistogram")
def frequency_histogram() -> Reducer:
    """The weight of every value."""
    return reducers.simple("frequencyHistogram")


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
