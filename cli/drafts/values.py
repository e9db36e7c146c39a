"""A continuous value of a draft: its name, its range and the parts that patches are balanced over."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cli.drafts.answers import DraftError
from earthline.label_features.far import far_from_all

QUANTILES = (25, 50, 75, 95)
"""In percent, between the parts: the last one holds what is rare and high."""
_DIGITS = 3
_FILLS = (-9999.0, -99999.0, -999.0, -32768.0, -2147483648.0, -3.4028234663852886e38)
"""Numbers that stand for no label in many rasters and tables."""
_FEW_TEXTS = 0.1
"""Share of labels up to which texts among fractions are no kinds but words for nothing, such as NA."""
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
        ignore: Labels that mean none.
    """

    name: str
    unit: str
    low: float
    high: float
    breaks: tuple[float, ...] = ()
    ignore: tuple[float | str, ...] = ()

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
        ignore: Labels that mean none, such as NA and -9999, which are not counted.
        far: The lowest or highest ones, where they lie far from all others, as a slip of the unit does.
    """

    low: float
    high: float
    quantiles: tuple[float, ...]
    ignore: tuple[float | str, ...] = ()
    far: tuple[float, ...] = ()

    @property
    def is_of_few_whole(self) -> bool:
        """True where every number is whole and there are few: they may stand for kinds."""
        every = (self.low, self.high, *self.quantiles)
        return self.high - self.low < _MOST_KINDS and all(number.is_integer() for number in every)


def numbers(counts: Mapping[Any, float]) -> tuple[dict[float, float], tuple[str, ...]]:
    """How often each number is there, and what is no number.

    Args:
        counts: By value: numbers, or texts of such.
    """
    found: dict[float, float] = {}
    texts = []
    for value, count in counts.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            texts.append(str(value))
            continue
        if math.isfinite(number):
            found[number] = found.get(number, 0) + count
    return found, tuple(texts)


def have_fractions(counts: Mapping[Any, float]) -> bool:
    """Whether values are numbers, some of them not whole; few texts among them are words for no label.

    Args:
        counts: By value.
    """
    found, texts = numbers(counts)
    few = sum(counts[text] for text in texts) <= _FEW_TEXTS * sum(counts.values())
    return few and any(not number.is_integer() for number in found)


def spread_of(counts: Mapping[Any, float], where: str) -> Spread:
    """The spread of values that were counted.

    Args:
        counts: By value.
        where: What holds them, for errors.

    Raises:
        DraftError: There is no value, or most are no numbers.
    """
    found, texts = numbers(counts)
    if texts and sum(counts[text] for text in texts) > _FEW_TEXTS * sum(counts.values()):
        raise DraftError(f"--value: {where} holds {texts[0]!r}, which is no number; leave --value out")
    fills = [number for number in found if is_fill(number, min(set(found) - {number}, default=number))]
    if not set(found) - set(fills):
        raise DraftError(f"{where} holds no value in the region; name other labels, or another region")
    ordered = sorted(set(found) - set(fills))
    counted = np.array([found[number] for number in ordered])
    below = np.cumsum(counted) / counted.sum()

    def at(percent: float) -> float:
        return ordered[min(int(np.searchsorted(below, percent / 100)), len(ordered) - 1)]

    far = far_from_all({number: found[number] for number in ordered})
    quantiles = tuple(at(percent) for percent in QUANTILES)
    return Spread(ordered[0], ordered[-1], quantiles, (*map(_plain, sorted(fills)), *texts), far)


def _plain(number: float) -> float:
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def may_be_fill(number: float) -> bool:
    """Whether a number is one of those that usually stand for no label.

    Args:
        number: A label.
    """
    return any(math.isclose(number, fill, rel_tol=1e-6) for fill in _FILLS)


def is_fill(number: float, next_one: float) -> bool:
    """Whether a lowest label is a usual number for no label, far below all others.

    Args:
        number: The label.
        next_one: The lowest of the others.
    """
    return may_be_fill(number) and next_one > number / 2


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
    return DraftValue(name[:60].strip(), unit, low, high, _breaks(spread.quantiles, low, high), spread.ignore)


def placeholder(name: str, unit: str) -> DraftValue:
    """A value whose range nobody could look up.

    Args:
        name: Of the value.
        unit: Of it; may be empty.
    """
    return DraftValue(name, unit, *_PLACEHOLDER)


def _breaks(quantiles: Sequence[float], low: float, high: float) -> tuple[float, ...]:
    # Beside a label far from all others, the range says nothing of how far apart quantiles are.
    apart = max(quantiles) - min(quantiles) if len(set(quantiles)) > 1 else high - low
    digits = _DIGITS - math.floor(math.log10(apart)) - 1
    rounded = {_rounded(round(number, digits)) for number in quantiles}
    return tuple(sorted(number for number in rounded if low < number < high))


def _rounded(number: float) -> float:
    """Without the digits that binary fractions add."""
    return float(f"{number:.10g}")
