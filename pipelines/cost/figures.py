"""A figure of a plan: a number or a range, what it rests on, and why."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Self


class Basis(IntEnum):
    """What a figure rests on; the smaller, the better."""

    EXACT = 0
    """By arithmetic, as the run itself will do it."""
    MEASURED = 1
    """On probe requests, or on an earlier run of the same config."""
    PUBLISHED = 2
    """A range that others measured with other imagery."""
    ASSUMED = 3
    """By a rule that a note names."""
    UNKNOWN = 4
    """Nothing is known; the note says why, and how to find out."""


@dataclass(frozen=True)
class Figure:
    """A number or a range.

    Attributes:
        low: Least value.
        high: Largest value; None where there is no bound.
        basis: What it rests on.
        note: Why, in a sentence; empty where there is nothing to say.
    """

    low: float
    high: float | None
    basis: Basis
    note: str = ""

    @classmethod
    def exact(cls, value: float, note: str = "") -> Self:
        """A number by arithmetic."""
        return cls(value, value, Basis.EXACT, note)

    @classmethod
    def measured(cls, value: float, note: str) -> Self:
        """A number that rests on a measurement."""
        return cls(value, value, Basis.MEASURED, note)

    @classmethod
    def assumed(cls, value: float, note: str) -> Self:
        """A number by a rule that the note names."""
        return cls(value, value, Basis.ASSUMED, note)

    @classmethod
    def unknown(cls, note: str) -> Self:
        """Anything from nothing on."""
        return cls(0.0, None, Basis.UNKNOWN, note)

    def times(self, factor: float) -> Self:
        """The figure multiplied; the note stays."""
        return replace(self, low=self.low * factor, high=None if self.high is None else self.high * factor)

    def to_json(self) -> dict[str, Any]:
        """As an object of JSON."""
        return {"low": self.low, "high": self.high, "basis": self.basis.name.lower(), "note": self.note}


def total(figures: Iterable[Figure | None]) -> Figure:
    """The sum: it rests on the worst that its parts rest on, and has no upper bound where one of them has none.

    Args:
        figures: None counts as nothing.
    """
    given = [figure for figure in figures if figure is not None]
    highs = [figure.high for figure in given]
    return Figure(
        sum(figure.low for figure in given),
        None if None in highs else sum(high for high in highs if high is not None),
        max((figure.basis for figure in given), default=Basis.EXACT),
    )
