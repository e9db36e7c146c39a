"""Dates as Earth Engine reads them: ISO 8601 as Joda-Time's `dateOptionalTimeParser` takes it.

https://developers.google.com/earth-engine/apidocs/ee-date shows `2020`, `2017-6-24` and `2017-6-24T00:14:46`,
https://developers.google.com/earth-engine/apidocs/ee-algorithms-date `1996-001` and `1996-01-01T08:00`.
"""

import re
from datetime import date, datetime, time, timedelta, tzinfo

from earthline_sandbox.earthengine.language.time_zones import placed, zone_of

_ISO = re.compile(
    r"(?P<year>\d{1,9})"
    r"(?:-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2}))?|-(?P<ordinal>\d{3})|-W(?P<week>\d{1,2})(?:-(?P<weekday>\d))?)?"
    r"(?:T(?:(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}))?)?(?P<fraction>[.,]\d+)?)?"
    r"(?P<offset>Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)
_DAYS = timedelta(days=1)


def moment_of(text: str, zone: tzinfo) -> datetime:
    """The moment that a text names, in a zone unless the text has an offset of its own.

    Raises:
        ValueError: It is no such date.
    """
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError("it is not ISO 8601, such as 2017-06-24 or 2017-06-24T12:30:00")
    offset = found["offset"]
    if offset is not None:
        zone = zone_of("UTC" if offset == "Z" else offset)
    return placed(datetime.combine(_day(found), _clock(found)) + _fraction(found), zone)


def _day(found: re.Match[str]) -> date:
    year = int(found["year"])
    if found["ordinal"]:
        day = date(year, 1, 1) + _DAYS * (int(found["ordinal"]) - 1)
        if day.year != year:
            raise ValueError(f"{year} has no day {found['ordinal']}")
        return day
    if found["week"]:
        return date.fromisocalendar(year, int(found["week"]), int(found["weekday"] or 1))
    return date(year, int(found["month"] or 1), int(found["day"] or 1))


def _clock(found: re.Match[str]) -> time:
    return time(int(found["hour"] or 0), int(found["minute"] or 0), int(found["second"] or 0))


def _fraction(found: re.Match[str]) -> timedelta:
    """What a fraction adds, of whatever unit of time it follows."""
    if not found["fraction"]:
        return timedelta()
    unit = timedelta(seconds=1) if found["second"] else timedelta(minutes=1) if found["minute"] else timedelta(hours=1)
    return unit * float(f"0.{found['fraction'][1:]}")
