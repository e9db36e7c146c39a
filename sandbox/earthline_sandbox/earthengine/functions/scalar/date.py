"""Dates: moments, with fields in a time zone, UTC by default."""

import calendar
import math
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from earthline_sandbox.earthengine.language import date_patterns
from earthline_sandbox.earthengine.language.coerce import Mismatch
from earthline_sandbox.earthengine.language.coerce import date as to_date
from earthline_sandbox.earthengine.language.iso_dates import moment_of
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.language.time_zones import placed, zone_of
from earthline_sandbox.earthengine.values.values import Date, DateRange
from earthline_sandbox.errors import invalid

_MILLISECONDS = {
    "week": 604_800_000.0,
    "day": 86_400_000.0,
    "hour": 3_600_000.0,
    "minute": 60_000.0,
    "second": 1_000.0,
}
# Mean lengths in the Gregorian calendar, for differences and fractions of units that vary.
_MEAN = {"year": 365.2425 * 86_400_000, "month": 365.2425 * 86_400_000 / 12, **_MILLISECONDS}
_ISO = "yyyy-MM-dd'T'HH:mm:ss"


def unit_of(unit: str) -> str:
    """A unit in the singular; raises ApiError where there is none of that name."""
    single = unit.lower().removesuffix("s")
    if single not in _MEAN:
        raise invalid(
            f"Unknown unit of time '{unit}': must be 'year', 'month', 'week', 'day', 'hour', 'minute' or 'second'."
        )
    return single


def date_of(value: Any, zone: tzinfo, name: str) -> Date:
    """A date of milliseconds since 1970, of a text in a time zone, or of another date.

    Raises:
        ApiError: INVALID_ARGUMENT: it is none.
    """
    try:
        return _of(moment_of(value, zone)) if isinstance(value, str) else to_date(value)
    except (Mismatch, ValueError, OverflowError) as error:
        why = f": {error}" if isinstance(error, ValueError) else ""
        raise invalid(f"{name}: Bad date/time '{str(value)[:100]}'{why}.") from error


