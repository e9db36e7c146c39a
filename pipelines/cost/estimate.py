"""What a whole run costs: its parts, their total, and what that means for the month."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from earthline.config import Config
from pipelines.cost import eecu, endpoint, export, mapping, steps
from pipelines.cost.figures import Figure, total
from pipelines.cost.history import latest
from pipelines.cost.part import Part
from pipelines.cost.prices import Prices


@dataclass(frozen=True)
class Estimate:
    """What a run costs.

    Attributes:
        config: The workflow's config.
        parts: In the order in which they are done.
        standing: What costs afterwards, by the month: the endpoint, then the examples.
        prices: Prices that were used.
    """

    config: Config
    parts: tuple[Part, ...]
    standing: tuple[Part, ...]
    prices: Prices

    @property
    def total(self) -> Part:
        """All parts together, with what Earth Engine charges a commercial project."""
        spent = total(part.eecu_hours for part in self.parts)
        return Part(
            "one run",
            total(part.requests for part in self.parts),
            total(part.bytes for part in self.parts),
            total(part.hours for part in self.parts),
            spent,
            total([*(part.dollars for part in self.parts), self.computing]),
        )

    @property
    def of_export(self) -> "Estimate":
        """The export alone, by a command of its own: nothing of it costs afterwards."""
        return replace(self, parts=tuple(part for part in self.parts if part.name in export.PARTS), standing=())

    @property
    def monthly(self) -> Figure:
        """US dollars of the endpoint's month."""
        return total([part.dollars for part in self.standing[:1]])

    @property
    def computing(self) -> Figure:
        """US dollars of Earth Engine's computing; nothing within a noncommercial tier."""
        spent = total(part.eecu_hours for part in self.parts)
        tier = self.config.budget.earth_engine
        if tier != "commercial":
            return Figure.exact(0)
        low = self.prices.earth_engine(spent.low)
        high = None if spent.high is None else self.prices.earth_engine(spent.high)
        if low is None:
            return Figure.unknown("the price of Earth Engine's computing is not in the table")
        return Figure(low, high, spent.basis)

    @property
    def shares(self) -> dict[str, tuple[float, float | None]]:
        """Least and largest share of each noncommercial tier's month that the run takes."""
        spent = total(part.eecu_hours for part in self.parts)
        return {tier: eecu.share_of_month(spent, tier) for tier in eecu.TIERS}

    @property
    def notes(self) -> Iterator[str]:
        """What figures rest on, each said once, with the part that it is about."""
        said = set()
        for part in (*self.parts, *self.standing):
            for note in (*part.notes, *(figure.note for _, figure in part.figures)):
                if note and note not in said:
                    said.add(note)
                    yield f"{part.name}: {note}"

    def to_json(self) -> dict[str, Any]:
        """As an object of JSON: figures with `low`, `high` (null where there is no bound), `basis` and `note`."""
        return {
            "workflow": self.config.name,
            "target": self.config.environment.target,
            "parts": {part.name: part.to_json() for part in self.parts},
            "total": self.total.to_json(),
            "monthly": {part.name: part.to_json() for part in self.standing},
            "share_of_month": {tier: {"low": low, "high": high} for tier, (low, high) in self.shares.items()},
            "prices": [
                {
                    "what": price.group.what,
                    "item": price.item,
                    "usd": price.usd,
                    "unit": price.group.unit,
                    "page": price.group.page,
                    "via": price.group.via,
                    "read": str(price.group.read),
                    "derived": price.group.derived,
                }
                for price in self.prices.used
            ],
            "notes": list(self.notes),
        }


def estimate(config: Config, prices: Prices) -> Estimate:
    """Asks Earth Engine what the run will ask it first, and a few of the export's requests; starts nothing.

    Args:
        config: The workflow's config.
        prices: The table.

    Raises:
        ImageryError: The config names something that Earth Engine does not have.
        SplitError: The region cannot be split as asked.
        PointsError: There is nothing to sample.
        PixelsError: Earth Engine does not answer.
    """
    earlier = latest(config)
    measured = None if config.data.examples is not None else export.measure(config, prices)
    parts = (
        *(measured.parts if measured is not None else export.existing()),
        steps.training(config, prices, earlier),
        steps.others(config, prices, earlier),
        mapping.of_map(config, prices, measured, earlier),
    )
    standing = [endpoint.of_endpoint(config, prices)]
    if measured is not None:
        standing.append(endpoint.of_examples(measured.stored, prices))
    return Estimate(config, parts, tuple(standing), prices)
