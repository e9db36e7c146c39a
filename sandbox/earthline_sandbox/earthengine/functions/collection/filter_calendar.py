"""Filters of the calendar: fields of the time at which an element starts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from earthline_sandbox.earthengine.functions.collection.filters import Filter
from earthline_sandbox.earthengine.language.coerce import date
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.values.values import TIME_START
from earthline_sandbox.errors import invalid

_CALENDAR: dict[str, Callable[[datetime], int]] = {
    "minute": lambda moment: moment.minute,
    "hour": lambda moment: moment.hour,
    "day_of_week": lambda moment: moment.isoweekday(),
    "day_of_month": lambda moment: moment.day,
    "day_of_year": lambda moment: moment.timetuple().tm_yday,
    "week": lambda moment: moment.isocalendar().week,
    "month": lambda moment: moment.month,
    "year": lambda moment: moment.year,
}


def calendar_field(moment: datetime, unit: str) -> int:
    """A calendar field of a moment; raises ApiError where Earth Engine has no such field."""
    if unit not in _CALENDAR:
        raise invalid(f"Filter.calendarRange: Unknown field '{unit}': must be one of {', '.join(_CALENDAR)}.")
    return _CALENDAR[unit](moment.astimezone(UTC))


@function("Filter.calendarRange")
def calendar_range(start: int, end: int | None, field: str) -> Filter:
    """Passes where a calendar field of the start time lies in a closed range, which may wrap around."""
    name, last = field, start if end is None else end
    calendar_field(datetime.now(UTC), name)

    def test(left: Any, right: Any) -> bool:
        value = left.get(TIME_START)
        if value is None:
            return False
        found = calendar_field(date(value).moment(), name)
        return start <= found <= last if start <= last else found >= start or found <= last

    return Filter(test)


@function("Filter.dayOfYear")
def day_of_year(start: int, end: int) -> Filter:
    """Passes from one day of the year until just before another."""
    return calendar_range(start, end - 1, "day_of_year")
