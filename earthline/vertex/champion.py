"""The champion: the model that gets most of an endpoint's traffic."""

from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud import aiplatform

from earthline.vertex.connection import connect
from earthline.vertex.endpoints import named

NONE = "none"
"""Stands for a champion where nothing is deployed."""


@dataclass(frozen=True)
class Champion:
    """A deployed model.

    Attributes:
        name: Resource name of the model with its version.
        artifact_uri: gs:// folder of its SavedModel; empty where the registry knows none.
    """

    name: str
    artifact_uri: str


def find(project: str, location: str, endpoint_name: str) -> Champion | None:
    """The model with most traffic on the newest endpoint of this display name; None where nothing is deployed.

    Args:
        project: Google Cloud project id.
        location: Vertex AI location.
        endpoint_name: Display name of the endpoint.
    """
    connect(project, location)
    for endpoint in named(endpoint_name):
        found = on(endpoint)
        if found is not None:
            return found
    return None


def on(endpoint: Any) -> Champion | None:
    """The model with most traffic on an endpoint; None where nothing is deployed.

    Args:
        endpoint: The `aiplatform.Endpoint`.
    """
    deployed = {each.id: each for each in endpoint.list_models()}
    traffic = {key: share for key, share in endpoint.traffic_split.items() if key in deployed}
    if not traffic:
        return None
    chosen = deployed[max(traffic, key=lambda key: traffic[key])]
    model = aiplatform.Model(chosen.model, version=chosen.model_version_id or None)
    return Champion(f"{model.resource_name}@{model.version_id}", model.uri or "")


def get(project: str, location: str, name: str) -> Champion | None:
    """The champion of a name; None for `none`. One that was deleted since has no artifacts.

    Args:
        project: Google Cloud project id.
        location: Vertex AI location.
        name: As `find` gives it, or `none`.
    """
    if name == NONE:
        return None
    connect(project, location)
    resource, _, version = name.partition("@")
    try:
        return Champion(name, aiplatform.Model(resource, version=version or None).uri or "")
    except NotFound:
        return Champion(name, "")
