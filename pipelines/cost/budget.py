"""Whether a run keeps within the config's budget."""

from dataclasses import dataclass

from earthline.config import Config
from pipelines.cost.estimate import Estimate, estimate
from pipelines.cost.figures import Figure
from pipelines.cost.prices import Prices

_LOWER = {
    "requests": "fewer export.examples, a smaller predict.region or a larger predict.tile_shape",
    "eecu_hours": "fewer export.examples, a smaller predict.region or serving.overlap, fewer bands or days of imagery",
    "dollars": "fewer export.examples or train.epochs, cheaper machines (train.machine_type, train.accelerator_type)",
    "monthly_dollars": "a smaller serving.machine_type, fewer serving.max_replicas, serving.keep_previous: 0",
}
"""What makes a quantity smaller."""


class BudgetError(ValueError):
    """The run would cost more than the config's budget allows; the text has the figures and what to lower."""


@dataclass(frozen=True)
class Check:
    """One limit of the budget.

    Attributes:
        key: Of the config, below `budget`.
        limit: Its value.
        figure: What the run takes.
    """

    key: str
    limit: float
    figure: Figure

    @property
    def exceeded(self) -> bool:
        """True where the run takes more for certain."""
        return self.figure.low > self.limit

    @property
    def uncertain(self) -> bool:
        """True where it may take more."""
        return not self.exceeded and (self.figure.high is None or self.figure.high > self.limit)

    @property
    def text(self) -> str:
        """The limit and the figure in a sentence, and what to lower where that may be needed."""
        least, most = _shown(self.figure.low), "more" if self.figure.high is None else _shown(self.figure.high)
        taken = least if least == most else f"{least} to {most}" if most != "more" else f"{least} or more"
        said = f"budget.{self.key}: {self.limit:,g}; this run takes {taken}"
        if self.exceeded:
            return f"{said}; lower that by {_LOWER[self.key]}, or raise budget.{self.key}"
        if self.uncertain:
            return f"{said}, so that it may be exceeded"
        return said


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def checks(found: Estimate, *, export_alone: bool = False) -> tuple[Check, ...]:
    """Each limit that the config sets, with what the run takes.

    Args:
        found: What the run costs.
        export_alone: As `require`.
    """
    if export_alone:
        found = found.of_export
    budget, whole = found.config.budget, found.total
    taken = {
        "dollars": whole.dollars,
        "monthly_dollars": found.monthly,
        "eecu_hours": whole.eecu_hours,
        "requests": whole.requests,
    }
    limits = ((key, getattr(budget, key), figure) for key, figure in taken.items())
    return tuple(Check(key, limit, figure) for key, limit, figure in limits if limit is not None and figure is not None)


def require(config: Config, *, export_alone: bool = False) -> tuple[str, ...]:
    """Makes sure that a run keeps within the budget; without one, nothing is asked.

    Args:
        config: The workflow's config.
        export_alone: Whether examples are exported, and nothing else is done.

    Returns:
        What may be exceeded, as far as is known.

    Raises:
        BudgetError: The run takes more.
        PixelsError: Earth Engine does not answer.
    """
    if not config.budget.is_set:
        return ()
    found = checks(estimate(config, Prices.load(config.environment.location)), export_alone=export_alone)
    exceeded = [check.text for check in found if check.exceeded]
    if exceeded:
        raise BudgetError("\n".join([*exceeded, "`earthline plan` shows each part; nothing was started"]))
    return tuple(check.text for check in found if check.uncertain)
