"""A run at one moment: the states of its steps, as Vertex AI tells them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipelines.resource_labels import WORKFLOW_LABEL
from pipelines.runs.steps import StepSpec

ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
"""States after which a run changes no more."""
ACCEPTED, REJECTED, NOTHING_NEW = "accepted", "rejected", "nothing new"
"""Outcomes of a run that succeeded: its model was deployed, was not good enough, or there was no reason to train."""
CACHED = "SKIPPED"
"""State of a step whose outputs came from an earlier run."""
_DONE = ("SUCCEEDED", CACHED)


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Attributes:
        name: Name of the step, such as export_examples.
        state: WAITING, then Vertex AI's: PENDING, RUNNING, SUCCEEDED, SKIPPED (cached), FAILED, CANCELLED,
            NOT_TRIGGERED.
        started: When it started.
        ended: When it ended.
        error: What went wrong, in one or more lines.
        progress: Newest line of its log that tells how far it is, while it runs; else empty.
        job_id: Number of the custom job that runs its container, which is the key of its log.
        outputs: Uris of its output artifacts by name.
        failed_jobs: Likewise of each of its tries that has failed, oldest first.
    """

    name: str
    state: str = "WAITING"
    started: datetime | None = None
    ended: datetime | None = None
    error: str = ""
    progress: str = ""
    job_id: str = ""
    outputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    failed_jobs: tuple[str, ...] = ()

    @property
    def seconds(self) -> float | None:
        """Time from start to end in seconds; None unless both are known."""
        return None if self.started is None or self.ended is None else (self.ended - self.started).total_seconds()


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment.

    Attributes:
        job_id: Id of the pipeline job.
        workflow: Name of the workflow.
        state: Such as RUNNING, SUCCEEDED, FAILED, CANCELLED.
        created: When it was submitted.
        error: What went wrong with the run as a whole.
        steps: Its steps, in an order in which each follows those that it needs.
        scheduled: True where a schedule started it.
        outcome: What became of its model, such as `accepted`, with `(cached)` where an earlier run has trained it;
            empty where nothing can be said: the run has not succeeded, or is of another kind.
    """

    job_id: str
    workflow: str
    state: str
    created: datetime
    error: str
    steps: tuple[Step, ...]
    scheduled: bool = False
    outcome: str = ""

    @property
    def ended(self) -> bool:
        """True where nothing will change any more."""
        return self.state in ENDED


def snapshot(resource: Any, specs: tuple[StepSpec, ...]) -> Snapshot:
    """What a PipelineJob resource says.

    Args:
        resource: `google.cloud.aiplatform_v1.types.PipelineJob`.
        specs: Steps of its pipeline.
    """
    details = {detail.task_name: detail for detail in resource.job_detail.task_details}
    return Snapshot(
        job_id=str(resource.name).rpartition("/")[2],
        # Google gives the runs of a schedule a display name of their own.
        workflow=resource.labels.get(WORKFLOW_LABEL, resource.display_name),
        state=resource.state.name.removeprefix("PIPELINE_STATE_"),
        outcome=_outcome(resource.state.name, {name: detail.state.name for name, detail in details.items()}),
        created=resource.create_time,
        error=resource.error.message,
        steps=tuple(_step(spec, details.get(spec.task)) for spec in specs),
        scheduled=bool(resource.schedule_name),
    )


def _outcome(state: str, tasks: Mapping[str, str]) -> str:
    """What became of a run's model.

    Args:
        state: Of the run.
        tasks: States by name of the task.
    """
    if not state.endswith("_SUCCEEDED"):
        return ""
    for task, outcome in (("deploy-model", ACCEPTED), ("preview-map", REJECTED)):
        if tasks.get(task) in _DONE:
            return f"{outcome} (cached)" if tasks.get("train-model") == CACHED else outcome
    trained = tasks.get("train-model") in _DONE
    return NOTHING_NEW if tasks.get("detect-changes") in _DONE and not trained else ""


def _step(spec: StepSpec, detail: Any) -> Step:
    if detail is None:
        return Step(spec.name)
    executor = detail.executor_detail
    job = executor.custom_job_detail.job or executor.container_detail.main_job
    failed = [*executor.custom_job_detail.failed_jobs, *executor.container_detail.failed_main_jobs]
    return Step(
        name=spec.name,
        state=detail.state.name,
        started=detail.start_time or None,
        ended=detail.end_time or None,
        error=detail.error.message,
        job_id=_number(job or (failed[-1] if failed else "")),
        failed_jobs=tuple(map(_number, failed)),
        outputs={name: tuple(artifact.uri for artifact in each.artifacts) for name, each in detail.outputs.items()},
    )


def _number(job: str) -> str:
    return str(job).rpartition("/")[2]
