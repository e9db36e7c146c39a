"""The Beam pipeline: fetch | encode | write shards | write the manifest. Plumbing only; the work is done elsewhere."""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import apache_beam as beam

from components.export_examples import runners
from components.export_examples.fetching.fetch import FetchPatches
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


def run(
    job: Job, planned: Sequence[PlannedPatch], manifest: Manifest, remote: Mapping[str, Any], resources: str = ""
) -> dict[str, float]:
    """Fetches and writes everything; the manifest comes last, so a folder without one is not finished.

    Args:
        job: What workers know.
        planned: Patches to fetch.
        manifest: Complete but for its `splits` and `requests`.
        remote: Further Beam options of a remote runner, such as `region`.
        resources: File to write Dataflow's job into.

    Returns:
        Counters and distributions, as `runners.measured`.

    Raises:
        PixelsError: Earth Engine does not answer (under a remote runner, the runner's own error).
        ExportError: A full disk.
    """
    local = job.export.runner == runners.LOCAL
    graph = beam.Pipeline(runner=runners.runner(job.export.runner), options=runners.options(job, remote))
    _ = (
        graph
        | "plan" >> beam.Create(list(planned), reshuffle=not local)
        | "batch" >> beam.BatchElements(min_batch_size=1 if not local else BATCH, max_batch_size=BATCH)
        | "fetch" >> beam.ParDo(FetchPatches(job))
        | "encode" >> beam.ParDo(EncodePatches(job))
        | "by shard" >> beam.GroupByKey()
        | "write" >> beam.MapTuple(WriteShard(job.folder))
        | "gather" >> beam.combiners.ToList()
        | "manifest" >> beam.Map(WriteManifest(job.folder, manifest))
    )
    with _explained(job.folder):
        return runners.measured(runners.run(graph, resources))


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
