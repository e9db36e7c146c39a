"""The Beam step that fetches patches."""

import logging
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics

from components.export_examples.fetching import windows
from components.export_examples.fetching.measuring import FEW, Meter
from components.export_examples.fetching.memory import return_freed
from components.export_examples.fetching.merging import DEFAULT
from components.export_examples.fetching.progress import Progress
from components.export_examples.fetching.requests import Requests, Ticket, Window, under_way, worth
from components.export_examples.fetching.windows import NoRequestError
from components.export_examples.job import LOCAL, METRICS, REFUSALS, REROUTED, REROUTES, Job
from earthline.earth_engine.connection import connect, traffic
from earthline.earth_engine.pixels import stream
from earthline.earth_engine.retry import PixelsError, UnansweredError

FURTHER_THREADS = 0.25
"""Threads beside those whose requests are under way, in parts of these: some wait for a second try."""
WORTH = 100
"""Least windows that are merged anew by what the first ones cost."""
SECONDS = (0.5, 1, 2, 4, 8, 16, 32, 64, 128)
"""Seconds that bound the bins in which times until windows arrive are counted."""
BY_TASKS = (
    "write export.method: pixels_then_batch and run it again: what no request gives then comes by tasks of Earth "
    "Engine, which have more memory and time (with method: batch all patches do); what has arrived is kept"
)
"""What to do where no request gives a patch."""

_logger = logging.getLogger(__name__)
_Array = np.ndarray[Any, Any]


class Arrived(NamedTuple):
    """A patch as it came.

    Attributes:
        split: Name of its split.
        row: Row of its first pixel on the region's grid.
        column: Column of its first pixel on the region's grid.
        pixels: Structured array of the shape of `windows.request_grid`.
    """

    split: str
    row: int
    column: int
    pixels: _Array


class _Answer(NamedTuple):
    """What came of a window: its pixels, or why Earth Engine did not answer; requests, and seconds until then."""

    pixels: _Array | UnansweredError | NoRequestError
    requests: int
    seconds: float


