"""How Dataflow runs the export: Beam's own options for it, from the config."""

from typing import Any

from earthline.config import Config
from pipelines.resource_labels import resource_labels

NAME = "DataflowRunner"
SUFFIX_LENGTH = len("-20260101-000000-abcd")
"""Of what the step appends to the job's name: two active jobs of one name are refused."""


def beam_options(config: Config) -> dict[str, Any]:
    """Options of https://cloud.google.com/dataflow/docs/reference/pipeline-options; none for other runners.

    Args:
        config: The workflow's config.
    """
    if config.export.runner != NAME:
        return {}
    environment = config.environment
    section = environment.dataflow
    given = {
        # The image holds Beam: nothing is installed when a worker starts.
        "sdk_location": "container",
        "service_account_email": section.service_account or environment.service_account,
        "network": section.network,
        "subnetwork": section.subnetwork,
        "no_use_public_ips": not section.public_ips,
        "labels": [f"{key}={value}" for key, value in sorted(resource_labels(config).items())],
        "machine_type": section.machine_type,
        "job_name": section.job_name or f"{config.name}-export-examples"[: 63 - SUFFIX_LENGTH].rstrip("-"),
    }
    return {key: value for key, value in given.items() if value}
