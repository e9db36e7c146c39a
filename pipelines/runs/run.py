"""A run on Vertex AI: the states of its steps, their progress and their logs."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

import requests
from google.api_core.exceptions import ClientError, GoogleAPIError, NotFound, TooManyRequests
from google.auth.exceptions import TransportError
from google.cloud import aiplatform

from earthline.vertex.connection import connect
from pipelines.resource_labels import WORKFLOW_LABEL
from pipelines.runs.logs import Logs
from pipelines.runs.snapshots import Snapshot, Step, snapshot
from pipelines.runs.steps import steps_in_order

POLL_SECONDS = 0.7
_LOG_SECONDS = 2.0
"""Between two looks at the logs: Cloud Logging allows 60 reads a minute in a project."""
_PATIENCE_SECONDS = 30.0
_TIMEOUT_SECONDS = 20.0
_GONE_SECONDS = 5.0
"""Between two questions whether what does not answer is gone for good."""
_UNREACHABLE = (GoogleAPIError, requests.RequestException, TransportError)


class LostError(ConnectionError):
    """The environment that runs the pipeline does not answer any more."""


class UnknownRunError(ValueError):
    """There is no such run."""


class Run:
    """A pipeline job on Vertex AI."""

    def __init__(self, project: str, location: str, job_id: str) -> None:
        """Finds the job.

        Args:
            project: Google Cloud project id.
            location: Vertex AI location.
            job_id: Id of the pipeline job.

        Raises:
            UnknownRunError: There is no such job.
        """
        connect(project, location)
        try:
            self._job = aiplatform.PipelineJob.get(job_id)
        except NotFound as error:
            raise UnknownRunError(
                f"no run '{job_id}' in project {project}, location {location}; `earthline runs list` shows all"
            ) from error
        resource = self._job.gca_resource
        self._specs = steps_in_order(type(resource).to_dict(resource)["pipeline_spec"])
        self._logs = Logs(project)
        self._custom_jobs: dict[str, str] = {}

    @property
    def job_id(self) -> str:
        """Id of the pipeline job."""
        return str(self._job.gca_resource.name).rpartition("/")[2]

    @property
    def console(self) -> str:
        """Address of the run in Google Cloud's console."""
        _, project, _, location, _, job_id = str(self._job.gca_resource.name).split("/")
        return (
            f"https://console.cloud.google.com/vertex-ai/locations/{location}/pipelines/runs/{job_id}?project={project}"
        )

    def read(self) -> Snapshot:
        """How the run stands now, without progress.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Vertex AI refuses.
            requests.RequestException: It cannot be reached.
        """
        # Without the client's own retries, which hide for two minutes that nothing answers.
        resource = self._job.api_client.get_pipeline_job(
            name=self._job.resource_name, retry=None, timeout=_TIMEOUT_SECONDS
        )
        return snapshot(resource, self._specs)

    def follow(self, gone: Callable[[], str] = lambda: "") -> Iterator[Snapshot]:
        """Snapshots until the run has ended, the last of them included.

        Args:
            gone: Says why what does not answer will not answer any more; empty where it may.

        Raises:
            LostError: Vertex AI is gone, or did not answer for half a minute.
        """
        progress: dict[str, str] = {}
        looked = 0.0
        while True:
            current = self._patiently_read(gone)
            running = [step for step in current.steps if step.state == "RUNNING"]
            if running and time.monotonic() - looked > _LOG_SECONDS:
                looked = time.monotonic()
                for step in running:
                    progress[step.name] = self._progress(step) or progress.get(step.name, "")
            steps = tuple(replace(step, progress=progress.get(step.name, "")) for step in current.steps)
            yield replace(current, steps=steps)
            if current.ended:
                return
            time.sleep(POLL_SECONDS)

    def cancel(self) -> None:
        """Asks Vertex AI to end the run; steps that have ended keep their results."""
        self._job.cancel()

    def log(self, step: Step) -> Iterator[str]:
        """Lines of a step's log, oldest first; nothing for a step that never ran.

        Tries that have failed come before the last one, each with a line that says so.

        Args:
            step: The step, from a snapshot of this run.

        Raises:
            requests.RequestException: Cloud Logging refuses.
        """
        job_id, since = self._working_job(step), _timestamp(self._job.gca_resource.create_time)
        earlier = [each for each in step.failed_jobs if each not in (job_id, step.job_id)]
        for place, each in enumerate(earlier):
            yield f"==> try {place + 1} of {step.name}, which failed"
            yield from self._logs.lines(each, since)
        if earlier:
            yield f"==> try {len(earlier) + 1} of {step.name}"
        if job_id:
            yield from self._logs.lines(job_id, since)

    def reason(self, step: Step) -> str:
        """Why a step failed; for one that launched a custom job, that job's own words.

        Args:
            step: The step, from a snapshot of this run.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Vertex AI refuses.
        """
        job_id = self._working_job(step)
        if job_id and job_id != step.job_id:
            return aiplatform.CustomJob.get(job_id).gca_resource.error.message or step.error
        return step.error

    def _patiently_read(self, gone: Callable[[], str]) -> Snapshot:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        asked = 0.0
        while True:
            try:
                return self.read()
            except _UNREACHABLE as error:
                if isinstance(error, ClientError) and not isinstance(error, TooManyRequests):
                    raise
                why = ""
                if time.monotonic() - asked > _GONE_SECONDS:
                    why, asked = gone(), time.monotonic()
                if time.monotonic() > deadline:
                    why = why or f"Vertex AI has not answered for {_PATIENCE_SECONDS:.0f} s ({_brief(error)})"
                if why:
                    raise LostError(
                        f"{why}. Run {self.job_id}: start the same command again, steps that have ended come from the "
                        "cache"
                    ) from error
                time.sleep(POLL_SECONDS)

    def _progress(self, step: Step) -> str:
        try:
            job_id = self._working_job(step)
            # Whoever reads it knows which step it is.
            return self._logs.progress(job_id).removeprefix(f"{step.name}: ") if job_id else ""
        except _UNREACHABLE:
            # Progress is a comfort: a run goes on without it, and a project may not let its users read logs.
            return ""

    def _working_job(self, step: Step) -> str:
        """Number of the job whose log tells of the work: of a launcher, the job that it started."""
        display_name = next((spec.custom_job for spec in self._specs if spec.name == step.name), "")
        if not display_name or step.started is None:
            return step.job_id
        if step.name not in self._custom_jobs:
            found = aiplatform.CustomJob.list(filter=f'display_name="{display_name}"', order_by="create_time desc")
            since = self._job.gca_resource.create_time
            jobs = [job.gca_resource for job in found]
            # A workflow has one run at a time, so the first job of that name since the run's start is the run's.
            mine = [job for job in jobs if job.display_name == display_name and job.create_time >= since]
            if not mine:
                return step.job_id
            self._custom_jobs[step.name] = str(mine[-1].name).rpartition("/")[2]
        return self._custom_jobs[step.name]


def list_runs(project: str, location: str, workflow: str | None = None) -> list[Snapshot]:
    """Runs of Earthline's workflows, newest first, without their steps.

    Args:
        project: Google Cloud project id.
        location: Vertex AI location.
        workflow: Only runs of this workflow.
    """
    connect(project, location)
    wanted = f'labels.{WORKFLOW_LABEL}="{workflow}"' if workflow else f"labels.{WORKFLOW_LABEL}:*"
    found = [job.gca_resource for job in aiplatform.PipelineJob.list(filter=wanted, order_by="create_time desc")]
    return [snapshot(job, ()) for job in found if WORKFLOW_LABEL in job.labels]


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:297]}..."


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
