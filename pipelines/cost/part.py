"""A part of what a run costs, such as its export."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.cost.figures import Figure

QUANTITIES = ("requests", "bytes", "hours", "eecu_hours", "dollars")


@dataclass(frozen=True)
class Part:
    """A part of a run; None where a quantity does not apply.

    Attributes:
        name: Such as export.
        requests: To Earth Engine.
        bytes: That Earth Engine sends.
        hours: From its begin to its end.
        eecu_hours: Of Earth Engine.
        dollars: Of Google Cloud, without Earth Engine's EECU-hours.
        notes: What else there is to say.
    """

    name: str
    requests: Figure | None = None
    bytes: Figure | None = None
    hours: Figure | None = None
    eecu_hours: Figure | None = None
    dollars: Figure | None = None
    notes: tuple[str, ...] = ()

    @property
    def figures(self) -> Iterator[tuple[str, Figure]]:
        """What applies, by name."""
        for name in QUANTITIES:
            figure = getattr(self, name)
            if figure is not None:
                yield name, figure

    def to_json(self) -> dict[str, Any]:
        """As an object of JSON."""
        return {**{name: figure.to_json() for name, figure in self.figures}, "notes": list(self.notes)}