class FetchPatches(beam.DoFn):  # type: ignore[misc]  # Beam publishes no types
    """Fetches windows by threads that do nothing else, and gives the patches in them."""

    def __init__(self, job: Job, done: int = 0, total: int | None = None) -> None:
        """Keeps what `setup` needs on the worker.

        Args:
            job: What every worker knows.
            done: Patches that are there already, for the line of progress.
            total: Patches that there will be; None where each worker fetches some part of them.
        """
        self._job, self._done, self._total = job, done, total

    def setup(self) -> None:
        """Connects the worker to Earth Engine and starts its threads."""
        export = self._job.export
        share = under_way(export)
        self._threads = share + max(1, round(FURTHER_THREADS * share))
        connect(self._job.project, share, export.requests_per_second * share / export.concurrency)
        self._image = windows.request_image(self._job.data, self._job.grid)
        return_freed()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="fetch")
        self._progress = Progress(self._done, self._total, traffic)
        self._meter = Meter()

    def process(self, asked: Requests | Ticket) -> Iterator[Arrived]:
        """Gives patches as they arrive.

        Raises:
            PixelsError: Earth Engine refuses a request, which is tried once, or answers none of the last ones. A remote
                worker counts it instead, and gives no more: its runner would try everything again that is refused.
                Patches that no request gives are left out where tasks of Earth Engine bring them.
        """
        refused = traffic().refused
        try:
            yield from self._patches(asked.requests if isinstance(asked, Ticket) else asked)
        except PixelsError as error:
            if self._job.export.runner == LOCAL:
                raise
            _logger.error("export_examples: %s", error)
            Metrics.string_set(METRICS, REFUSALS).add(str(error))
        Metrics.counter(METRICS, "refused_requests").inc(traffic().refused - refused)

    def teardown(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _patches(self, requests: Requests) -> Iterator[Arrived]:
        put_aside: list[Window] = []
        yield from self._fetched(self._in_order(requests), put_aside)
        if put_aside:
            _logger.warning("export_examples: %d windows got no answer; asks for them again", len(put_aside))
            yield from self._fetched(iter(put_aside), None)

    def _fetched(self, asked: Iterator[Window], put_aside: list[Window] | None) -> Iterator[Arrived]:
        """Patches of windows as they arrive; windows without an answer are put aside, or an error where they are not.

        Where no window at all gets an answer any more, that is an error too: nothing is gained by asking for the rest.
        The patches of a window that no request gives are asked for one by one. Where none at all comes by a request,
        the rest is not asked for, and left to tasks as well.
        """
        shape, offset = self._job.export.patch_shape, self._job.data.labels.offset
        unanswered = arrived = left = 0
        apart: deque[Window] = deque()
        while True:
            turn = iter(lambda: apart.popleft() if apart else next(asked, None), None)
            # A few wait beside each thread, so that none idles.
            for window, answer in stream(self._pool, self._fetch, turn, 2 * self._threads):
                self._count(window, answer)
                if isinstance(answer.pixels, UnansweredError):
                    unanswered += 1
                    if put_aside is None or unanswered > self._threads:
                        raise answer.pixels
                    put_aside.append(window)
                    continue
                unanswered = 0
                if isinstance(answer.pixels, NoRequestError):
                    if len(window.patches) > 1:
                        boxes = [windows.box_of(row, column, shape, offset) for _, row, column in window.patches]
                        apart.extend(Window(box, (patch,)) for box, patch in zip(boxes, window.patches, strict=True))
                        continue
                    if not left:
                        Metrics.string_set(METRICS, REROUTES).add(str(answer.pixels))
                    Metrics.counter(METRICS, REROUTED).inc()
                    left += 1
                    self._progress.leave(1)
                    if left > self._threads and not arrived:
                        _logger.warning("export_examples: none of %d patches comes by a request; asks no more", left)
                        return
                    continue
                arrived += 1
                for split, row, column in window.patches:
                    pixels = windows.cut(answer.pixels, window.box, row, column, shape, offset)
                    yield Arrived(split, row, column, pixels)
                self._progress.add(len(window.patches))
            if not apart:
                return

    def _in_order(self, requests: Requests) -> Iterator[Window]:
        """The windows; after the first ones, those that what these cost calls for."""
        first, others = requests.apart(FEW)
        yield from map(requests.window, first)
        given = 0
        for place in others:
            costs = self._meter.costs
            if costs is not None and len(others) - given >= WORTH:
                break
            yield requests.window(place)
            given += 1
        else:
            return
        if costs is not None and costs != DEFAULT:
            rest = requests.only(others[given:])
            anew = Requests.of(rest.split, rest.corners, self._job.data, self._job.export, costs)
            if worth(rest.windows, anew.windows, costs):
                _logger.info(
                    "export_examples: a request costs %.3g s and a megapixel %.3g s: the rest comes by %d requests "
                    "instead of %d",
                    costs.request,
                    costs.megapixel,
                    len(anew),
                    len(rest),
                )
                yield from anew
                return
        yield from map(requests.window, others[given:])

    def _fetch(self, window: Window) -> _Answer:
        top, left, _, _ = window.box
        count = f"{len(window.patches)} patches" if len(window.patches) > 1 else "patch"
        begun = time.monotonic()
        try:
            pixels, requests = windows.fetch_window(
                self._image,
                self._job.grid,
                window.box,
                self._job.export.attempts,
                f"{count} at row {top}, column {left}",
            )
        except UnansweredError as error:
            return _Answer(error, self._job.export.attempts, time.monotonic() - begun)
        except NoRequestError as error:
            if not self._job.export.uses_tasks:
                raise NoRequestError(f"{error}; or {BY_TASKS}") from error
            return _Answer(error, error.requests, time.monotonic() - begun)
        return _Answer(pixels, requests, time.monotonic() - begun)

    def _count(self, window: Window, answer: _Answer) -> None:
        counted = {"requests": answer.requests, "windows": 1}
        if not isinstance(answer.pixels, PixelsError):
            counted |= {
                "fetched_patches": len(window.patches),
                "fetched_pixels": window.pixels,
                "fetched_bytes": answer.pixels.nbytes,
            }
            if answer.requests == 1:
                self._meter.add(window.pixels, answer.seconds)
            bound = next((bound for bound in SECONDS if answer.seconds <= bound), None)
            counted[f"windows_within_{bound:g}_s" if bound else f"windows_after_{SECONDS[-1]:g}_s"] = 1
            Metrics.distribution(METRICS, "window_milliseconds").update(round(1000 * answer.seconds))
        for name, number in counted.items():
            Metrics.counter(METRICS, name).inc(number)
