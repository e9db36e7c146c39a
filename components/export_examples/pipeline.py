"""The Beam pipeline: fetch | encode | write shards | write the manifest. Plumbing only; the work is done elsewhere."""

import errno
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from components.export_examples.fetching.fetch import REQUESTS_PER_WORKER, FetchPatches
from components.export_examples.job import Job
from components.export_examples.planning.plan import PlannedPatch
from components.export_examples.writing.encode import EncodePatches
from components.export_examples.writing.manifest import WriteManifest
from components.export_examples.writing.shards import WriteShard
from earthline.formats.manifest import Manifest

BATCH = 512
"""Patches that one call of the fetching function spreads over its threads."""


class ExportError(RuntimeError):
    """The patches could not be written; the text says why and what to do."""


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
