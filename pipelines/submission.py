"""Submitting a compiled pipeline to Vertex AI, one run of a workflow at a time."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from filelock import FileLock, Timeout
from google.cloud import aiplatform
from platformdirs import user_state_path

from earthline import run_name
from earthline.config import Config
from earthline.vertex.connection import connect
from pipelines.resource_labels import WORKFLOW_LABEL, resource_labels

_ACTIVE_STATES = frozenset({"QUEUED", "PENDING", "RUNNING", "CANCELLING", "PAUSED"})
_LOCK_SECONDS = 120
"""Longer than a slow submission takes."""


class ActiveRunError(RuntimeError):
    """The workflow runs already.

    Attributes:
        job_id: Id of the pipeline job that is under way.
    """

    def __init__(self, workflow: str, job_id: str) -> None:
        """Describes the conflict.

        Args:
            workflow: Name of the workflow.
            job_id: Id of the pipeline job that is under way.
        """
        self.job_id = job_id
        super().__init__(
            f"workflow '{workflow}' runs already as {job_id}; two runs would write to one endpoint. Watch it with "
            f"`earthline runs follow {job_id}`, end it with `earthline runs cancel {job_id}`, or give this config "
            "another `name`"
        )


def submit(
    config: Config,
    template: bytes,
    *,
    caching: bool,
    force: bool = False,
    announce: Callable[[str], None] = lambda job_id: None,
) -> str:
    """Starts a run, unless one of the same workflow is under way.

    Args:
        config: The workflow's config.
        template: Its compiled pipeline.
        caching: Whether steps whose inputs have not changed are taken from earlier runs.
        force: Whether it goes on where nothing is new since the last accepted run.
        announce: Takes the id of the pipeline job before it is submitted, so that it is known whatever happens then.

    Returns:
        Id of the pipeline job.

    Raises:
        ActiveRunError: The workflow runs already.
        google.api_core.exceptions.GoogleAPICallError: Vertex AI refuses the pipeline.
    """
    environment = config.environment
    connect(environment.project, environment.location)
    with exclusive(environment.project, config.name):
        refuse_active(config.name)
        # The client's own ids count seconds.
        job_id = run_name.new(config.name)
        job = pipeline_job(config, template, caching=caching, force=force, job_id=job_id)
        announce(job_id)
        job.submit(service_account=environment.service_account)
        return job_id


def pipeline_job(
    config: Config, template: bytes, *, caching: bool, force: bool = False, job_id: str | None = None
) -> aiplatform.PipelineJob:
    """The client's object for a run, or for the runs of a schedule; `connect` comes first.

    Args:
        config: The workflow's config.
        template: Its compiled pipeline.
        caching: As `submit`.
        force: As `submit`.
        job_id: Id of the run; None where a schedule chooses it.
    """
    environment = config.environment
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "workflow.yaml"
        path.write_bytes(template if caching else _without_caching(template))
        return aiplatform.PipelineJob(
            display_name=config.name,
            template_path=str(path),
            job_id=job_id,
            pipeline_root=f"gs://{environment.bucket}/pipelines/{config.name}",
            parameter_values={"force": True} if force else {},
            labels=resource_labels(config),
        )


def refuse_active(workflow: str) -> None:
    """Checks that no run of a workflow is under way; `connect` comes first.

    Raises:
        ActiveRunError: One is.
    """
    active = active_run(workflow)
    if active is not None:
        raise ActiveRunError(workflow, active)


def _without_caching(template: bytes) -> bytes:
    """The pipeline without caching for any step. The client's own switch misses the steps behind a condition."""
    documents = list(yaml.safe_load_all(template))
    for spec in documents:
        for dag in (spec.get("root", {}), *spec.get("components", {}).values()):
            for task in dag.get("dag", {}).get("tasks", {}).values():
                task["cachingOptions"] = {}
    return yaml.safe_dump_all(documents, sort_keys=True, allow_unicode=True, encoding="utf-8")


def active_run(workflow: str) -> str | None:
    """Id of a run of the workflow that has not ended, if there is one; `connect` comes first.

    Args:
        workflow: Name of the workflow.
    """
    found = aiplatform.PipelineJob.list(filter=f'labels.{WORKFLOW_LABEL}="{workflow}"', order_by="create_time desc")
    for job in found:
        resource = job.gca_resource
        state = resource.state.name.removeprefix("PIPELINE_STATE_")
        if state in _ACTIVE_STATES and resource.labels.get(WORKFLOW_LABEL) == workflow:
            return str(resource.name).rpartition("/")[2]
    return None


@contextmanager
def exclusive(project: str, workflow: str) -> Iterator[None]:
    """Holds a lock from looking for an active run to submitting one, so that two processes cannot both find none."""
    folder = user_state_path("earthline") / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{project.replace(':', '_')}.{workflow}.lock", timeout=_LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        raise ActiveRunError(workflow, "another process that is just submitting it") from error
    try:
        yield
    finally:
        lock.release()
