"""Dates, in UTC."""

import calendar
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.earthengine.coerce import Mismatch
from sandbox.earthengine.coerce import date as to_date
from sandbox.earthengine.registry import function
from sandbox.earthengine.values import Date, DateRange
from sandbox.errors import invalid

_MILLISECONDS = {
    "week": 604_800_000.0,
    "day": 86_400_000.0,
    "hour": 3_600_000.0,
    "minute": 60_000.0,
    "second": 1_000.0,
}
# Mean lengths in the Gregorian calendar, for differences and fractions of units that vary.
_MEAN = {"year": 365.2425 * 86_400_000, "month": 365.2425 * 86_400_000 / 12, **_MILLISECONDS}
_UTC = (None, "UTC", "Etc/UTC", "GMT")


def unit_of(unit: str) -> str:
    """A unit in the singular; raises ApiError where there is none of that name."""
    single = unit.lower().removesuffix("s")
    if single not in _MEAN:
        raise invalid(
            f"Unknown unit of time '{unit}': must be 'year', 'month', 'week', 'day', 'hour', 'minute' or 'second'."
        )
    return single


def _check_zone(time_zone: str | None) -> None:
    if time_zone not in _UTC:
        raise invalid(f"Date: the sandbox knows UTC only, got time zone '{time_zone}'.")


def _of(moment: datetime) -> Date:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return Date(since // timedelta(milliseconds=1) + 0.0)


@function("Date")
def make(value: Any, time_zone: str | None) -> Date:
    """A date of milliseconds since 1970, of a text, or of another date."""
    _check_zone(time_zone)
    try:
        return to_date(value)
    except Mismatch as error:
        raise invalid(f"Date: Cannot parse date: '{value}'.") from error


@function("Date.fromYMD")
def from_ymd(year: int, month: int, day: int, time_zone: str | None) -> Date:
    """The start of a day."""
    _check_zone(time_zone)
    try:
        return _of(datetime(year, month, day, tzinfo=UTC))
    except ValueError as error:
        raise invalid(f"Date.fromYMD: {year}-{month}-{day} is not a date: {error}.") from error


@function("Date.parse")
def parse(format: str, date: str, time_zone: str | None) -> Date:
    """A date of a text by a Joda pattern."""
    _check_zone(time_zone)
    python = format
    for joda, own in _PARSED:
        python = python.replace(joda, own)
    try:
        return _of(datetime.strptime(date, python).replace(tzinfo=UTC))
    except ValueError as error:
        raise invalid(f"Date.parse: Cannot parse '{date}' by the format '{format}'.") from error


_PARSED = (
    ("YYYY", "%Y"),
    ("yyyy", "%Y"),
    ("MMM", "%b"),
    ("MM", "%m"),
    ("DDD", "%j"),
    ("dd", "%d"),
    ("HH", "%H"),
    ("mm", "%M"),
    ("ss", "%S"),
    ("'T'", "T"),
)


@function("Date.millis")
def millis(date: Date) -> int:
    """Milliseconds since 1970."""
    return int(date.milliseconds)


@function("Date.advance")
def advance(date: Date, delta: float, unit: str, time_zone: str | None) -> Date:
    """The date so many units later."""
    _check_zone(time_zone)
    single = unit_of(unit)
    if single in _MILLISECONDS:
        return Date(date.milliseconds + delta * _MILLISECONDS[single])
    months = delta * (12 if single == "year" else 1)
    whole = math.floor(months)
    moved = _months_later(date.moment(), whole)
    rest = (months - whole) * _MEAN["month"]
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
    _check_zone(time_zone)
    moment, single = date.moment(), unit_of(unit)
    if single == "week":
        return moment.isocalendar().week
    return int(getattr(moment, single))


@function("Date.getRelative")
def get_relative(date: Date, unit: str, in_unit: str, time_zone: str | None) -> int:
    """A field of the date counted from 0 within a greater one."""
    _check_zone(time_zone)
    moment, single, outer = date.moment(), unit_of(unit), unit_of(in_unit)
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
    _check_zone(time_zone)
    single = unit_of(unit)
    start = _of(_start(date.moment(), single))
    return DateRange(start.milliseconds, advance(start, 1, single, None).milliseconds)


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
    _check_zone(time_zone)
    fields = {"year": year, "month": month, "day": day, "hour": hour, "minute": minute}
    changes = {name: value for name, value in fields.items() if value is not None}
    if second is not None:
        changes["second"] = int(second)
    try:
        return _of(date.moment().replace(**changes))  # type: ignore[arg-type]  # only integers are left
    except ValueError as error:
        raise invalid(f"Date.update: not a date: {error}.") from error


@function("Date.format")
def format_date(date: Date, format: str | None, time_zone: str | None) -> str:
    """A text by a Joda pattern; ISO 8601 by default."""
    _check_zone(time_zone)
    moment = date.moment()
    if format is None:
        return moment.strftime("%Y-%m-%dT%H:%M:%S")
    return re.sub(r"'([^']*)'|([A-Za-z])\2*", lambda match: _field(moment, match), format)


def _field(moment: datetime, match: re.Match[str]) -> str:
    if match[1] is not None:
        return match[1] or "'"
    letter, width = match[2], len(match[0])
    if letter in "yYx":
        return str(moment.year)[-2:] if width == 2 else f"{moment.year:0{width}d}"
    if letter == "M" and width > 2:
        return moment.strftime("%b" if width == 3 else "%B")
    if letter == "E":
        return moment.strftime("%a" if width < 4 else "%A")
    numbers = {
        "M": moment.month,
        "d": moment.day,
        "D": moment.timetuple().tm_yday,
        "H": moment.hour,
        "h": moment.hour % 12 or 12,
        "m": moment.minute,
        "s": moment.second,
        "w": moment.isocalendar().week,
        "e": moment.isoweekday(),
    }
    if letter == "S":
        return f"{moment.microsecond:06d}"[:width]
    if letter == "a":
        return moment.strftime("%p")
    if letter == "Z":
        return "+0000"
    if letter not in numbers:
        raise invalid(f"Date.format: Illegal pattern component: {match[0]}")
    return f"{numbers[letter]:0{width}d}"
