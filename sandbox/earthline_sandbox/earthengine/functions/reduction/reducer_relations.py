"""Reducers of several inputs that tell how they go together: correlation, covariance, regression."""

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.reducers import correlations, reducers, regressions
from earthline_sandbox.earthengine.reducers.reducers import Reducer


@function("Reducer.pearsonsCorrelation")
def pearsons_correlation() -> Reducer:
    """Pearson's correlation of two inputs, and its p-value."""
    return correlations.pearsons()


@function("Reducer.spearmansCorrelation")
def spearmans_correlation() -> Reducer:
    """Spearman's correlation of two inputs' ranks, and its p-value."""
    return correlations.spearmans()


@function("Reducer.kendallsCorrelation")
def kendalls_correlation(num_inputs: int) -> Reducer:
    """Kendall's tau-b of two inputs, or of one and its order, and its p-value."""
    return correlations.kendalls(num_inputs)


@function("Reducer.covariance")
def covariance() -> Reducer:
    """The matrix of covariances of arrays of one axis."""
    return correlations.covariance(centred=False)


@function("Reducer.centeredCovariance")
def centered_covariance() -> Reducer:
    """The matrix of covariances of arrays of one axis whose mean is 0 already."""
    return correlations.covariance(centred=True)


@function("Reducer.linearFit")
def linear_fit() -> Reducer:
    """The line of least squares through two inputs, x and y: its slope and its value at 0."""
    return reducers.simple("linearFit")


@function("Reducer.sensSlope")
def sens_slope() -> Reducer:
    """Sen's slope through two inputs, x and y, and its value at 0."""
    return regressions.sens_slope()


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
