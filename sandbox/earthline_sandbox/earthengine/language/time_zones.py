"""Time zones by the names that Joda-Time knows, which are those of the IANA database.

See https://www.joda.org/joda-time/timezones.html, to which Earth Engine's `Date.format` points.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from earthline_sandbox.errors import invalid

_OFFSET = re.compile(r"([+-])(\d{2})(?::?(\d{2}))?")


@lru_cache(maxsize=256)
def zone_of(name: str | None) -> tzinfo:
    """The time zone of a name such as `America/New_York` or `+02:00`; UTC without one.

    Raises:
        ApiError: INVALID_ARGUMENT: there is no time zone of that name.
    """
    if name in (None, "UTC"):
        return UTC
    found = _OFFSET.fullmatch(name)
    if found is not None and int(found[2]) < 24 and int(found[3] or 0) < 60:
        return _fixed(found[1], int(found[2]), int(found[3] or 0))
    if name not in available_timezones():
        raise invalid(
            f"Date: The time zone id '{name[:100]}' is not recognised; it must be one such as 'America/New_York', "
            "'Etc/GMT+8', 'UTC' or '+02:00'."
        )
    return ZoneInfo(name)


def name_of(zone: tzinfo) -> str:
    """The name that `zone_of` takes."""
    return zone.key if isinstance(zone, ZoneInfo) else datetime.now(zone).tzname() or "UTC"


def placed(local: datetime, zone: tzinfo) -> datetime:
    """The moment that a clock in a zone shows; of two, when clocks are set back, the first.

    Raises:
        ValueError: Clocks that are set forward leave this time out.
    """
    moment = local.replace(tzinfo=zone)
    if moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
        raise ValueError(f"clocks in {name_of(zone)} leave out {local.isoformat(' ')}")
    return moment


def _fixed(sign: str, hours: int, minutes: int) -> timezone:
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if sign == "-" else offset, f"{sign}{hours:02d}:{minutes:02d}")
