"""A continuous value of a draft: its name, its range and the parts that patches are balanced over."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cli.drafts.answers import DraftError

QUANTILES = (25, 50, 75, 95)
"""In percent, between the parts: the last one holds what is rare and high."""
_DIGITS = 3
_MOST_KINDS = 255
_PLACEHOLDER = (0.0, 1.0)


@dataclass(frozen=True)
class DraftValue:
    """The value of the draft.

    Attributes:
        name: Of the value.
        unit: Of it; empty where nobody said one.
        low: Lower end of its range.
        high: Upper end.
        breaks: Between the parts that patches are balanced over.
    """

    name: str
    unit: str
    low: float
    high: float
    breaks: tuple[float, ...] = ()

    @property
    def section(self) -> dict[str, Any]:
        """The section `data.labels.value`."""
        section: dict[str, Any] = {"name": self.name}
        if self.unit:
            section["unit"] = self.unit
        section["range"] = [self.low, self.high]
        if self.breaks:
            section["breaks"] = list(self.breaks)
        return section


@dataclass(frozen=True)
class Spread:
    """Which values labels hold.

    Attributes:
        low: The lowest.
        high: The highest.
        quantiles: At `QUANTILES`; some may be left out.
    """

    low: float
    high: float
    quantiles: tuple[float, ...]

    @property
    def is_of_few_whole(self) -> bool:
        """True where every number is whole and there are few: they may stand for kinds."""
        every = (self.low, self.high, *self.quantiles)
        return self.high - self.low < _MOST_KINDS and all(number.is_integer() for number in every)


def numbers(counts: Mapping[Any, float]) -> dict[float, float] | None:
    """How often each number is there; None where something is no number.

    Args:
        counts: By value: numbers, or texts of such.
    """
    found: dict[float, float] = {}
    for value, count in counts.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        if math.isfinite(number):
            found[number] = found.get(number, 0) + count
    return found


def have_fractions(counts: Mapping[Any, float]) -> bool:
    """Whether all values are numbers, and some are not whole.

    Args:
        counts: By value.
    """
    found = numbers(counts)
    return found is not None and any(not number.is_integer() for number in found)


def spread_of(counts: Mapping[Any, float], where: str) -> Spread:
    """The spread of values that were counted.

    Args:
        counts: By value.
        where: What holds them, for errors.

    Raises:
        DraftError: There is no value, or one that is no number.
    """
    found = numbers(counts)
    if found is None:
        texts = [str(value) for value in counts if numbers({value: 1}) is None]
        raise DraftError(f"--value: {where} holds {texts[0]!r}, which is no number; leave --value out")
    if not found:
        raise DraftError(f"{where} holds no value in the region; name other labels, or another region")
    ordered = sorted(found)
    below = np.cumsum([found[number] for number in ordered]) / sum(found.values())
    places = np.searchsorted(below, [percent / 100 for percent in QUANTILES])
    return Spread(ordered[0], ordered[-1], tuple(ordered[min(place, len(ordered) - 1)] for place in places))


def drafted(name: str, unit: str, spread: Spread, where: str) -> DraftValue:
    """The value for a spread: a range with round ends around it, and breaks at its quantiles.

    Args:
        name: Of the value.
        unit: Of it; may be empty.
        spread: Of the labels.
        where: What holds them, for errors.

    Raises:
        DraftError: All labels are alike.
    """
    if not spread.low < spread.high:
        raise DraftError(f"{where} holds {spread.low:g} everywhere in the region; name other labels, or another region")
    step = 10.0 ** math.floor(math.log10(spread.high - spread.low)) / 2
    low, high = (
        _rounded(turn(end / step) * step) for turn, end in ((math.floor, spread.low), (math.ceil, spread.high))
    )
    return DraftValue(name[:60].strip(), unit, low, high, _breaks(spread.quantiles, low, high))


def placeholder(name: str, unit: str) -> DraftValue:
    """A value whose range nobody could look up.

    Args:
        name: Of the value.
        unit: Of it; may be empty.
    """
    return DraftValue(name, unit, *_PLACEHOLDER)


def _breaks(quantiles: Sequence[float], low: float, high: float) -> tuple[float, ...]:
    digits = _DIGITS - math.floor(math.log10(high - low)) - 1
    rounded = {_rounded(round(number, digits)) for number in quantiles}
    return tuple(sorted(number for number in rounded if low < number < high))


def _rounded(number: float) -> float:
    """Without the digits that binary fractions add."""
    return float(f"{number:.10g}")
