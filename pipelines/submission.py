"""Submitting a compiled pipeline to Vertex AI, one run of a workflow at a time."""

import logging
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from google.cloud import aiplatform
from platformdirs import user_state_path

from earthline.config import Config
from pipelines.labels import WORKFLOW_LABEL, resource_labels

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


def connect(project: str, location: str) -> None:
    """Tells the Vertex AI client where to work, and keeps it from writing to standard output.

    Args:
        project: Google Cloud project id.
        location: Vertex AI location.
    """
    # Each module of the client logs progress to standard output by a logger with a level and a handler of its own.
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("google.cloud.aiplatform"):
            logging.getLogger(name).setLevel(logging.WARNING)
    # REST is proxied like every other call of the run; gRPC needs a second way through a company's network.
    aiplatform.init(project=project, location=location, api_transport="rest")


def submit(config: Config, template: bytes, *, caching: bool) -> str:
    """Starts a run, unless one of the same workflow is under way.

    Args:
        config: The workflow's config.
        template: Its compiled pipeline.
        caching: Whether steps whose inputs have not changed are taken from earlier runs.

    Returns:
        Id of the pipeline job.

    Raises:
        ActiveRunError: The workflow runs already.
        google.api_core.exceptions.GoogleAPICallError: Vertex AI refuses the pipeline.
    """
    environment = config.environment
    connect(environment.project, environment.location)
    with _lock(environment.project, config.name), tempfile.TemporaryDirectory() as folder:
        active = active_run(config.name)
        if active is not None:
            raise ActiveRunError(config.name, active)
        path = Path(folder) / "workflow.yaml"
        path.write_bytes(template)
        # Two runs within one second get two ids: the client's own ids count seconds.
        job_id = f"{config.name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        job = aiplatform.PipelineJob(
            display_name=config.name,
            template_path=str(path),
            job_id=job_id,
            pipeline_root=f"gs://{environment.bucket}/pipelines/{config.name}",
            # None keeps what the compiled pipeline says of each step; False overrules all of them.
            enable_caching=None if caching else False,
            labels=resource_labels(config),
        )
        job.submit(service_account=environment.service_account)
        return job_id


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
def _lock(project: str, workflow: str) -> Iterator[None]:
    """Covers the moment between looking for an active run and submitting: two at once would both find none."""
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
