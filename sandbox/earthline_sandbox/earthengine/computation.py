"""One computation while it runs: how long it may take, what memory it holds, and how it ends before its time.

The code of functions knows nothing of it. Where evaluation passes anyway (calls, bands, members of collections) it
asks `check`, `expect` and `hold`, and the computation of its thread answers, if there is one.
"""

import ctypes
import math
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from earthline_sandbox.errors import ApiError

P = ParamSpec("P")
R = TypeVar("R")

#: Messages: https://developers.google.com/earth-engine/guides/debugging.
MEMORY = ("INVALID_ARGUMENT", "User memory limit exceeded.")
TIME = ("INVALID_ARGUMENT", "Computation timed out.")
AGGREGATIONS = ("RESOURCE_EXHAUSTED", "Too many concurrent aggregations.")
HUNG_UP = ("CANCELLED", "The client closed the connection before the answer.")
CANCELLED = ("CANCELLED", "Cancelled.")

#: Arrays of fewer bytes are not counted one by one: counting would cost more than they hold.
_SMALL = 4_096
_NESTING = frozenset({list, tuple, dict})
_local = threading.local()


class Stopped(BaseException):
    """Ends a computation from within; no Exception, so that nothing on the way takes it for a failure of its own."""


class Computation:
    """Limits of one computation, and what it holds; its threads share it.

    Attributes:
        begun: Monotonic time of its making, in seconds.
        held: Bytes of arrays, lists and texts that it holds and has told of.
        stopped_at: Monotonic time at which it was told to end; None while it may go on.
        interruptible: Whether its threads may be interrupted anywhere: it writes nothing that could be left half done.
    """

    def __init__(
        self,
        *,
        seconds: float = math.inf,
        memory_bytes: int = sys.maxsize,
        aggregations: int = sys.maxsize,
        interruptible: bool = False,
    ) -> None:
        """Starts the clock.

        Args:
            seconds: How long it may take.
            memory_bytes: What it may hold.
            aggregations: How many reductions of regions and collections it may make.
            interruptible: See the attribute.
        """
        self.begun = time.monotonic()
        self.held = 0
        self.stopped_at: float | None = None
        self.interruptible = interruptible
        self._deadline = self.begun + seconds
        self._memory = memory_bytes
        self._aggregations = aggregations
        self._reason: tuple[str, str] | None = None
        self._threads: set[int] = set()
        self._arrays: dict[int, weakref.ref[npt.NDArray[Any]]] = {}
        # Re-entrant: an array may be collected, and so be released, while its thread is in here.
        self._lock = threading.RLock()

    @property
    def error(self) -> ApiError:
        """Why it was stopped, as the client is told."""
        return ApiError(*(self._reason or CANCELLED))

    def stop(self, reason: tuple[str, str]) -> None:
        """Tells it to end at its next check; the first reason counts."""
        with self._lock:
            if self._reason is None:
                self._reason, self.stopped_at = reason, time.monotonic()

    def expire(self) -> None:
        """Stops it where its time is over."""
        if self._reason is None and time.monotonic() > self._deadline:
            self.stop(TIME)

    def check(self) -> None:
        """Raises Stopped where it must end."""
        self.expire()
        if self._reason is not None:
            raise Stopped

    def expect(self, size: int) -> None:
        """Raises Stopped where `size` more bytes would be too many; call it before they are allocated."""
        if self.held + size > self._memory:
            self.stop(MEMORY)
        self.check()

    def hold(self, size: int) -> None:
        """Counts bytes until they are released; raises Stopped where they are too many."""
        with self._lock:
            self.held += size
        if size > 0:
            self.expect(0)

    def release(self, size: int) -> None:
        """Counts bytes no longer."""
        with self._lock:
            self.held -= size

    def hold_array(self, array: npt.NDArray[Any]) -> None:
        """Counts an array until it is collected; views count once, as what they look at."""
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        size = owner.nbytes
        key = id(owner)
        if size < _SMALL or key in self._arrays:
            return

        def forget(_: object) -> None:
            with self._lock:
                if self._arrays.pop(key, None) is not None:
                    self.held -= size

        with self._lock:
            self._arrays[key] = weakref.ref(owner, forget)
        self.hold(size)

    def aggregate(self) -> None:
        """Counts one reduction of a region or a collection; raises Stopped where there were too many."""
        with self._lock:
            self._aggregations -= 1
        if self._aggregations < 0:
            self.stop(AGGREGATIONS)
        self.check()

    def run(self, work: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
        """Does the work as part of this computation.

        Raises:
            ApiError: The computation was stopped: too much memory, too long, too many aggregations, not wanted.
        """
        try:
            return self.within(work, *arguments, **options)
        except MemoryError:
            self.stop(MEMORY)
            raise self.error from None
        except Stopped:
            raise self.error from None

    def within(self, work: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
        """The same for a thread that works for one in `run`: lets Stopped through to it."""
        thread = threading.get_ident()
        before = getattr(_local, "computation", None)
        try:
            _local.computation = self
            with self._lock:
                self._threads.add(thread)
            self.check()
            return work(*arguments, **options)
        finally:
            # An interruption may strike here as well; the thread must not leave before it is safe from the next one.
            while thread in self._threads:
                try:
                    self._leave(thread)
                except Stopped:
                    continue
            _local.computation = before

    def _leave(self, thread: int) -> None:
        with self._lock:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)
            self._threads.discard(thread)

    def interrupt(self) -> None:
        """Raises Stopped in every thread of it, wherever that is in Python's code; only after `stop`.

        A loop without a check ends so as well. A thread that imports a module is left alone: one that was loaded
        by half cannot be loaded again.
        """
        with self._lock:
            if self.interruptible and self._reason is not None:
                frames = sys._current_frames()
                for thread in self._threads:
                    if not _imports(frames.get(thread)):
                        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Stopped))


