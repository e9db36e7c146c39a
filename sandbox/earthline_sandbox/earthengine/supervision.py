"""The watch over running computations: those that take too much memory or too long are ended, and really end."""

import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import psutil

from earthline_sandbox.earthengine.computation import MEMORY, Computation
from earthline_sandbox.earthengine.limits import Limits

P = ParamSpec("P")
R = TypeVar("R")

_TICK_SECONDS = 0.05
#: A computation that was told to end has so long to come to a check of its own before it is interrupted.
_GRACE_SECONDS = 0.3


class Supervisor:
    """Runs computations and watches them.

    What computations tell of themselves does not hold all that they allocate: lists within a function, the working
    memory of a library. So the process is measured as well, and where it has grown by more than the limit since
    nothing ran, the computation that holds most must end.
    """

    def __init__(self, limits: Limits) -> None:
        """Takes `memory_bytes` and `total_memory_bytes` of the limits."""
        self._limits = limits
        self._process = psutil.Process()
        self._running: set[Computation] = set()
        self._changed = threading.Condition()
        self._idle_bytes = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def interactive(self) -> Computation:
        """A computation whose client waits."""
        limits = self._limits
        return Computation(
            seconds=limits.interactive_seconds,
            memory_bytes=limits.memory_bytes,
            aggregations=limits.aggregations,
            interruptible=True,
        )

    def batch(self) -> Computation:
        """The computation of a task: it may take its time, and is not interrupted while it writes."""
        return Computation(memory_bytes=self._limits.total_memory_bytes)

    def run(self, computation: Computation, work: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
        """Does the work in this thread, watched; raises ApiError where it was stopped."""
        with self._changed:
            if not self._running:
                self._idle_bytes = self._resident()
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="earthengine-supervisor", daemon=True)
                self._thread.start()
            self._running.add(computation)
            self._changed.notify_all()
        try:
            return computation.run(work, *arguments, **options)
        finally:
            with self._changed:
                self._running.discard(computation)
                if computation.stopped_at is not None:
                    # What it leaves to the allocator is not held by the others.
                    others = sum(other.held for other in self._running)
                    self._idle_bytes = max(self._idle_bytes, self._resident() - others)

    def close(self) -> None:
        """Ends the watch."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._running or self._closed)
                if self._closed:
                    return
                running = list(self._running)
            self._end_excess(running)
            now = time.monotonic()
            for computation in running:
                if computation.stopped_at is not None and now - computation.stopped_at > _GRACE_SECONDS:
                    computation.interrupt()
            time.sleep(_TICK_SECONDS)

    def _end_excess(self, running: list[Computation]) -> None:
        for computation in running:
            computation.expire()
        if any(computation.stopped_at is not None for computation in running):
            # What it holds comes free first.
            return
        limit = self._limits.memory_bytes
        if len(running) > 1 or not running[0].interruptible:
            limit = self._limits.total_memory_bytes
        if self._resident() - self._idle_bytes > limit:
            most = max(running, key=lambda computation: (computation.held, computation.begun))
            most.stop(MEMORY)
            most.interrupt()

    def _resident(self) -> int:
        return int(self._process.memory_info().rss)
