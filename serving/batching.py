"""Tiles of all requests under way, in one bounded queue, and the threads that compute them.

Who computes takes the oldest tile and with it those of the same shape that wait anyway, up to the runtime's batch.
Nobody waits for a batch to fill: where there is nothing to wait for, the wait is all that it costs.
"""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from earthline.runtimes import Runtime
from serving.metrics import Metrics
from serving.payloads import Array, Tile
from serving.predictor import BusyError

_NEWEST = 0.1
"""Weight of the newest batch in the mean time of a tile."""
_LONGEST_RETRY = 60
END_SECONDS = 2.0
"""How long threads are waited for at the end, all together."""


@dataclass
class _Job:
    """The tiles of one request.

    Attributes:
        results: By place; None until computed.
        left: How many are still to compute.
        ends: When its caller no longer waits, by the monotonic clock.
        done: Called once, from any thread, with an exception or with None.
        over: True once `done` was called, or nobody wants it any more.
    """

    results: list[Any]
    left: int
    ends: float
    done: Callable[[BaseException | None], None]
    over: bool = False


@dataclass(frozen=True)
class _Waiting:
    job: _Job
    place: int
    tile: Tile
    since: float
    shape: tuple[int, ...]


class Batching:
    """The queue in front of a runtime."""

    def __init__(self, runtime: Runtime, metrics: Metrics, *, most_waiting: int, deadline_seconds: float) -> None:
        """Starts one thread for each call that the runtime likes to have at once.

        Args:
            runtime: A loaded model.
            metrics: Where waiting and computing is told.
            most_waiting: Tiles that may wait; a request that finds none waiting may have more.
            deadline_seconds: Longest time from the arrival of a request to its last tile.
        """
        self._runtime = runtime
        self._metrics = metrics
        self._most = most_waiting
        self._deadline = deadline_seconds
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._tile_seconds = 0.0
        metrics.waiting.set_function(lambda: len(self._queue))
        self._threads = [
            threading.Thread(target=self._work, name=f"compute-{number}", daemon=True)
            for number in range(runtime.calls)
        ]
        for thread in self._threads:
            thread.start()

    async def results(self, tiles: Sequence[Tile]) -> list[Array]:
        """What the model gives.

        Whoever stops waiting for this takes its tiles out of the queue.

        Args:
            tiles: One array (height, width) per input and tile.

        Returns:
            float32 (height, width, entries) of each tile.

        Raises:
            BusyError: Too many tiles wait, or they would wait too long.
        """
        loop = asyncio.get_running_loop()
        waited: asyncio.Future[None] = loop.create_future()

        def set_done(error: BaseException | None) -> None:
            if waited.cancelled():
                return
            if error is None:
                waited.set_result(None)
            else:
                waited.set_exception(error)

        def done(error: BaseException | None) -> None:
            try:
                loop.call_soon_threadsafe(set_done, error)
            except RuntimeError:
                pass  # the loop ended, and with it whoever waits

        job = self._add(tiles, done)
        try:
            await waited
        finally:
            job.over = True
        return job.results

    def retry_seconds(self) -> int:
        """When the queue will be about empty."""
        return min(_LONGEST_RETRY, max(1, math.ceil(self._wait(len(self._queue)))))

    def end(self) -> None:
        """Lets the threads end after what they compute; what waits is not computed any more.

        A call of the model that takes longer than any caller waits keeps nobody: such a thread ends with the process.
        """
        with self._changed:
            self._ended = True
            left, self._queue = self._queue, deque()
            self._changed.notify_all()
        for waiting in left:
            self._finish(waiting.job, BusyError("the server ends", 1))
        ends = time.monotonic() + END_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))

    def _wait(self, tiles: int) -> float:
        """Seconds that so many tiles take."""
        return tiles * self._tile_seconds / self._runtime.calls

    def _add(self, tiles: Sequence[Tile], done: Callable[[BaseException | None], None]) -> _Job:
        now = time.monotonic()
        job = _Job([None] * len(tiles), len(tiles), now + self._deadline, done)
        with self._changed:
            waiting = len(self._queue)
            if self._ended or (waiting and waiting + len(tiles) > self._most):
                self._metrics.refused.labels("queue").inc()
                raise BusyError(f"{waiting} tiles are waiting; at most {self._most} may", self.retry_seconds())
            if self._wait(waiting) > self._deadline:
                self._metrics.refused.labels("deadline").inc()
                raise BusyError(
                    f"{waiting} tiles are waiting, for more than {self._deadline:g} s", self.retry_seconds()
                )
            for place, tile in enumerate(tiles):
                shape = next(iter(tile.values())).shape
                self._queue.append(_Waiting(job, place, tile, now, shape))
            self._changed.notify(len(tiles))
        return job

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._ended:
                    self._changed.wait()
                if self._ended:
                    return
                batch = self._taken()
            if batch:
                self._compute(batch)

    def _taken(self) -> list[_Waiting]:
        """The oldest tile and others of its shape; those that nobody waits for any more are dropped."""
        now = time.monotonic()
        batch: list[_Waiting] = []
        passed: list[_Waiting] = []
        while self._queue and len(batch) < self._runtime.batch:
            waiting = self._queue.popleft()
            if waiting.job.over:
                continue
            if now > waiting.job.ends:
                self._metrics.refused.labels("deadline").inc()
                self._finish(
                    waiting.job,
                    BusyError(f"not computed within {self._deadline:g} s", self.retry_seconds()),
                )
            elif not batch or waiting.shape == batch[0].shape:
                batch.append(waiting)
            else:
                passed.append(waiting)
        self._queue.extendleft(reversed(passed))
        return batch

    def _compute(self, batch: list[_Waiting]) -> None:
        began = time.monotonic()
        try:
            if len(batch) == 1:
                inputs = {name: values[np.newaxis] for name, values in batch[0].tile.items()}
            else:
                inputs = {name: np.stack([each.tile[name] for each in batch]) for name in batch[0].tile}
            found = self._runtime.predict(inputs)
            if len(found) != len(batch):
                raise ValueError(f"{self._runtime.name} gives {len(found)} tiles for {len(batch)}")
        except Exception as error:
            # Said to each of them, who says it to the log; the thread goes on.
            for waiting in batch:
                self._finish(waiting.job, error)
            return
        seconds = time.monotonic() - began
        self._tile_seconds += (seconds / len(batch) - self._tile_seconds) * (_NEWEST if self._tile_seconds else 1)
        self._metrics.computed(len(batch), seconds, [began - each.since for each in batch])
        for waiting, result in zip(batch, found, strict=True):
            job = waiting.job
            job.results[waiting.place] = result
            with self._changed:
                job.left -= 1
                last = job.left == 0
            if last:
                self._finish(job, None)

    def _finish(self, job: _Job, error: BaseException | None) -> None:
        if not job.over:
            job.over = True
            job.done(error)
