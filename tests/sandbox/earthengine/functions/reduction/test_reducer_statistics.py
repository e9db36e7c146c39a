import statistics

import ee
import pytest

R = ee.Reducer
VALUES = [3, 1, 4, 1, 5]


@pytest.mark.parametrize(
    ("reducer", "expected"),
    [
        (lambda: R.count(), 5),
        (lambda: R.countEvery(), 5),
        (lambda: R.countDistinct(), 4),
        (lambda: R.countDistinctNonNull(), 4),
        (lambda: R.countRuns(), 5),
        (lambda: R.sum(), 14),
        (lambda: R.product(), 60),
        (lambda: R.mean(), 2.8),
        (lambda: R.median(), 3),
        (lambda: R.mode(), 1),
        (lambda: R.min(), 1),
        (lambda: R.max(), 5),
        (lambda: R.minMax(), {"min": 1, "max": 5}),
        (lambda: R.variance(), statistics.pvariance(VALUES)),
        (lambda: R.stdDev(), statistics.pstdev(VALUES)),
        (lambda: R.sampleVariance(), statistics.variance(VALUES)),
        (lambda: R.sampleStdDev(), statistics.stdev(VALUES)),
    ],
)
def test_statistics_of_a_list(world, reducer, expected):
    assert world.compute(ee.List(VALUES).reduce(reducer())) == pytest.approx(expected)
