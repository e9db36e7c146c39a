"""How often the interval around a predicted value holds the label, on the test blocks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from earthline.formats.evaluations import Evaluation, Interval
from earthline.task.regression.losses import quantile_of

if TYPE_CHECKING:
    from earthline.task.bootstrap import Bootstrap

Array = np.ndarray[Any, Any]

KEY = "intervals"
"""Of the details of an evaluation's test ground."""


class IntervalDetails(BaseModel):
    """How well intervals are calibrated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wanted: float = Field(description="Share of labels that the intervals should hold, 0 to 1.")
    held: float = Field(description="Share that they hold on the test pixels.")
    held_interval: Interval | None = Field(default=None, description="Of that; None with too few blocks.")
    width: float = Field(description="Mean width, in the value's unit.")
    below: float = Field(description="Share of labels below their interval.")
    above: float = Field(description="Share of labels above it.")

    @classmethod
    def of(cls, evaluation: Evaluation) -> "IntervalDetails | None":
        """Those of an evaluation; None where the model gives no intervals."""
        found = evaluation.test.details.get(KEY)
        return None if found is None else cls.model_validate(found)

    def told(self, unit: str) -> str:
        """In a sentence.

        Args:
            unit: Of the value, with a blank before it; empty without one.
        """
        between = (
            f" ({100 * self.held_interval.low:.1f} to {100 * self.held_interval.high:.1f})"
            if self.held_interval
            else ""
        )
        return (
            f"intervals of {100 * self.wanted:g} % hold {100 * self.held:.1f} %{between} of the test labels; they are "
            f"{self.width:.4g}{unit} wide on average"
        )


def measured(
    labels: Array, bounds: Array, names: Sequence[str], blocks: Array, bootstrap: "Bootstrap"
) -> IntervalDetails:
    """How often intervals hold their label.

    Args:
        labels: (pixels,).
        bounds: Lower and upper bounds, (pixels, 2).
        names: Which quantiles they are, as a loss names them.
        blocks: Number of each pixel's block, (pixels,); from 0, without gaps.
        bootstrap: Of as many blocks.
    """
    low, high = bounds.astype(np.float64).T
    share_low, share_high = map(quantile_of, names)
    under, over = labels < low, labels > high
    held = (~under & ~over).astype(np.float64)
    sums = np.stack([np.bincount(blocks), np.bincount(blocks, weights=held)], axis=1).astype(np.float64)
    drawn = bootstrap.totals(sums)
    return IntervalDetails(
        wanted=round(share_high - share_low, 6),
        held=float(held.mean()),
        held_interval=bootstrap.interval(drawn[:, 1] / drawn[:, 0]),
        width=float((high - low).mean()),
        below=float(under.mean()),
        above=float(over.mean()),
    )
