"""Which Beam runner works on the export, what it is told, and how its job is followed, cancelled and counted."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from google.protobuf import json_format
from google_cloud_pipeline_components.container.v1.gcp_launcher.utils.gcp_labels_util import attach_system_labels
from google_cloud_pipeline_components.proto.gcp_resources_pb2 import GcpResources

from components.export_examples.job import LOCAL, METRICS, REQUESTS_PER_WORKER, Job
from earthline import run_name
from earthline.config import Export
from earthline.ending import tidy_at_sigterm

DATAFLOW = "DataflowRunner"
OURS = Path("/opt/earthline/bin/earthline-entry")
"""Is there in the image of steps and workers, and nowhere else."""
STARTER = Path("/opt/apache/beam/boot")
"""What a Beam worker is started by: containers/Dockerfile."""
_SERVICE = "https://dataflow.googleapis.com/v1b3"
CONNECT_SECONDS = 60.0
"""How long a job server may take to answer at all."""
_LONGEST_JOB_SECONDS = 30 * 24 * 3600

_logger = logging.getLogger(__name__)


class RunnerError(RuntimeError):
    """The runner cannot do its work; the text says why and what to do."""


def runner(export: Export) -> Any:
    """What `beam.Pipeline` takes as its runner.

    Args:
        export: The section.

    Raises:
        RunnerError: Workers are to run the image that this process runs in, and it cannot start one.
    """
    if export.runner == LOCAL:
        # "DirectRunner" by name would try to download another runner's binary first.
        return FnApiRunner()
    if export.worker_pool is None and OURS.exists() and not STARTER.exists():
        raise RunnerError(
            f"export.runner: {export.runner} starts workers from this image, which was built without Beam's starter; "
            "build it with --build-arg BEAM_BOOT=with (containers/README.md), or take the line `runner` out"
        )
    return export.runner


def workers(concurrency: int) -> int:
    """How many workers share a quota.

    Args:
        concurrency: Requests under way at once, of all workers together.
    """
    return max(1, concurrency // REQUESTS_PER_WORKER)


def options(job: Job, remote: Mapping[str, Any], elements: int = 1_000_000) -> PipelineOptions:
    """Beam's options for the runner.

    Args:
        job: What workers know.
        remote: Further options of a remote runner, such as `region`.
        elements: Of the graph's first collection: more workers than these would have nothing to do.
    """
    export = job.export
    if export.runner == LOCAL:
        return PipelineOptions([])
    given = {**remote, "project": job.project, "number_of_worker_harness_threads": 1}
    return PipelineOptions.from_dictionary(
        {**given, **(_dataflow(job, remote, elements) if export.runner == DATAFLOW else _portable(job, remote))}
    )


def _dataflow(job: Job, remote: Mapping[str, Any], elements: int) -> dict[str, Any]:
    # Dataflow refuses a second active job of one name.
    named = {"job_name": run_name.new(str(remote["job_name"]))} if remote.get("job_name") else {}
    count = max(1, min(workers(job.export.concurrency), elements))
    return {
        **named,
        "labels": [*remote.get("labels", ()), *_labels_of_run(remote)],
        # Workers wait for Earth Engine nearly all the time: what scales by processor load would take them away, and
        # each holds its share of the quota.
        "num_workers": count,
        "max_num_workers": count,
        "autoscaling_algorithm": "NONE",
        # Else a machine runs a process for each of its processors, and each of these takes a worker's share.
        "experiments": [*remote.get("experiments", ()), "no_use_multiple_sdk_containers"],
    }


def _labels_of_run(remote: Mapping[str, Any]) -> list[str]:
    """What Vertex AI puts on the resources of a pipeline's run, so that their costs are found by it."""
    there = {label.partition("=")[0] for label in remote.get("labels", ())}
    found: dict[str, str] = attach_system_labels({}) or {}
    return [f"{key}={value}" for key, value in found.items() if key not in there]


def _portable(job: Job, remote: Mapping[str, Any]) -> dict[str, Any]:
    pool = job.export.worker_pool
    # Beam (2.77) ends its stream of a job's states after these seconds, and takes that for the job's own failure.
    lasting = {"job_endpoint": job.export.job_endpoint, "job_server_timeout": _LONGEST_JOB_SECONDS}
    where = (
        {"environment_type": "EXTERNAL", "environment_config": pool}
        if pool
        else {"environment_type": "DOCKER", "environment_config": remote.get("sdk_container_image", "")}
    )
    return {**lasting, **where}


