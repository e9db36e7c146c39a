"""The Beam step that fetches patches."""

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import apache_beam as beam
import numpy as np

from components.export_examples.fetching import windows
from components.export_examples.job import REQUESTS_PER_WORKER, Job
from components.export_examples.planning.plan import PlannedPatch
from earthline.earth_engine.connection import connect
from earthline.earth_engine.pixels import stream

PROGRESS_SECONDS = 5.0

_logger = logging.getLogger(__name__)
Fetched = tuple[np.ndarray[Any, Any], int]
"""Pixels of a patch, and the requests that they took."""


class FetchPatches(beam.DoFn):  # type: ignore[misc]  # Beam publishes no types
    """Fetches a batch of patches by threads that do nothing else."""

    def __init__(self, job: Job) -> None:
        """Keeps what `setup` needs on the worker."""
        self._job = job

    def setup(self) -> None:
        """Connects the worker to Earth Engine and starts its threads."""
        export = self._job.export
        local = export.runner == "DirectRunner"
        self._threads = export.concurrency if local else min(REQUESTS_PER_WORKER, export.concurrency)
        connect(self._job.project, self._threads)
        self._image = windows.request_image(self._job.data, self._job.grid)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="fetch")
        self._done = 0
        self._start = self._said = time.monotonic()

    def process(self, batch: Sequence[PlannedPatch]) -> Iterator[tuple[PlannedPatch, Fetched]]:
        """Gives patches as they arrive; a few wait beside each thread, so that none idles."""
        for patch, fetched in stream(self._pool, self._fetch, batch, 2 * self._threads):
            yield patch, fetched
            self._progress()

    def teardown(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _fetch(self, patch: PlannedPatch) -> Fetched:
        job, export = self._job, self._job.export
        return windows.fetch_patch(
            self._image, job.data, job.grid, patch.row, patch.column, export.patch_shape, export.attempts
        )

    def _progress(self) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._said >= PROGRESS_SECONDS or self._done == self._job.total:
            self._said = now
            rate = self._done / max(now - self._start, 1e-9)
            _logger.info("export_examples: %d/%d patches, %.0f/s", self._done, self._job.total, rate)
