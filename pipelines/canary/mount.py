"""Who may write into the bucket that Vertex AI mounts: what the canary's own step found out."""

import json
from typing import Any

from google.cloud import aiplatform

from components.probe_mount.run import WRITING
from earthline.config import Config
from earthline.storage import objects
from pipelines.canary.probes import Answer

PROBE_TASK = "probe-mount"
_MOST_BYTES = 1 << 16


def writing(config: Config, job_id: str) -> Answer:
    """Who could write into the mounted bucket, as the run's own step found.

    Args:
        config: Of `shrunk`.
        job_id: Id of the pipeline job.
    """
    question = "writing to the bucket"
    found = _written(config, job_id)
    if found is None:
        return Answer(question, None, "not known: the step that tries it left nothing")
    user, refusal = found["user"], found["ordinary_refusal"]
    other = f"user {found['ordinary_user']}: {refusal or 'may write too'}"
    return Answer(question, not refusal, f"steps run as user {user}, which may write; {other}")


def _written(config: Config, job_id: str) -> dict[str, Any] | None:
    environment = config.environment
    name = f"projects/{environment.project}/locations/{environment.location}/pipelineJobs/{job_id}"
    details = aiplatform.PipelineJob.get(name).gca_resource.job_detail.task_details
    uris = [
        artifact.uri
        for task in details
        if task.task_name == PROBE_TASK
        for artifact in dict(task.outputs).get("writing", _Nothing()).artifacts
    ]
    if not uris:
        return None
    written = objects.read(f"{uris[0]}/{WRITING}", _MOST_BYTES, environment.project)
    content: dict[str, Any] | None = json.loads(written) if written is not None else None
    return content


class _Nothing:
    artifacts = ()
