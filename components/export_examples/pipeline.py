"""The Beam pipeline of a round: fetch | encode | collect in the spool. Plumbing only; the work is done elsewhere."""

import logging
from collections.abc import Mapping
from typing import Any

import apache_beam as beam

from components.export_examples import runners
from components.export_examples.fetching import requests
from components.export_examples.fetching.fetch import FetchPatches
from components.export_examples.fetching.requests import Requests, Ticket
from components.export_examples.job import LOCAL, REFUSALS, REROUTED, REROUTES, Job
from components.export_examples.writing.collecting import CollectPatches
from components.export_examples.writing.encode import EncodePatches
from earthline.earth_engine.retry import PixelsError

_logger = logging.getLogger(__name__)


def run(
    job: Job,
    asked: Requests,
    spool: str,
    remote: Mapping[str, Any],
    resources: str = "",
    *,
    done: int = 0,
    total: int | None = None,
) -> dict[str, float]:
    """Fetches patches into the spool.

    Args:
        job: What workers know.
        asked: Patches to fetch.
        spool: Its folder, a path or a gs:// URI.
        remote: Further Beam options of a remote runner, such as `region`.
        resources: File to write Dataflow's job into.
        done: Patches that are there already, for the line of progress.
        total: Patches that there will be.

    Returns:
        Counters and distributions, as `runners.measured`; `REROUTED` among them where no request gives some patches.

    Raises:
        PixelsError: Earth Engine refuses a request, or does not answer.
        OSError: The spool cannot be written (under a remote runner, the runner's own error).
    """
    local = job.export.runner == LOCAL
    elements = [Ticket.of(asked)] if local else list(asked.parts(requests.parts(len(asked), job.export)))
    options = runners.options(job, remote, len(elements))
    graph = beam.Pipeline(runner=runners.runner(job.export), options=options)
    _ = (
        graph
        | "plan" >> beam.Create(elements, reshuffle=not local)
        | "fetch" >> beam.ParDo(FetchPatches(job, done, total if local else None))
        | "encode" >> beam.ParDo(EncodePatches(job))
        | "collect" >> beam.ParDo(CollectPatches(spool))
    )
    result = runners.run(graph, resources)
    refused = runners.sentences(result, REFUSALS)
    if refused:
        raise PixelsError(refused[0] + (f" (and {len(refused) - 1:,} more)" if len(refused) > 1 else ""))
    counted = runners.measured(result)
    for why in runners.sentences(result, REROUTES)[:1]:
        _logger.warning(
            "export_examples: %d patches come by no request, and are left to export tasks: %s", counted[REROUTED], why
        )
    return counted


def joined(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """Counters and distributions of two rounds together.

    Args:
        one: As `run` gives them.
        other: Likewise.
    """
    found = dict(one)
    for name, value in other.items():
        kind = name.rpartition("_")[2]
        if name not in one:
            found[name] = value
        elif kind in ("min", "max"):
            found[name] = (min if kind == "min" else max)(one[name], value)
        elif kind == "mean":
            first, second = (each[f"{name.removesuffix(kind)}count"] for each in (one, other))
            found[name] = (first * one[name] + second * value) / (first + second)
        else:
            found[name] = one[name] + value
    return found
