"""The last accepted run of a workflow: the newest one that succeeded and whose model was put into service."""

from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud import aiplatform

from components.detect_changes.changes import CHANGES, Changes, Snapshot
from earthline.storage import objects
from earthline.vertex.connection import connect

MOST_RUNS = 50
"""Newest runs that are looked at; one is enough, unless somebody deleted what it left."""
MOST_BYTES = 1 << 20
"""Size of a record that is read at all."""


@dataclass(frozen=True)
class Accepted:
    """A run.

    Attributes:
        job_id: Id of the pipeline job.
        snapshot: What it saw before it did anything.
        statistics: Folder in Cloud Storage with the statistics of its examples; empty where it left none.
    """

    job_id: str
    snapshot: Snapshot
    statistics: str = ""


def find(project: str, location: str, label: str, workflow: str) -> Accepted | None:
    """The last accepted run; None where there is none whose record can be read.

    Args:
        project: Google Cloud project id.
        location: Vertex AI location.
        label: Vertex AI label that holds the workflow's name.
        workflow: Name of the workflow.
    """
    connect(project, location)
    wanted = f'labels.{label}="{workflow}" AND state="PIPELINE_STATE_SUCCEEDED"'
    # The steps of a run are left out of the list, which is quicker for it.
    found = aiplatform.PipelineJob.list(filter=wanted, order_by="create_time desc", enable_simple_view=True)
    for each in found[:MOST_RUNS]:
        job_id = each.resource_name.rpartition("/")[2]
        changes, deployed, statistics = _read_run(project, each.resource_name)
        if changes is None:
            continue
        if deployed:
            return Accepted(job_id, changes.snapshot, statistics)
        # It found nothing new, or its model was rejected: it knows which run was accepted before.
        if not changes.accepted_run:
            return None
        before, _, statistics = _read_run(project, changes.accepted_run)
        if before is not None:
            return Accepted(changes.accepted_run, before.snapshot, statistics)
    return None


def _read_run(project: str, name: str) -> tuple[Changes | None, bool, str]:
    """What a run noted, if it can be read, whether it put its model into service, and where its statistics are."""
    try:
        details = aiplatform.PipelineJob.get(name).gca_resource.job_detail.task_details
    except NotFound:
        return None, False, ""
    tasks = {task.task_name: task for task in details}
    detected, deployed = tasks.get("detect-changes"), tasks.get("deploy-model")
    noted = _uri(detected, "changes")
    changes = _read_record(project, noted) if noted else None
    succeeded = deployed is not None and deployed.state.name == "SUCCEEDED"
    return changes, succeeded, _uri(tasks.get("validate-examples"), "statistics")


def _uri(task: Any, output: str) -> str:
    """Where an output of a task is; empty where there is none."""
    outputs: dict[str, Any] = dict(task.outputs) if task else {}
    artifacts = outputs[output].artifacts if output in outputs else ()
    return str(artifacts[0].uri) if artifacts else ""


def _read_record(project: str, uri: str) -> Changes | None:
    content = objects.read(f"{uri}/{CHANGES}", MOST_BYTES, project)
    if content is None:
        return None
    try:
        return Changes.model_validate_json(content)
    except ValueError:
        # Of another version of this product: it tells nothing that could be compared.
        return None
