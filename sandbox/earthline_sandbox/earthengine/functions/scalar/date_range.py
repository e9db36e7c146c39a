"""Ranges of dates."""

import math
from collections.abc import Iterator
from typing import Any

from earthline_sandbox.earthengine.functions.scalar.date import advance, date_of, format_date, unit_of
from earthline_sandbox.earthengine.language.coerce import Mismatch, date
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.language.time_zones import zone_of
from earthline_sandbox.earthengine.values.values import INDEX, Collection, Date, DateRange, Feature
from earthline_sandbox.errors import invalid

_MOST_RANGES = 1_000_000
_ALL = DateRange(-math.inf, math.inf)
_FORMATS = {
    "year": "yyyy",
    "month": "yyyyMM",
    "week": "yyyyMMdd",
    "day": "yyyyMMdd",
    "hour": "yyyyMMddHH",
    "minute": "yyyyMMddHHmm",
    "second": "yyyyMMddHHmmss",
}


@function("DateRange")
def make_date_range(start: Any, end: Any, time_zone: str | None) -> DateRange:
    """From a date until just before another; one millisecond where there is no other.

    One that ends before it begins is empty, as https://developers.google.com/earth-engine/apidocs/ee-daterange-isempty
    shows.
    """
    if isinstance(start, DateRange) and end is None:
        return start
    zone = zone_of(time_zone)
    first = date_of(start, zone, "DateRange").milliseconds
    last = first + 1 if end is None else date_of(end, zone, "DateRange").milliseconds
    return DateRange(first, last)


@function("DateRange.unbounded")
def unbounded() -> DateRange:
    """All dates."""
    return _ALL


@function("DateRange.start")
def start(date_range: DateRange) -> Date:
    """The first moment."""
    return Date(date_range.start)


@function("DateRange.end")
def end(date_range: DateRange) -> Date:
    """The moment just after the last."""
    return Date(date_range.end)


@function("DateRange.isEmpty")
def is_empty(date_range: DateRange) -> bool:
    """Whether it holds no moment."""
    return date_range.start >= date_range.end


@function("DateRange.isUnbounded")
def is_unbounded(date_range: DateRange) -> bool:
    """Whether it holds all dates."""
    return date_range == _ALL


@function("DateRange.contains")
def contains(date_range: DateRange, other: Any) -> bool:
    """Whether a date or another range lies within."""
    if isinstance(other, DateRange):
        return date_range.start <= other.start and other.end <= date_range.end
    try:
        return date_range.start <= date(other).milliseconds < date_range.end
    except Mismatch:
        return False


@function("DateRange.intersects")
def intersects(date_range: DateRange, other: Any) -> bool:
    """Whether two ranges share a moment."""
    second = other if isinstance(other, DateRange) else make_date_range(other, None, None)
    if is_empty(date_range) or is_empty(second):
        return False
    return date_range.start < second.end and second.start < date_range.end


@function("DateRange.intersection")
def intersection(date_range: DateRange, other: DateRange) -> DateRange:
    """What two ranges share; empty where they share nothing."""
    low, high = max(date_range.start, other.start), min(date_range.end, other.end)
    return DateRange(low, max(low, high))


@function("DateRange.union")
def union(date_range: DateRange, other: DateRange) -> DateRange:
    """The least range that holds both."""
    held = [item for item in (date_range, other) if not is_empty(item)]
    if not held:
        return date_range
    return DateRange(min(item.start for item in held), max(item.end for item in held))


@function("BetterDateRangeCollection")
def ranges(
    start: Date, end: Date, delta: int, unit: str, reset_at_year_boundaries: bool, format: str | None
) -> Collection:
    """Features with a `date_range` each, one after the other from a date to another."""
    single = unit_of(unit)
    if not delta or (delta < 0) != (end.milliseconds < start.milliseconds):
        raise invalid(f"BetterDateRangeCollection: a 'delta' of {delta} does not lead from 'start' to 'end'.")
    pattern = format or _FORMATS[single]
    return _collection(start, end, delta, single, reset_at_year_boundaries, pattern)


@function("DateRangeCollection")
def plain_ranges(
    start_time: int, end_time: int, interval: int, units: str, reset_at_year_boundaries: bool
) -> Collection:
    """Features with a `date_range` each, of so many days or years."""
    single = unit_of(units)
    if single not in ("day", "year") or interval < 1:
        raise invalid("DateRangeCollection: 'units' must be 'days' or 'years', and 'interval' positive.")
    first, last = Date(float(start_time)), Date(float(end_time))
    return _collection(first, last, interval, single, reset_at_year_boundaries, _FORMATS[single])


def _collection(first: Date, last: Date, delta: int, unit: str, reset: bool, pattern: str) -> Collection:
    def spans() -> Iterator[tuple[Date, Date]]:
        moment, base, steps = first, first, 0
        while (moment.milliseconds < last.milliseconds) if delta > 0 else (moment.milliseconds > last.milliseconds):
            steps += 1
            # Counted from the start, so that months of unequal length do not add up.
            following = advance(base, delta * steps, unit, None)
            yield moment, following
            if reset and following.moment().year != moment.moment().year:
                year = max(following.moment().year, moment.moment().year)
                following = base = date(f"{year:04d}-01-01")
                steps = 0
            moment = following

    features = []
    for begin, stop in spans():
        low, high = sorted((begin.milliseconds, stop.milliseconds))
        name = format_date(Date(low), pattern, None)
        features.append(Feature(properties={"date_range": DateRange(low, high), INDEX: name}))
        if len(features) > _MOST_RANGES:
            raise invalid(f"BetterDateRangeCollection: there are more than {_MOST_RANGES} ranges.")
    return Collection(elements=features)
