"""The section `schedule`: when the pipeline runs again."""

import re
from datetime import UTC, datetime
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from earthline.config.section import Number, Section, WholeNumber

_ZONE = re.compile(r"(?:CRON_)?TZ=(?P<zone>\S+)\s+(?P<rest>.*)", re.DOTALL)
_CRON_FIELD = re.compile(r"(?:[0-9*,/-]|[A-Za-z]{3})+")


def _is_cron(text: str) -> str:
    zoned = _ZONE.fullmatch(text.strip())
    if zoned:
        try:
            ZoneInfo(zoned["zone"])
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"'{zoned['zone']}' is no time zone; use a name such as Europe/Paris") from error
    rest = zoned["rest"] if zoned else text
    fields = rest.split()
    try:
        # What the library knows beyond unix-cron, such as a field of seconds, Vertex AI does not.
        if len(fields) != 5 or not all(_CRON_FIELD.fullmatch(field) for field in fields):
            raise CronSimError("it takes five fields")
        due = next(CronSim(rest, datetime.now(UTC)), None)
    except CronSimError as error:
        raise ValueError(
            f"'{text}' is no cron expression ({error}); write minute, hour, day of month, month, day of week, such as "
            "`0 3 1 * *` for 03:00 on the first day of each month"
        ) from error
    if due is None:
        raise ValueError(f"'{text}' is never due: no month has such a day")
    return text.strip()


Cron = Annotated[str, Field(max_length=200), AfterValidator(_is_cron)]


class Schedule(Section):
    """When the pipeline runs again, and when such a run has nothing to do."""

    cron: Cron | None = Field(
        default=None,
        description="Minute, hour, day of month, month, day of week, with an optional time zone before them, such as "
        "`TZ=Europe/Paris 0 3 1 * *`; without one, in UTC.",
    )
    start: AwareDatetime | None = Field(
        default=None, description="No run before this moment, such as 2026-01-01T00:00:00Z; left out, from now on."
    )
    end: AwareDatetime | None = Field(default=None, description="No run after this moment; left out, for ever.")
    max_runs: WholeNumber | None = Field(default=None, ge=1, description="Most runs in all; left out, without limit.")
    max_concurrent_runs: WholeNumber = Field(
        default=1, ge=1, le=10, description="Runs of the schedule at the same time."
    )
    allow_queueing: bool = Field(
        default=False, description="Whether a run that is over `max_concurrent_runs` waits; otherwise it is skipped."
    )
    drift_limit: Number = Field(
        default=0.25,
        gt=0,
        le=100,
        description="Largest change of a band's mean since the last accepted run, in its standard deviations, that is "
        "no reason to retrain.",
    )
    psi_limit: Number = Field(
        default=0.25,
        gt=0,
        le=100,
        description="Largest population stability index of a band since the last accepted run that is no reason to "
        "retrain: it tells how far values are distributed otherwise, and from 0.25 on a shift is held to be major.",
    )

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"start {self.start.isoformat()} must be before end {self.end.isoformat()}")
        return self
