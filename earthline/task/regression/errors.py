"""Errors of predicted values: what each block adds, and the metrics that come of it.

Definitions as in Willmott and Matsuura 2005 (RMSE, MAE) and scikit-learn's `r2_score`.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from earthline.formats.evaluations import Interval, Metric, Scores
from earthline.task.regression.estimates import GroundErrors
from earthline.task.regression.values import Ends

if TYPE_CHECKING:
    from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]

RMSE, MAE, R2, BIAS = "rmse", "mae", "r2", "bias"
"""Names of the metrics."""
PARTS = 10
"""Equal parts of the range in which errors are told by label."""
CELLS = 60
"""Equal parts of each axis of the scatter plot."""
SUMS = 6
"""Numbers that metrics rest on: pixels, errors, their absolute values and squares, labels and their squares."""
_BY_PART = 3 * PARTS


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PartErrors(_Record):
    """Errors at labels of one part of the range; None where there are none."""

    low: float = Field(description="Lowest label.")
    high: float = Field(description="Highest label.")
    pixels: int = Field(description="Test pixels.")
    blocks: int = Field(description="Test blocks with such a pixel.")
    bias: float | None = Field(description="Mean error: below 0 the map is too low there.")
    bias_interval: Interval | None = Field(default=None, description="Of the bias; None with too few blocks.")
    rmse: float | None = Field(description="Root mean square error.")


class ErrorDetails(_Record):
    """What `evaluation.json` holds of a regression besides its metrics, as `details` of its scores."""

    parts: tuple[PartErrors, ...] = Field(description="Errors by label.")
    scatter: tuple[tuple[int, ...], ...] = Field(
        description="Pixels by label (rows) and prediction (columns), in equal parts of `ends`; what lies outside "
        "counts in the outermost ones."
    )
    ends: Ends = Field(description="Lowest and highest value of the scatter.")
    estimated: GroundErrors | None = Field(
        default=None, description="Of all ground; None where nobody knows how patches were drawn."
    )

    @classmethod
    def of(cls, scores: Scores) -> "ErrorDetails":
        """Those of a column. Raises pydantic's ValueError where they are another task's."""
        return cls.model_validate(scores.details)


def tally(labels: Array, predicted: Array, blocks: Array, ends: Ends) -> Array:
    """What each block adds: `SUMS` numbers, errors by part of the range, and the scatter's cells.

    Args:
        labels: (pixels,).
        predicted: Finite, (pixels,).
        blocks: Number of each pixel's block, (pixels,); from 0, without gaps.
        ends: The value's range.

    Returns:
        float64 (blocks, numbers).

    Raises:
        ValueError: There is no pixel.
    """
    if not len(labels):
        raise ValueError("no labelled test pixel; give the test split a larger share or check the labels there")
    count = int(blocks.max()) + 1
    exact = labels.astype(np.float64)
    errors = predicted.astype(np.float64) - exact
    # About the middle of the range, so that squares of large labels lose no digits.
    about = exact - sum(ends) / 2
    ones = np.ones(len(exact))

    def summed(weights: Array, place: Array, number: int) -> Array:
        flat = blocks.astype(np.int64) * number + place
        return np.bincount(flat, weights=weights, minlength=count * number).reshape(count, number)

    whole = np.zeros(len(exact), np.int64)
    part = _place(exact, ends, PARTS)
    cell = _place(exact, ends, CELLS) * CELLS + _place(predicted.astype(np.float64), ends, CELLS)
    return np.concatenate(
        [
            *(summed(each, whole, 1) for each in (ones, errors, abs(errors), errors**2, about, about**2)),
            *(summed(each, part, PARTS) for each in (ones, errors, errors**2)),
            summed(ones, cell, CELLS**2),
        ],
        axis=1,
    )


def figure(sums: Array, metric: str) -> Array:
    """A metric from sums over blocks, (...); of the bias its sign as well.

    Args:
        sums: The first `SUMS` numbers of a tally, added up, (..., SUMS).
        metric: Its name.
    """
    pixels, errors, absolute, squares, about, about_squares = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric == RMSE:
            return np.asarray(np.sqrt(squares / pixels))
        if metric == MAE:
            return np.asarray(absolute / pixels)
        if metric == BIAS:
            return np.asarray(errors / pixels)
        spread = about_squares - about**2 / pixels
        # Of labels that are all alike nothing can be explained.
        return np.asarray(np.where(spread > 1e-12 * about_squares, 1 - squares / spread, np.nan))


def scores(by_block: Array, ends: Ends, bootstrap: "Bootstrap") -> Scores:
    """All metrics of one model, with its `ErrorDetails`.

    Args:
        by_block: As `tally` gives it.
        ends: The value's range.
        bootstrap: Of as many blocks.
    """
    whole, sums = by_block.sum(axis=0), by_block[:, :SUMS]
    drawn = bootstrap.totals(sums)
    metrics = {}
    for name in (RMSE, MAE, R2, BIAS):
        value = float(figure(whole[:SUMS], name))
        interval = bootstrap.interval(figure(drawn, name))
        metrics[name] = Metric(value=value if np.isfinite(value) else 0.0, interval=interval)
    scatter = whole[SUMS + _BY_PART :].reshape(CELLS, CELLS).astype(np.int64)
    details = ErrorDetails(
        parts=_parts(by_block[:, SUMS : SUMS + _BY_PART], ends, bootstrap),
        scatter=tuple(tuple(row) for row in scatter.tolist()),
        ends=ends,
    )
    return Scores(metrics=metrics, details=details.model_dump(mode="json"))


def _parts(by_block: Array, ends: Ends, bootstrap: "Bootstrap") -> tuple[PartErrors, ...]:
    pixels, errors, squares = by_block.reshape(len(by_block), 3, PARTS).transpose(1, 0, 2)
    drawn = bootstrap.totals(np.stack([pixels, errors], axis=1))
    edges = np.linspace(*ends, PARTS + 1).tolist()
    found = []
    for place in range(PARTS):
        count, blocks = float(pixels[:, place].sum()), int((pixels[:, place] > 0).sum())
        with np.errstate(divide="ignore", invalid="ignore"):
            resampled = drawn[:, 1, place] / drawn[:, 0, place]
        found.append(
            PartErrors(
                low=edges[place],
                high=edges[place + 1],
                pixels=int(count),
                blocks=blocks,
                bias=float(errors[:, place].sum() / count) if count else None,
                bias_interval=bootstrap.interval(resampled, blocks) if count else None,
                rmse=float(np.sqrt(squares[:, place].sum() / count)) if count else None,
            )
        )
    return tuple(found)


def _place(values: Array, ends: Ends, number: int) -> Array:
    """The part of a range that each value lies in, the outermost where it lies outside."""
    low, high = ends
    return np.clip(((values - low) / (high - low) * number).astype(np.int64), 0, number - 1)
