"""A schedule in brief, as lists and messages show it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.resource_labels import WORKFLOW_LABEL


@dataclass(frozen=True)
class Summary:
    """A schedule in brief.

    Attributes:
        resource_name: Full resource name.
        workflow: Name of the workflow.
        state: ACTIVE, PAUSED or COMPLETED.
        cron: When runs are due.
        next_run: When the next one is; None where none is planned.
        started: Runs so far.
        last_run: When the last one was due; None before the first.
        last_response: `OK`, or why it did not start.
    """

    resource_name: str
    workflow: str
    state: str
    cron: str
    next_run: datetime | None
    started: int
    last_run: datetime | None
    last_response: str

    @property
    def console(self) -> str:
        """Address of the schedule in Google Cloud's console."""
        _, project, _, location, _, number = self.resource_name.split("/")
        return (
            f"https://console.cloud.google.com/vertex-ai/locations/{location}/pipelines/schedules/{number}"
            f"?project={project}"
        )


def summary(schedule: Any) -> Summary:
    """A schedule in brief.

    Args:
        schedule: `google.cloud.aiplatform_v1.types.Schedule`.
    """
    last = schedule.last_scheduled_run_response
    return Summary(
        resource_name=schedule.name,
        workflow=schedule.create_pipeline_job_request.pipeline_job.labels[WORKFLOW_LABEL],
        state=schedule.state.name,
        cron=schedule.cron,
        next_run=schedule.next_run_time or None,
        started=schedule.started_run_count,
        last_run=last.scheduled_run_time or None,
        last_response=last.run_response,
    )
