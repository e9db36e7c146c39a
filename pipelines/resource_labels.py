"""Vertex AI labels by which a workflow's resources are found again."""

from earthline.config import Config

WORKFLOW_LABEL = "earthline-workflow"
"""Holds the workflow's name."""


def resource_labels(config: Config) -> dict[str, str]:
    """Labels of every resource that the workflow makes: the config's, and the workflow's name.

    Args:
        config: The workflow's config.
    """
    return {**config.environment.resource_labels, WORKFLOW_LABEL: config.name}