class Charge:
    """Bytes that something holds as long as it lives, counted for the computation that last used it."""

    def __init__(self) -> None:
        """Holds nothing yet."""
        self._computation = current()
        self._size = 0

    def add(self, size: int) -> None:
        """Counts more bytes; raises Stopped where they are too many."""
        computation = current()
        if computation is not self._computation:
            # What a map keeps outlives the computation that made it.
            kept, self._size = self._size, 0
            if self._computation is not None:
                self._computation.release(kept)
            self._computation, size = computation, size + kept
        if computation is not None:
            self._size += size
            computation.hold(size)

    def clear(self) -> None:
        """Counts them no longer."""
        size, self._size = self._size, 0
        if size and self._computation is not None:
            self._computation.release(size)

    def __del__(self) -> None:
        """Counts them no longer."""
        self.clear()


def current() -> Computation | None:
    """The computation that this thread works for."""
    found: Computation | None = getattr(_local, "computation", None)
    return found


def check() -> None:
    """Ends this thread's work where its computation must end; call it in loops that may be long."""
    computation = current()
    if computation is not None:
        computation.check()


def expect(size: int) -> None:
    """Call it before `size` bytes are allocated: ends the work where they would be too many."""
    computation = current()
    if computation is not None:
        computation.expect(size)


def spend(size: int) -> None:
    """Counts bytes until the computation ends: of what becomes part of its answer."""
    computation = current()
    if computation is not None:
        computation.hold(size)


def hold(*arrays: npt.NDArray[Any]) -> None:
    """Counts arrays as long as they live."""
    computation = current()
    if computation is not None:
        for array in arrays:
            computation.hold_array(array)


def carried(function: Callable[P, R]) -> Callable[P, R]:
    """The same function for a thread of a pool, where it works for the computation of this thread."""
    computation = current()
    if computation is None:
        return function

    def call(*arguments: P.args, **options: P.kwargs) -> R:
        return computation.within(function, *arguments, **options)

    return call


def size_of(value: Any) -> int:
    """About how many bytes a list, mapping, text or array holds; nested ones are counted where they were made."""
    if isinstance(value, str | bytes):
        return sys.getsizeof(value)
    if isinstance(value, list | tuple):
        # Numbers of their own beside the pointers, unless all are the same object, as `List.repeat` makes them.
        own = 32 if len(value) > 1 and value[0] is not value[-1] and isinstance(value[-1], int | float) else 0
        return 56 + len(value) * (8 + own)
    if isinstance(value, dict):
        return sys.getsizeof(value)
    data = getattr(value, "data", None)
    return data.nbytes if isinstance(data, np.ndarray) else 0


def extent(value: Any) -> int:
    """How many values lists and mappings hold, in all depths; those that appear many times count as often.

    Lists share their elements, so that a few calls of `List.repeat` make one of more values than could be visited:
    each list is visited once.
    """
    known: dict[int, int] = {}

    def count(item: Any) -> int:
        if not isinstance(item, list | tuple | dict):
            return 1
        if id(item) not in known:
            members = [*item.values()] if isinstance(item, dict) else item
            if _NESTING.isdisjoint(map(type, members)):
                below = len(members)
            elif members[0] is members[-1]:
                distinct = {id(member): member for member in members}
                below = sum(count(distinct[key]) * times for key, times in Counter(map(id, members)).items())
            else:
                below = sum(map(count, members))
            known[id(item)] = 1 + below
        return known[id(item)]

    return count(value)


def _imports(frame: Any) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
