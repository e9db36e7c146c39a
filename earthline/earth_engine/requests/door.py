"""The door that every request to Earth Engine passes: so many under way at once, so many begun within a second."""

import heapq
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from earthline.earth_engine.requests.share import Share

QUOTA_PER_SECOND = 100.0
"""Requests that Earth Engine allows a project to begin within a second by default (guides/usage)."""

_Waiter = tuple[bool, int, threading.Condition]
"""Whether it comes after the urgent ones, its number, and what wakes it."""


class Door:
    """Lets requests through, in turn, as far as this process's share of the quota allows; for any number of threads.

    Who waits for a retry waits outside and holds no place. Urgent requests, such as second tries, come first, so that
    none is left over for the end of a job.
    """

    def __init__(self, requests: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Opens the door.

        Args:
            requests: Most requests under way at once: this process's share of the quota.
            per_second: Most requests begun within any second: this process's share of the quota.
            clock: Gives seconds.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._waiting: list[_Waiter] = []
        self._under_way = self._refused = 0
        self.change(requests, per_second)

    def change(self, requests: int, per_second: float) -> None:
        """Takes another share of the quota, for requests that have not begun.

        Args:
            requests: As at the beginning.
            per_second: As at the beginning.
        """
        with self._lock:
            self._share = Share(requests, self._clock)
            whole = max(1, round(per_second))
            self._begun: deque[float] = deque(maxlen=whole)
            # Less than one request in a second is one within several.
            self._window = whole / per_second
            self._wake()

    @property
    def under_way(self) -> int:
        """Requests under way now."""
        return self._under_way

    @property
    def refused(self) -> int:
        """Requests that were refused for their number (HTTP 429) until now."""
        return self._refused

    @property
    def level(self) -> int:
        """Requests that may be under way now: the share, or fewer for a while after refusals."""
        return self._share.level

    @contextmanager
    def turn(self, urgent: bool = False) -> Iterator[Callable[[bool], None]]:
        """Waits until a request may begin, and holds its place while it is under way.

        Args:
            urgent: Whether it comes before those that are not.

        Yields:
            What is to be told whether Earth Engine refused the request for its number (HTTP 429).
        """
        self._enter(urgent)
        try:
            yield self._answered
        finally:
            with self._lock:
                self._under_way -= 1
                self._wake()

    def _answered(self, refused: bool) -> None:
        with self._lock:
            self._refused += refused
            self._share.answered(refused, self._under_way - 1)
            self._wake()

    def _enter(self, urgent: bool) -> None:
        with self._lock:
            waiter = (not urgent, next(self._numbers), threading.Condition(self._lock))
            heapq.heappush(self._waiting, waiter)
            try:
                while (pause := self._pause(waiter)) > 0:
                    waiter[2].wait(pause if math.isfinite(pause) else None)
            except BaseException:
                self._waiting.remove(waiter)
                heapq.heapify(self._waiting)
                self._wake()
                raise
            heapq.heappop(self._waiting)
            self._under_way += 1
            self._begun.append(self._clock())
            self._wake()

    def _pause(self, waiter: _Waiter) -> float:
        """Seconds until a request may begin; infinite where something else has to happen first, which wakes it."""
        if self._waiting[0] is not waiter or self._under_way >= self._share.level:
            return math.inf
        if len(self._begun) < (self._begun.maxlen or 0):
            return 0.0
        return max(0.0, self._begun[0] + self._window - self._clock())

    def _wake(self) -> None:
        if self._waiting:
            self._waiting[0][2].notify()
