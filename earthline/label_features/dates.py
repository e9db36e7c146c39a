"""When labels were true, and which of them are of the imagery's time.

A date is a day, a month or a year; it is kept as the numbers of its first and its last day, such as 20210601 and
20210630.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from earthline.label_features.features import FeaturesError

Array = np.ndarray[Any, Any]

NONE = 0
"""In place of both days where a label has no date."""
YEARS = (1850, 2150)
"""The first year, and the last one, that a number is taken for."""
MILLISECONDS = 10_000_000_000
"""Numbers from this on, or below its negative, count milliseconds since 1970, as Earth Engine's dates do."""
_WRITTEN = re.compile(r"\s*(\d{4})(?:[-/](\d{2})(?:[-/](\d{2})(?:[T ].*)?)?)?\s*")
_NATIONAL = re.compile(r"\s*(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[T ].*)?\s*")
"""15/06/2021, 15.6.2021: where the year stands last, day and month may be either."""
DAY_FIRST, MONTH_FIRST, YEAR_FIRST = "day_first", "month_first", "year_first"
"""Orders in which days are written; with the year first there is one."""
_COMPACT = re.compile(r"\s*(\d{4})(\d{2})(\d{2})\s*")
_LISTED = 8
_MONTHS = 12
_DIGITS = 4
"""Of a year."""


@dataclass(frozen=True)
class Period:
    """When labels count.

    Attributes:
        spans: First days, and the days after the last ones, YYYY-MM-DD.
        tolerance: Days by which each is longer on either side.
    """

    spans: Sequence[tuple[str, str]]
    tolerance: int = 0

    @property
    def days(self) -> tuple[tuple[int, int], ...]:
        """Numbers of the first and the last day of each span, tolerance included."""
        return tuple(
            (_number(_moved(start, -self.tolerance)), _number(_moved(end, self.tolerance - 1)))
            for start, end in self.spans
        )

    def holds(self, dates: Array) -> Array:
        """True for dates of which a part lies in one of the spans.

        Args:
            dates: First and last day of each, (labels, 2).
        """
        found = np.zeros(len(dates), bool)
        for first, last in self.days:
            found |= (dates[:, 0] <= last) & (dates[:, 1] >= first)
        return np.asarray(found & (dates[:, 0] != NONE))

    def __str__(self) -> str:
        """The spans with their last days, and the tolerance."""
        told = ", ".join(f"{start} to {_moved(end, -1).isoformat()}" for start, end in self.spans)
        days = f"{self.tolerance:,} day{'' if self.tolerance == 1 else 's'}"
        return f"{told}, give or take {days}" if self.tolerance else told


def read(value: Any, order: str = YEAR_FIRST) -> tuple[int, int]:
    """Numbers of the first and the last day that a value means; `NONE` twice where it is empty.

    Args:
        value: A date, a year, a day as YYYY-MM-DD or YYYYMMDD, a month as YYYY-MM, or milliseconds since 1970.
        order: With the day or the month first, 15/06/2021 or 06/15/2021 is a day as well.

    Raises:
        ValueError: It means no date.
    """
    if value is None or value != value or (isinstance(value, str) and value.strip() in ("", "null")):
        return NONE, NONE
    if isinstance(value, date):
        return _number(value), _number(value)
    text = _plain(value)
    national = _NATIONAL.fullmatch(text) if order != YEAR_FIRST else None
    if national is not None:
        one, other, last = (int(national[part]) for part in (1, 3, 4))
        day_number, month_number = (one, other) if order == DAY_FIRST else (other, one)
        return read(date(last, month_number, day_number).isoformat())
    match = _COMPACT.fullmatch(text) or _WRITTEN.fullmatch(text)
    if match is None:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=_milliseconds(text))
        return read(moment.date())
    year, month, day = (int(part) if part else None for part in match.groups())
    if year is None or not YEARS[0] <= year <= YEARS[1]:
        raise ValueError(f"{text} is of no year from {YEARS[0]} to {YEARS[1]}")
    first = date(year, month or 1, day or 1)
    if day is not None:
        return _number(first), _number(first)
    return _number(first), first.year * 10_000 + (month or 12) * 100 + 31


def dates(values: Sequence[Any], counts: Sequence[int] | None = None, order: str = YEAR_FIRST) -> Array:
    """The days that the values of a field mean, int64 (labels, 2).

    Args:
        values: As `read` takes them.
        counts: How many labels have each value; left out, one.
        order: As `read` takes it.

    Raises:
        FeaturesError: Values that mean no date; the text counts them.
    """
    found, unreadable = [], Counter[str]()
    for value, count in zip(values, counts or [1] * len(values), strict=True):
        try:
            found.append(read(value, order))
        except (ValueError, OverflowError):
            unreadable[str(value)[:40]] += count
    if unreadable:
        raise FeaturesError(_unreadable_told(unreadable))
    return np.array(found, np.int64).reshape(-1, 2)


def by_year(found: Array, counts: Array | None = None) -> str:
    """How many labels there are of each year, in a few words.

    Args:
        found: First and last day of each, (labels, 2).
        counts: How many labels have each date; left out, one.
    """
    numbers = Counter[str]()
    for first, count in zip(found[:, 0].tolist(), [1] * len(found) if counts is None else counts.tolist(), strict=True):
        numbers["without a date" if first == NONE else str(first)[:_DIGITS]] += int(count)
    return ", ".join(f"{year}: {count:,}" for year, count in sorted(numbers.items()))


def left_out(count: int, total: int, period: Period, years: str) -> str:
    """What is said of labels that are not of the imagery's time.

    Args:
        count: How many they are.
        total: How many there are in all.
        period: When labels count.
        years: As `by_year` tells of them.
    """
    return f"{count:,} of {total:,} labels do not count, for they are not of {period} ({years})"


def none_told(total: int, period: Period, years: str) -> str:
    """What an error says where no label is of the imagery's time.

    Args:
        total: How many there are.
        period: When labels count.
        years: As `by_year` tells of all.
    """
    return (
        f"labels.date: none of {total:,} labels is of {period} ({years}); take imagery of another time, let more of "
        "them in by `date: {field: …, tolerance: DAYS}`, or say by `within` when they count"
    )


def _unreadable_told(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_LISTED]
    listed = ", ".join(f"'{value}' ({count:,} feature{'' if count == 1 else 's'})" for value, count in most)
    more = f" and {len(counts) - _LISTED:,} more" if len(counts) > _LISTED else ""
    told = f"values that are no date: {listed}{more}; write a day as 2021-06-15, a month as 2021-06, a year as 2021"
    parts = [match for value in counts if (match := _NATIONAL.fullmatch(value))]
    if not parts:
        return told
    # One number above 12 tells the order of all.
    firsts, seconds = ([int(match[part]) for match in parts] for part in (1, 3))
    sure = [order for order, part in ((DAY_FIRST, firsts), (MONTH_FIRST, seconds)) if max(part) > _MONTHS]
    order = sure[0] if len(sure) == 1 else f"{DAY_FIRST}, or {MONTH_FIRST}"
    return f"{told}; or say of a file how its days are written: date: {{field: …, order: {order}}}"


def _plain(value: Any) -> str:
    """A text; a whole number without a point, however it is written."""
    try:
        number = float(value)
    except ValueError:
        return str(value)
    return str(int(number)) if number.is_integer() else str(value)


def _milliseconds(text: str) -> float:
    number = float(text)
    if abs(number) < MILLISECONDS:
        raise ValueError(f"{text} is no date")
    return number


def _moved(day: str, days: int) -> date:
    return date.fromisoformat(day) + timedelta(days=days)


def _number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day
