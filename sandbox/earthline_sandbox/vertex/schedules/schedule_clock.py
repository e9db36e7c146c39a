"""The time by which schedules run; a test has one that it sets."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """This moment, aware of its zone."""


class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """This moment in UTC."""
        return datetime.now(UTC)


def read(text: str) -> datetime:
    """A moment that a record holds as RFC 3339."""
    return datetime.fromisoformat(text)


def write(moment: datetime) -> str:
    """A moment as RFC 3339 in UTC; without a fraction where it has none, as Google writes it."""
    text = (
        moment.astimezone(UTC)
        .replace(tzinfo=None)
        .isoformat(timespec="microseconds" if moment.microsecond else "seconds")
    )
    return f"{text}Z"