def run(pipeline: beam.Pipeline, resources: str = "") -> beam.runners.runner.PipelineResult:
    """Runs a pipeline to its end; a step that is cancelled cancels its job first.

    Args:
        pipeline: Complete.
        resources: File to write Dataflow's job into, as Google's own components do, so that the Vertex AI console links
            to it; empty where nobody asks.

    Raises:
        RunnerError: The job server does not answer.
        Exception: The runner's own, which tells what a worker raised.
    """
    if isinstance(pipeline.runner, FnApiRunner):
        done = pipeline.run()
        done.wait_until_finish()
        return done
    if endpoint := pipeline.options.view_as(PortableOptions).job_endpoint:
        _require_answer(endpoint)
    with tidy_at_sigterm():
        begun = pipeline.run()
        try:
            _record(pipeline, begun, resources)
            begun.wait_until_finish()
        except (SystemExit, KeyboardInterrupt):
            _logger.warning("export_examples: cancelled; cancels its job too")
            begun.cancel()
            raise
    return begun


def _require_answer(endpoint: str) -> None:
    with grpc.insecure_channel(endpoint) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=CONNECT_SECONDS)
        except grpc.FutureTimeoutError as error:
            raise RunnerError(
                f"export.job_endpoint: no job server answers at {endpoint} within {CONNECT_SECONDS:.0f} s; start it, "
                "or give the address that it listens at"
            ) from error


def _record(pipeline: beam.Pipeline, begun: beam.runners.runner.PipelineResult, resources: str) -> None:
    if not hasattr(begun, "job_id"):
        return
    asked = pipeline.options.get_all_options()
    place = f"projects/{asked['project']}/locations/{asked['region']}/jobs/{begun.job_id()}"
    _logger.info(
        "export_examples: https://console.cloud.google.com/dataflow/jobs/%s/%s?project=%s",
        asked["region"],
        begun.job_id(),
        asked["project"],
    )
    if resources:
        link(resources, f"{_SERVICE}/{place}")


def link(resources: str, *jobs: str) -> None:
    """Tells the Vertex AI console of jobs, as Google's own components do; of none, as their output must be there.

    Args:
        resources: File to write.
        jobs: Addresses of Dataflow's jobs.
    """
    written = GcpResources()
    for job in jobs:
        written.resources.add(resource_type="DataflowJob", resource_uri=job)
    file = Path(resources)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json_format.MessageToJson(written), encoding="utf-8")


def measured(result: beam.runners.runner.PipelineResult) -> dict[str, float]:
    """The export's own counters and distributions, by name; a distribution as its count, mean, least and most.

    Args:
        result: Of a pipeline that has ended.
    """
    metrics = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(METRICS))
    found: dict[str, float] = {}
    for counter in metrics["counters"]:
        name = counter.key.metric.name
        # A runner may give a counter that nobody has raised as nothing at all.
        found[name] = found.get(name, 0) + int(counter.result or 0)
    for name, parts in _by_name(metrics["distributions"]).items():
        count = sum(part.count for part in parts)
        found |= {
            f"{name}_count": int(count),
            f"{name}_mean": sum(part.sum for part in parts) / count,
            f"{name}_min": float(min(part.min for part in parts)),
            f"{name}_max": float(max(part.max for part in parts)),
        }
    return dict(sorted(found.items()))


def sentences(result: beam.runners.runner.PipelineResult, name: str) -> list[str]:
    """What workers tell of their work, in a sentence each.

    Args:
        result: Of a pipeline that has ended.
        name: Of the set: `REFUSALS` or `REROUTES`.
    """
    metrics = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(METRICS).with_name(name))
    return sorted({text for each in metrics.get("string_sets", ()) for text in each.result or ()})


def _by_name(distributions: Iterable[Any]) -> dict[str, list[Any]]:
    """Results that are not empty: one name may stand in several steps of the graph."""
    found: dict[str, list[Any]] = {}
    for each in distributions:
        if each.result is not None and each.result.count:
            found.setdefault(each.key.metric.name, []).append(each.result)
    return found
