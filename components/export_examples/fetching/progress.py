"""How far fetching is, in a line of the log every few seconds."""

import logging
import time
from collections.abc import Callable

from earthline.earth_engine.connection import Traffic

SECONDS = 5.0
"""Between two lines."""
RECENT = 60.0
"""Seconds that the rate is an average of, so that the time that is left follows what Earth Engine does now."""

_logger = logging.getLogger(__name__)


class Progress:
    """Counts patches and tells of them."""

    def __init__(
        self,
        done: int,
        total: int | None,
        traffic: Callable[[], Traffic],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begins.

        Args:
            done: Patches that are there already.
            total: Patches that there will be; None where this process fetches some part of them.
            traffic: Tells how many requests are under way, may be, and were refused.
            clock: Gives seconds.
        """
        self._done, self._total, self._traffic, self._clock = done, total, traffic, clock
        self._left, self._before = 0, done
        self._said = clock()
        self._marks = [(self._said, done)]

    def add(self, patches: int) -> None:
        """Counts patches that have arrived, and writes a line where it is time for one."""
        self._done += patches
        self._tell()

    def leave(self, patches: int) -> None:
        """Counts patches that no request gives: tasks of Earth Engine are asked for them later."""
        self._left += patches
        self._tell()

    def _tell(self) -> None:
        now = self._clock()
        if now - self._said >= SECONDS or self._done + self._left == self._total:
            self._said = now
            _logger.info("export_examples: %s", self.line(now))

    def line(self, now: float) -> str:
        """What there is to say.

        Args:
            now: By the clock.
        """
        self._marks.append((now, self._done))
        while len(self._marks) > 2 and self._marks[1][0] < now - RECENT:
            self._marks.pop(0)
        begun, before = self._marks[0]
        rate = (self._done - before) / max(now - begun, 1e-9)
        traffic = self._traffic()
        parts = [
            f"{self._done}/{self._total} patches" if self._total is not None else f"{self._done} patches here",
            f"{rate:.3g}/s",
            f"{traffic.under_way} of {traffic.level} requests under way",
            f"{traffic.refused} refused (429)",
        ]
        if self._left:
            parts.append(f"{self._left} left to export tasks")
        coming = 0 if self._total is None else self._total - self._left
        # The first answers of all that are under way tell of the wait for them, and not of how they follow each other.
        if rate and self._done < coming and self._done - self._before >= traffic.level:
            parts.append(f"about {_told((coming - self._done) / rate)} left")
        return ", ".join(parts)


def _told(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
