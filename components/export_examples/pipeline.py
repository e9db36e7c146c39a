"""The Beam pipeline: fetch | encode | write shards | write the manifest. Plumbing only; the work is done elsewhere."""

import errno
import functools
import logging
import operator
import posixpath
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from components.export_examples import fetching
from components.export_examples.features import Foreign
from components.export_examples.plan import PlannedPatch
from earthline.config import Data, Export
from earthline.earth_engine.connection import connect
from earthline.earth_engine.pixels import stream
from earthline.formats.examples import labelled
from earthline.formats.manifest import MANIFEST, Manifest, Shard, SplitSummary
from earthline.formats.shards import frame
from earthline.grid import Grid
from earthline.task import task_of
from earthline.task.labels import LabelStatistics

REQUESTS_PER_WORKER = 5
"""A small share of the quota for each worker measured best: stalls of one do not idle the others."""
BATCH = 512
"""Patches that one call of the fetching function spreads over its threads."""
PROGRESS_SECONDS = 5.0

_logger = logging.getLogger(__name__)
_Fetched = tuple[np.ndarray[Any, Any], int]
"""Pixels of a patch, and the requests that they took."""


class ExportError(RuntimeError):
    """The patches could not be written; the text says why and what to do."""


@dataclass(frozen=True)
class Job:
    """What every worker knows.

    Attributes:
        data: The section.
        export: The section.
        project: Google Cloud project that the requests count against.
        grid: Of the whole region.
        folder: Where shards and manifest go: a path or a gs:// URI.
        total: Number of patches.
        foreign: Features that are no label in the patches of a split, by split.
    """

    data: Data
    export: Export
    project: str
    grid: Grid
    folder: str
    total: int
    foreign: Mapping[str, Foreign] = field(default_factory=dict)


@dataclass(frozen=True)
class WrittenShard:
    """What one shard holds.

    Attributes:
        split: Name of its split.
        shard: File name.
        examples: Number of examples.
        labels: Statistics of its labels.
        unlabelled: Number of pixels without a label.
        masked: Number of pixels whose image is masked.
        requests: Number of requests for its pixels.
    """

    split: str
    shard: str
    examples: int
    labels: LabelStatistics
    unlabelled: int
    masked: int
    requests: int = 0


def run(job: Job, planned: Sequence[PlannedPatch], manifest: Manifest, remote: Mapping[str, Any]) -> None:
    """Fetches and writes everything; the manifest comes last, so a folder without one is not finished.

    Args:
        job: What workers know.
        planned: Patches to fetch.
        manifest: Complete but for its `splits` and `requests`.
        remote: Further Beam options of a remote runner, such as `region`.

    Raises:
        PixelsError: Earth Engine does not answer (under a remote runner, the runner's own error).
        ExportError: A full disk.
    """
    local = job.export.runner == "DirectRunner"
    # "DirectRunner" by name would try to download another runner's binary first.
    runner = FnApiRunner() if local else job.export.runner
    with _explained(job.folder):
        with beam.Pipeline(runner=runner, options=options(job, remote)) as pipeline:
            _ = (
                pipeline
                | "plan" >> beam.Create(list(planned), reshuffle=not local)
                | "batch" >> beam.BatchElements(min_batch_size=1 if not local else BATCH, max_batch_size=BATCH)
                | "fetch" >> beam.ParDo(FetchPatches(job))
                | "encode" >> beam.ParDo(EncodePatches(job))
                | "by shard" >> beam.GroupByKey()
                | "write" >> beam.MapTuple(WriteShard(job.folder))
                | "gather" >> beam.combiners.ToList()
                | "manifest" >> beam.Map(WriteManifest(job.folder, manifest))
            )


