"""When a schedule is due: unix-cron of five fields, in a time zone of its own."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from earthline_sandbox.errors import invalid

_ZONE: Final = re.compile(r"(?:CRON_)?TZ=(?P<zone>\S+)\s+(?P<rest>.*)", re.DOTALL)
# The library knows more, such as `L` for the last day of the month and a field of seconds; unix-cron does not.
_FIELD: Final = re.compile(r"(?:[0-9*,/-]|[A-Za-z]{3})+")
_LONGEST: Final = 200


class Cron:
    """A cron expression, such as `TZ=Europe/Paris 0 3 1 * *`; without a zone it is in UTC.

    In a zone with summer time it behaves as Debian's cron: a fixed time that the clock skips is due at once, one that
    it shows twice is due once.

    Source of the form: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.schedules
    """

    def __init__(self, text: str) -> None:
        """Reads an expression.

        Raises:
            ApiError: INVALID_ARGUMENT for one that is malformed, has an unknown zone or is never due.
        """
        if len(text) > _LONGEST:
            raise invalid(f"The cron expression has {len(text)} characters; at most {_LONGEST} are read.")
        found = _ZONE.fullmatch(text.strip())
        self._zone = _zone(found["zone"]) if found else ZoneInfo("UTC")
        self._fields = found["rest"] if found else text
        fields = self._fields.split()
        if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields):
            raise invalid(
                f"The cron expression {text!r} is malformed: it takes minute, hour, day of month, month and day of"
                " week, such as `TZ=Europe/Paris 0 3 1 * *`."
            )
        try:
            first = self.after(datetime.now(UTC))
        except CronSimError as error:
            raise invalid(f"The cron expression {text!r} is malformed: {error}.") from None
        if first is None:
            raise invalid(f"The cron expression {text!r} is never due: no month has such a day.")

    def after(self, moment: datetime) -> datetime | None:
        """The first time later than `moment` at which it is due, in UTC; None where there is none in 50 years."""
        try:
            found = next(CronSim(self._fields, moment.astimezone(self._zone)), None)
            return None if found is None else found.astimezone(UTC)
        except (OverflowError, ValueError):
            # The calendar ends with the year 9999.
            return None

    def latest(self, moment: datetime) -> datetime | None:
        """The last time not later than `moment` at which it was due, in UTC; None where there is none."""
        from_next = moment.astimezone(self._zone).replace(microsecond=0) + timedelta(seconds=1)
        found = next(CronSim(self._fields, from_next, reverse=True), None)
        return None if found is None else found.astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    # A folder of the database, or a name with a part that no file system takes, is an OSError.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(
            f"{name!r} in the cron expression is no time zone of the IANA database; an example is Europe/Paris."
        ) from None