def _of(moment: datetime) -> Date:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return Date(since // timedelta(milliseconds=1) + 0.0)


def _local(date: Date, time_zone: str | None) -> datetime:
    """What a clock in a time zone shows."""
    try:
        return date.moment().astimezone(zone_of(time_zone))
    except OverflowError as error:
        raise invalid(f"Date: {date.milliseconds} milliseconds is outside the years 1 to 9999.") from error


@function("Date")
def make(value: Any, time_zone: str | None) -> Date:
    """A date of milliseconds since 1970, of a text in a time zone, or of another date."""
    return date_of(value, zone_of(time_zone), "Date")


@function("Date.fromYMD")
def from_ymd(year: int, month: int, day: int, time_zone: str | None) -> Date:
    """The start of a day."""
    try:
        return _of(placed(datetime(year, month, day), zone_of(time_zone)))
    except (ValueError, OverflowError) as error:
        raise invalid(f"Date.fromYMD: {year}-{month}-{day} is not a date: {error}.") from error


@function("Date.parse")
def parse(format: str, date: str, time_zone: str | None) -> Date:
    """A date of a text by a Joda pattern."""
    try:
        return _of(date_patterns.read(date, format, zone_of(time_zone), "Date.parse"))
    except (ValueError, OverflowError) as error:
        raise invalid(f"Date.parse: Cannot parse '{date[:100]}' by the format '{format[:100]}': {error}.") from error


@function("Date.millis")
def millis(date: Date) -> int:
    """Milliseconds since 1970."""
    return int(date.milliseconds)


@function("Date.advance")
def advance(date: Date, delta: float, unit: str, time_zone: str | None) -> Date:
    """The date so many units later; days and longer units are those of the time zone's calendar."""
    single = unit_of(unit)
    if single in ("hour", "minute", "second") or (single in _MILLISECONDS and zone_of(time_zone) is UTC):
        return Date(date.milliseconds + delta * _MILLISECONDS[single])
    moment = _local(date, time_zone)
    steps = delta * {"year": 12, "month": 1, "week": 7, "day": 1}[single]
    whole = math.floor(steps)
    if single in ("week", "day"):
        moved, rest = moment + timedelta(days=whole), (steps - whole) * _MEAN["day"]
    else:
        moved, rest = _months_later(moment, whole), (steps - whole) * _MEAN["month"]
    return Date(_of(moved).milliseconds + rest)


def _months_later(moment: datetime, months: int) -> datetime:
    index = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(index, 12)
    if not 1 <= year <= 9999:
        raise invalid("Date.advance: the result is outside the years 1 to 9999.")
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


@function("Date.difference")
def difference(date: Date, start: Date, unit: str) -> float:
    """How many units lie between two dates, the units of mean length."""
    return (date.milliseconds - start.milliseconds) / _MEAN[unit_of(unit)]


@function("Date.unitRatio")
def unit_ratio(numerator: str, denominator: str) -> float:
    """How many of one unit make another, of mean length."""
    return _MEAN[unit_of(numerator)] / _MEAN[unit_of(denominator)]


@function("Date.get")
def get(date: Date, unit: str, time_zone: str | None) -> int:
    """A field of the date."""
    moment, single = _local(date, time_zone), unit_of(unit)
    if single == "week":
        return moment.isocalendar().week
    return int(getattr(moment, single))


@function("Date.getRelative")
def get_relative(date: Date, unit: str, in_unit: str, time_zone: str | None) -> int:
    """A field of the date counted from 0 within a greater one."""
    moment, single, outer = _local(date, time_zone), unit_of(unit), unit_of(in_unit)
    start = _start(moment, outer)
    if single == "month":
        return (moment.year - start.year) * 12 + moment.month - start.month
    return int((moment - start).total_seconds() * 1000 // _MEAN[single])


def _start(moment: datetime, unit: str) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "year":
        return midnight.replace(month=1, day=1)
    if unit == "month":
        return midnight.replace(day=1)
    if unit == "week":
        return midnight - timedelta(days=midnight.weekday())
    if unit == "day":
        return midnight
    if unit == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    return moment.replace(second=0, microsecond=0) if unit == "minute" else moment.replace(microsecond=0)


@function("Date.getFraction")
def get_fraction(date: Date, unit: str, time_zone: str | None) -> float:
    """How much of the unit that it lies in has passed, 0 to 1."""
    span = get_range(date, unit, time_zone)
    return (date.milliseconds - span.start) / (span.end - span.start)


@function("Date.getRange")
def get_range(date: Date, unit: str, time_zone: str | None) -> DateRange:
    """The unit that it lies in."""
    single = unit_of(unit)
    start = _of(_start(_local(date, time_zone), single))
    return DateRange(start.milliseconds, advance(start, 1, single, time_zone).milliseconds)


@function("Date.update")
def update(
    date: Date,
    year: int | None,
    month: int | None,
    day: int | None,
    hour: int | None,
    minute: int | None,
    second: float | None,
    time_zone: str | None,
) -> Date:
    """Other fields."""
    fields = {"year": year, "month": month, "day": day, "hour": hour, "minute": minute}
    changes = {name: value for name, value in fields.items() if value is not None}
    zone = zone_of(time_zone)
    moment = _local(date, time_zone).replace(tzinfo=None)
    try:
        if second is not None:
            changes["second"] = int(second)
            if not float(second).is_integer():
                changes["microsecond"] = int(second % 1 * 1_000_000)
        # Only integers are left.
        return _of(placed(moment.replace(**changes), zone))  # type: ignore[arg-type]  # none of them is tzinfo
    except (ValueError, OverflowError) as error:
        raise invalid(f"Date.update: not a date: {error}.") from error


@function("Date.format")
def format_date(date: Date, format: str | None, time_zone: str | None) -> str:
    """A text by a Joda pattern; ISO 8601 by default."""
    return date_patterns.written(_local(date, time_zone), format or _ISO, "Date.format")