def run_suffix() -> str:
    """The moment and four random digits: two runs within one second get two names."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def options(job: Job, remote: Mapping[str, Any]) -> PipelineOptions:
    """Beam's options for the runner.

    Args:
        job: What workers know.
        remote: Further options of a remote runner.
    """
    export = job.export
    if export.runner == "DirectRunner":
        return PipelineOptions([])
    # Dataflow refuses a second active job of one name.
    named = {"job_name": f"{remote['job_name']}-{run_suffix()}"} if remote.get("job_name") else {}
    return PipelineOptions.from_dictionary(
        {
            **remote,
            **named,
            "project": job.project,
            "max_num_workers": max(1, export.concurrency // REQUESTS_PER_WORKER),
            "number_of_worker_harness_threads": 1,
        }
    )


@contextmanager
def _explained(folder: str) -> Iterator[None]:
    """Says what to do about a full disk; Beam wraps the workers' errors, so their text is what can be recognized."""
    try:
        yield
    except Exception as error:
        if f"[Errno {errno.ENOSPC}]" not in str(error):
            raise
        raise ExportError(
            f"{folder}: the disk is full; free some space or ask for fewer export.examples, and run again (nothing "
            "half-written counts: the manifest is written last)"
        ) from error


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
        self._image = fetching.request_image(self._job.data, self._job.grid)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="fetch")
        self._done = 0
        self._start = self._said = time.monotonic()

    def process(self, batch: Sequence[PlannedPatch]) -> Iterator[tuple[PlannedPatch, _Fetched]]:
        """Gives patches as they arrive; a few wait beside each thread, so that none idles."""
        for patch, fetched in stream(self._pool, self._fetch, batch, 2 * self._threads):
            yield patch, fetched
            self._progress()

    def teardown(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _fetch(self, patch: PlannedPatch) -> _Fetched:
        job, export = self._job, self._job.export
        return fetching.fetch_patch(
            self._image, job.data, job.grid, patch.row, patch.column, export.patch_shape, export.attempts
        )

    def _progress(self) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._said >= PROGRESS_SECONDS or self._done == self._job.total:
            self._said = now
            rate = self._done / max(now - self._start, 1e-9)
            _logger.info("export_examples: %d/%d patches, %.0f/s", self._done, self._job.total, rate)


@dataclass(frozen=True)
class EncodedPatch:
    """An example, and what its shard tells of it.

    Attributes:
        row: Row of its first pixel on the region's grid.
        column: Column of its first pixel on the region's grid.
        example: The serialized example.
        labels: Statistics of its labels.
        unlabelled: Number of pixels without a label.
        masked: Number of pixels whose image is masked.
        requests: Number of requests for its pixels.
    """

    row: int
    column: int
    example: bytes
    labels: LabelStatistics
    unlabelled: int
    masked: int
    requests: int


class EncodePatches(beam.DoFn):  # type: ignore[misc]  # Beam publishes no types
    """Makes an example of the pixels of a patch."""

    def __init__(self, job: Job) -> None:
        """Keeps what encoding needs on the worker."""
        self._data, self._shape, self._foreign = job.data, job.export.patch_shape, job.foreign

    def setup(self) -> None:
        """Makes the task that counts."""
        self._task = task_of(self._data)

    def process(self, fetched: tuple[PlannedPatch, _Fetched]) -> Iterator[tuple[tuple[str, str], EncodedPatch]]:
        """Gives (split, shard) and the patch."""
        planned, (pixels, requests) = fetched
        patch = fetching.to_patch(pixels, self._data, planned.row, planned.column, self._shape)
        if planned.split in self._foreign:
            patch = self._foreign[planned.split].masked(patch)
        there = labelled(patch.label)
        yield (
            (planned.split, planned.shard),
            EncodedPatch(
                row=patch.row,
                column=patch.column,
                example=patch.encode(),
                labels=self._task.statistics(patch.label[there]),
                unlabelled=int((~there).sum()),
                masked=int((~patch.valid).sum()),
                requests=requests,
            ),
        )


@dataclass(frozen=True)
class WriteShard:
    """Writes the examples of one shard, in order of row and column.

    Attributes:
        folder: A path or a gs:// URI.
    """

    folder: str

    def __call__(self, key: tuple[str, str], patches: Iterable[EncodedPatch]) -> WrittenShard:
        """Gives what was written."""
        split, shard = key
        ordered = sorted(patches, key=lambda patch: (patch.row, patch.column))
        write_whole(self.folder, shard, (frame(patch.example) for patch in ordered))
        return WrittenShard(
            split=split,
            shard=shard,
            examples=len(ordered),
            labels=functools.reduce(operator.add, (patch.labels for patch in ordered)),
            unlabelled=sum(patch.unlabelled for patch in ordered),
            masked=sum(patch.masked for patch in ordered),
            requests=sum(patch.requests for patch in ordered),
        )


@dataclass(frozen=True)
class WriteManifest:
    """Writes the manifest once every shard is there.

    Attributes:
        folder: A path or a gs:// URI.
        manifest: Complete but for its `splits` and `requests`.
    """

    folder: str
    manifest: Manifest

    def __call__(self, written: Sequence[WrittenShard]) -> None:
        """Fills in the splits and writes."""
        splits = {}
        for split in sorted({shard.split for shard in written}):
            shards = sorted((shard for shard in written if shard.split == split), key=lambda shard: shard.shard)
            labels = functools.reduce(operator.add, (shard.labels for shard in shards))
            splits[split] = SplitSummary(
                examples=sum(shard.examples for shard in shards),
                shards=tuple(Shard(name=shard.shard, examples=shard.examples) for shard in shards),
                labels=labels.to_json(),
                labelled_pixels=labels.pixels,
                unlabelled_pixels=sum(shard.unlabelled for shard in shards),
                masked_pixels=sum(shard.masked for shard in shards),
            )
        complete = self.manifest.model_copy(
            update={"splits": splits, "requests": sum(shard.requests for shard in written)}
        )
        write_whole(self.folder, MANIFEST, [complete.model_dump_json(indent=2).encode() + b"\n"])


def write_whole(folder: str, name: str, pieces: Iterable[bytes]) -> None:
    """Writes a file under another name first, so that under its own it is either whole or not there.

    Args:
        folder: A path or a gs:// URI.
        name: File name.
        pieces: Content.
    """
    temporary, final = posixpath.join(folder, f"{name}.part"), posixpath.join(folder, name)
    with FileSystems.create(temporary, mime_type="application/octet-stream") as file:
        for piece in pieces:
            file.write(piece)
    if FileSystems.exists(final):
        FileSystems.delete([final])
    FileSystems.rename([temporary], [final])
