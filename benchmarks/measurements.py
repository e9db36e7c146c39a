"""One measurement: something measured beside a named alternative or limit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """A measurement.

    Attributes:
        name: What was measured.
        value: How much, in `unit`.
        beside: The alternative or limit.
        reference: How much that took in the same run, in `unit`.
        unit: Unit of both.
    """

    name: str
    value: float
    beside: str
    reference: float
    unit: str

    @property
    def ratio(self) -> float:
        """Value over reference; below 1 is faster for times."""
        return self.value / self.reference
