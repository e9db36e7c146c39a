"""This process's share of the requests that may be under way: what Earth Engine's refusals make of it."""

from collections.abc import Callable

_DECAY = 0.9
"""What is left of a refusal's weight after each answer that is none."""
_CLUSTER = 2.5
"""Weight of refusals at which they count. One or two do not: a few of a hundred come at any load, and mean nothing."""
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 8.0
"""Seconds after a cut until more is tried; doubled each time that more was refused."""
_SOON_SECONDS = 2.0
"""Seconds after a step up within which a cut is put down to it."""
_STEP_SECONDS = 1.0
"""Seconds between steps up; each is twice as wide as the one before, so that a quota that is back is soon used."""


class Share:
    """How many requests may be under way.

    It is known beforehand, so nothing is gained by feeling one's way up to it. Where refusals (HTTP 429) come close
    together, somebody else uses a part of the quota, or the quota is smaller: then just so many requests are left as
    were under way when one more was refused. After a while more is tried again. Errors and slow answers change
    nothing, since fewer requests would not mend them.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        """Begins with all of it.

        Args:
            most: The share: most requests under way at once.
            clock: Gives seconds.
        """
        self._most = most
        self._clock = clock
        self._level = float(most)
        self._weight = 0.0
        self._wait = _FIRST_WAIT
        self._step = self._first_step = max(1.0, most / 40)
        self._next = self._grown = 0.0

    @property
    def level(self) -> int:
        """Requests that may be under way now, at least one."""
        return int(self._level)

    def answered(self, refused: bool, others: int) -> None:
        """Takes an answer into account.

        Args:
            refused: Whether it was a refusal for the number of requests (HTTP 429).
            others: Requests that are under way beside this one.
        """
        if refused:
            self._weight += 1
            if self._weight > _CLUSTER:
                self._cut(others)
            return
        self._weight *= _DECAY
        now = self._clock()
        if self._level < self._most and now >= self._next:
            self._level = min(float(self._most), self._level + self._step)
            self._step *= 2
            self._grown, self._next = now, now + _STEP_SECONDS

    def _cut(self, others: int) -> None:
        now = self._clock()
        # Few may be under way only because few were asked for: at most half is given up at a time.
        self._level = max(1.0, min(self._level, max(float(others), self._level / 2)))
        if self._step > self._first_step:
            # More was tried since the last cut, and soon refused: there is no more for now.
            soon = now - self._grown < _SOON_SECONDS
            self._wait = min(_LONGEST_WAIT, 2 * self._wait) if soon else _FIRST_WAIT
        self._step = self._first_step
        self._next = now + self._wait
