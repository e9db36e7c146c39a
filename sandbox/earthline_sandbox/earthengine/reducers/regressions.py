"""Reducers that fit lines and planes, and middles of several dimensions.

Methods and output shapes: https://developers.google.com/earth-engine/guides/reducers_regression.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

from earthline_sandbox.earthengine.pixels.pixel_blocks import blockwise
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, PixelType
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.errors import invalid

_MOST_COLUMNS = 1_000
_MOST_PAIRED = 5_000
# A column this much more alike to the others than its length is taken for one of their sums.
_DEPENDENT = 1e-10
# Tuning constant of Talwar's cost, and the share of a median deviation that is a standard deviation (O'Leary, 1990,
# "Robust regression computation using iteratively reweighted least squares").
_TALWAR = 2.795
_DEVIATION = 1.4826
_ROUNDS = 50
_MEDIAN_ROUNDS = 500

_VECTOR, _MATRIX = PixelType("double", None, None, 1), PixelType("double", None, None, 2)
Fit = Callable[[Array, Array, Array], tuple[Array, Array, Array]]


def linear(x_count: int, y_count: int) -> Reducer:
    """Least squares; coefficients `(x_count, y_count)` and the root mean square of each residual."""
    return _regression("linearRegression", x_count, y_count, _least_squares)


def robust(x_count: int, y_count: int, beta: float | None) -> Reducer:
    """Least squares without the rows whose residual is greater than `beta`, found again after every fit."""

    def fit(x: Array, y: Array, weights: Array) -> tuple[Array, Array, Array]:
        coefficients, residuals, found = _least_squares(x, y, weights)
        limit: Array | float | None = beta
        for _ in range(_ROUNDS):
            sizes = np.sqrt(np.mean(residuals**2, axis=2))
            if limit is None:
                spread = np.nanmedian(np.where(weights > 0, sizes, np.nan), axis=1)
                limit = np.maximum(_TALWAR * _DEVIATION * spread, 1e-9 * np.abs(y).max(axis=(1, 2)))[:, None]
            kept = np.where(sizes <= limit, weights, 0)
            enough = (kept > 0).sum(axis=1) >= x.shape[2]
            kept = np.where(enough[:, None], kept, weights)
            before = coefficients
            coefficients, residuals, _ = _least_squares(x, y, kept, least=x.shape[2])
            if np.array_equal(before, coefficients):
                break
        return coefficients, np.where((kept > 0)[..., None], residuals, 0), found

    return _regression("robustLinearRegression", x_count, y_count, fit)


def _regression(name: str, x_count: int, y_count: int, fit: Fit) -> Reducer:
    _check(name, x_count, y_count)

    def block(values: Sequence[Array], weights: Array) -> list[tuple[Array, Array]]:
        x, y, held = _tables(values, weights, x_count)
        coefficients, residuals, found = fit(x, y, held)
        return [(coefficients, found), (_root_mean_square(residuals, held), found)]

    return _fitted(x_count, y_count, ("coefficients", "residuals"), block)


def _check(name: str, x_count: int, y_count: int) -> None:
    if not (1 <= x_count <= _MOST_COLUMNS and 1 <= y_count <= _MOST_COLUMNS):
        raise invalid(
            f"Reducer.{name}: 'numX' and 'numY' must be between 1 and {_MOST_COLUMNS}, got {x_count} and {y_count}."
        )


def _fitted(
    x_count: int,
    y_count: int,
    outputs: tuple[str, ...],
    block: Callable[[Sequence[Array], Array], list[tuple[Array, Array]]],
) -> Reducer:
    size = x_count + y_count
    return Reducer(
        size,
        outputs,
        lambda values, weights: blockwise(block, values, weights, 4 * size * len(weights)),
        types=lambda types: [_MATRIX] + [_VECTOR] * (len(outputs) - 1),
        weighted=True,
    )


def _tables(values: Sequence[Array], weights: Array, x_count: int) -> tuple[Array, Array, Array]:
    """Per pixel: independents `(P, K, numX)`, dependents `(P, K, numY)` and weights `(P, K)`, 0 where masked."""
    valid = (weights > 0)[..., None]
    table = np.where(valid, np.stack(values, axis=2), 0).transpose(1, 0, 2)
    return table[..., :x_count], table[..., x_count:], weights.T


def _least_squares(x: Array, y: Array, weights: Array, least: int | None = None) -> tuple[Array, Array, Array]:
    """(coefficients, residuals, whether there is a solution) of every pixel, by QR of its own table."""
    pixels, rows, columns = x.shape
    if rows < columns:
        return np.zeros((pixels, columns, y.shape[2])), np.zeros(y.shape), np.zeros(pixels, dtype=bool)
    root = np.sqrt(weights)[..., None]
    q, r = np.linalg.qr(x * root)
    diagonal = np.abs(np.diagonal(r, axis1=1, axis2=2))
    lengths = np.sqrt(np.einsum("pkc,pkc->pc", x * root, x * root))
    found = (diagonal > _DEPENDENT * lengths).all(axis=1)
    found &= (weights > 0).sum(axis=1) >= (columns + 1 if least is None else least)
    r = np.where(found[:, None, None], r, np.eye(columns))
    coefficients = np.linalg.solve(r, q.transpose(0, 2, 1) @ (y * root))
    return coefficients, y - x @ coefficients, found


def _root_mean_square(residuals: Array, weights: Array) -> Array:
    total = weights.sum(axis=1)
    squares = np.einsum("pk,pkm->pm", weights, residuals**2)
    return np.asarray(np.sqrt(squares / np.where(total > 0, total, 1)[:, None]))


def ridge(x_count: int, y_count: int, penalty: float) -> Reducer:
    """Least squares with a penalty on the coefficients of the standardized independents; the intercept comes last."""
    _check("ridgeRegression", x_count, y_count)
    if not penalty >= 0:
        raise invalid(f"Reducer.ridgeRegression: 'lambda' must not be negative, got {penalty}.")

    def block(values: Sequence[Array], weights: Array) -> list[tuple[Array, Array]]:
        x, y, held = _tables(values, weights, x_count)
        rows, total = (held > 0).sum(axis=1), held.sum(axis=1)
        safe = np.where(total > 0, total, 1)[:, None]
        middle = np.einsum("pk,pkn->pn", held, x) / safe
        offset = np.einsum("pk,pkm->pm", held, y) / safe
        centred, wanted = x - middle[:, None], y - offset[:, None]
        spread = np.sqrt(np.einsum("pk,pkn->pn", held, centred**2) / safe)
        spread = np.where(spread > 0, spread, 1)
        scaled = centred / spread[:, None]
        weighed = (scaled * held[..., None]).transpose(0, 2, 1)
        found = rows >= x_count + 1
        system = weighed @ scaled + penalty * np.eye(x_count)
        found &= np.linalg.cond(system) < 1 / _DEPENDENT
        system = np.where(found[:, None, None], system, np.eye(x_count))
        slopes = np.linalg.solve(system, weighed @ wanted) / spread[..., None]
        intercept = offset - np.einsum("pn,pnm->pm", middle, slopes)
        residuals = wanted - centred @ slopes
        rest = np.einsum("pk,pkm->pm", held, residuals**2)
        whole = np.einsum("pk,pkm->pm", held, wanted**2)
        freedom = np.broadcast_to((rows - x_count - 1)[:, None], rest.shape)
        ratio = (whole - rest) / x_count / (rest / np.where(freedom > 0, freedom, 1))
        chances = special.fdtrc(x_count, np.maximum(freedom, 1), np.maximum(ratio, 0))
        coefficients = np.concatenate([slopes, intercept[:, None]], axis=1)
        return [
            (coefficients, found),
            (_root_mean_square(residuals, held), found),
            (np.nan_to_num(chances), found & (freedom > 0).all(axis=1)),
        ]

    return _fitted(x_count, y_count, ("coefficients", "residuals", "pValue"), block)


def sens_slope() -> Reducer:
    """The median slope of all pairs of points, and the median of what it leaves."""

    def block(values: Sequence[Array], weights: Array) -> list[tuple[Array, Array]]:
        x, y = (np.where(weights > 0, item, np.nan) for item in values[:2])
        if len(x) < 2:
            nothing = np.zeros(x.shape[1])
            return [(nothing, nothing > 0)] * 2
        first, second = np.triu_indices(len(x), 1)
        run = x[second] - x[first]
        slopes = np.where(run == 0, np.nan, (y[second] - y[first]) / run)
        found = np.asarray(np.isfinite(slopes).any(axis=0))
        slope = _median(slopes, found)
        offset = _median(y - slope * x, found)
        return [(slope, found), (offset, found)]

    def fold(values: Sequence[Array], weights: Array) -> list[tuple[Array, Array]]:
        count = len(weights)
        if count > _MOST_PAIRED:
            raise invalid(f"Reducer.sensSlope: the sandbox pairs at most {_MOST_PAIRED} points, got {count}.")
        return blockwise(block, values, weights, 3 * count * count // 2)

    return Reducer(2, ("slope", "offset"), fold, types=lambda types: [DOUBLE, DOUBLE])


def _median(values: Array, found: Array) -> Array:
    """The median along the first axis of what is not NaN; 0 where there is nothing."""
    return np.asarray(np.nanmedian(np.where(found, values, 0), axis=0))


def geometric_median(count: int, least_step: float) -> Reducer:
    """The point whose distances to all points add up to least, by Weiszfeld's iteration from their mean."""
    if not 1 <= count <= _MOST_COLUMNS:
        raise invalid(f"Reducer.geometricMedian: 'numX' must be between 1 and {_MOST_COLUMNS}, got {count}.")
    if not least_step > 0:
        raise invalid(f"Reducer.geometricMedian: 'eta' must be positive, got {least_step}.")

    def block(values: Sequence[Array], weights: Array) -> list[tuple[Array, Array]]:
        points = np.where((weights > 0)[..., None], np.stack(values, axis=2), 0)
        total = weights.sum(axis=0)
        found = total > 0
        middle = np.einsum("kp,kpn->pn", weights, points) / np.where(found, total, 1)[:, None]
        moving = found.copy()
        for _ in range(_MEDIAN_ROUNDS):
            near = points[:, moving] - middle[moving]
            # A point that is met exactly would pull without end.
            pull = weights[:, moving] / np.maximum(np.sqrt((near**2).sum(axis=2)), 1e-12)
            moved = np.einsum("kp,kpn->pn", pull, points[:, moving]) / pull.sum(axis=0)[:, None]
            steps = np.abs(moved - middle[moving]).max(axis=1)
            middle[moving] = moved
            # Steps shrink slowly: what is left to go is many times the last one.
            moving[moving] = steps > least_step / 100
            if not moving.any():
                break
        return [(middle[:, place], found) for place in range(count)]

    names = ("median", *(f"median{i}" for i in range(1, count)))
    return Reducer(
        count,
        names,
        lambda values, weights: blockwise(block, values, weights, 3 * count * len(weights)),
        types=lambda types: [DOUBLE] * count,
        weighted=True,
    )
