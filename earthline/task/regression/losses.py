"""The losses of regression, as sections of the config.

Errors count in standard deviations of the training labels, so that the same learning rate fits any unit.
"""

import re
from typing import Literal

from pydantic import Field

from earthline.config.section import Number
from earthline.config.sections.train.loss import Loss


class Huber(Loss):
    """Huber's loss: squares of small errors and absolute values of large ones, so that few wrong labels count little.

    Huber 1964, Robust Estimation of a Location Parameter.
    """

    name: Literal["huber"] = Field(default="huber", description="Huber's loss.")
    delta: Number = Field(
        default=1.0,
        gt=0,
        le=100,
        description="Error from which on it counts by its absolute value, in standard deviations of the labels.",
    )


class SquaredError(Loss):
    """The mean of squared errors: the map is the mean of what is possible; large errors count most."""

    name: Literal["mse"] = Field(default="mse", description="Mean squared error.")


class AbsoluteError(Loss):
    """The mean of absolute errors: the map is the median of what is possible."""

    name: Literal["mae"] = Field(default="mae", description="Mean absolute error.")


class Quantile(Loss):
    """The median and an interval around it, by the pinball loss of three quantiles.

    The map shows the median. The test blocks tell how often the interval holds the label. Koenker and Bassett 1978,
    Regression Quantiles.
    """

    name: Literal["quantile"] = Field(default="quantile", description="Pinball loss of three quantiles.")
    interval: Number = Field(
        default=0.9,
        ge=0.1,
        le=0.99,
        description="Share of labels that the interval should hold, 0.1 to 0.99; as many lie below it as above.",
    )

    @property
    def further(self) -> tuple[str, ...]:
        """The interval's bounds, as quantiles."""
        low = (1 - self.interval) / 2
        return quantile_name(low), quantile_name(1 - low)


def quantile_name(share: float) -> str:
    """Name of a quantile among a model's outputs, such as q0.05.

    Args:
        share: Of labels that lie below it, 0 to 1.
    """
    return f"q{share:.6g}"


def is_quantile(name: str) -> bool:
    """Whether an output is a quantile.

    Args:
        name: Of the output.
    """
    return re.fullmatch(r"q0\.\d+", name) is not None


def quantile_of(name: str) -> float:
    """The share that a name means.

    Args:
        name: As `quantile_name` gives it.
    """
    return float(name.removeprefix("q"))
