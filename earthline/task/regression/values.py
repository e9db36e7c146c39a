"""The value of a map: what all sides of regression share."""

from dataclasses import dataclass

Ends = tuple[float, float]


@dataclass(frozen=True)
class Values:
    """The value.

    Attributes:
        title: What it is, such as canopy height.
        unit: Of it; empty where it has none.
        ends: Lowest and highest that a label may have.
        breaks: Values between the parts that patches are balanced over, upwards.
        colors: #rrggbb, evenly spaced over `ends`; empty where nothing is to be drawn.
        multiply: Factor of raw labels.
        add: Added to them then.
        ignored: Raw labels that mean none.
    """

    title: str
    unit: str
    ends: Ends
    breaks: tuple[float, ...]
    colors: tuple[str, ...] = ()
    multiply: float = 1.0
    add: float = 0.0
    ignored: tuple[int | float | str, ...] = ()

    @property
    def axis(self) -> str:
        """Name and unit, as on an axis."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def in_unit(self) -> str:
        """A space and the unit, to stand behind a number; empty where there is none."""
        return f" {self.unit}" if self.unit else ""
