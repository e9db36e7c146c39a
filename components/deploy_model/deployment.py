"""Model registry and endpoint, through the Vertex AI SDK."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import aiplatform

from components.deploy_model import traffic
from components.deploy_model.probe import Probe, ProbeError
from earthline.config import Serving

CHAMPION = "champion"
"""Version alias of the model that serves."""

_logger = logging.getLogger(__name__)


class DeploymentError(RuntimeError):
    """The model was not put into service; the text says why, and what serves instead."""


@dataclass(frozen=True)
class Deployed:
    """What came of it.

    Attributes:
        model: The registered `aiplatform.Model`, of the new version.
        endpoint: The `aiplatform.Endpoint`.
        deployed_id: The new model's id on the endpoint.
    """

    model: Any
    endpoint: Any
    deployed_id: str


def upload(name: str, uri: str, container: Mapping[str, Any], labels: Mapping[str, str], description: str) -> Any:
    """Registers a model; a new version where the registry has one of this display name.

    Args:
        name: Display name.
        uri: gs:// folder of the SavedModel.
        container: Its ModelContainerSpec, as JSON names it.
        labels: Vertex AI labels.
        description: Of this version.

    Returns:
        The `aiplatform.Model`, with its version; not the default one until it has proved itself.
    """
    there = aiplatform.Model.list(filter=f'display_name="{name}"', order_by="create_time desc")
    parent = there[0].resource_name if there else None
    model = aiplatform.Model.upload(
        display_name=name,
        parent_model=parent,
        is_default_version=parent is None,
        version_description=description,
        artifact_uri=uri,
        serving_container_image_uri=container["imageUri"],
        serving_container_command=container.get("command"),
        serving_container_args=container.get("args"),
        serving_container_environment_variables={
            variable["name"]: variable["value"] for variable in container.get("env", ())
        },
        serving_container_ports=[int(port["containerPort"]) for port in container.get("ports", ())],
        serving_container_predict_route=container.get("predictRoute"),
        serving_container_health_route=container.get("healthRoute"),
        labels=dict(labels),
    )
    _logger.info("deploy_model: registered %s@%s", model.resource_name, model.version_id)
    return model


def endpoint(name: str, labels: Mapping[str, str]) -> Any:
    """The newest `aiplatform.Endpoint` of exactly this display name, created where there is none."""
    there = aiplatform.Endpoint.list(filter=f'display_name="{name}"', order_by="create_time desc")
    if there:
        _logger.info("deploy_model: endpoint %s is there: %s", name, there[0].resource_name)
        return there[0]
    made = aiplatform.Endpoint.create(display_name=name, labels=dict(labels))
    _logger.info("deploy_model: endpoint %s created: %s", name, made.resource_name)
    return made


def deploy(model: Any, to: Any, serving: Serving, probe: Probe) -> Deployed:
    """Deploys a model, lets it prove itself, and makes it the champion or takes it back.

    Args:
        model: The `aiplatform.Model`.
        to: The `aiplatform.Endpoint`.
        serving: The section.
        probe: What the model must answer.

    Raises:
        DeploymentError: It did not start or answered wrongly; the traffic split is what it was before.
    """
    before = dict(to.traffic_split)
    known = {deployed.id for deployed in to.list_models()}
    display_name = f"{model.display_name}-{model.version_id}"
    try:
        to.deploy(
            model,
            deployed_model_display_name=display_name,
            traffic_split=traffic.with_new(
                {key: before[key] for key in before if key in known}, serving.traffic_percent
            ),
            machine_type=serving.machine_type,
            min_replica_count=serving.min_replicas,
            max_replica_count=serving.max_replicas,
        )
    except (GoogleAPICallError, RuntimeError) as error:
        raise DeploymentError(
            f"{display_name} could not be deployed on {to.resource_name}: {error}; the endpoint serves what it did "
            "before. Look at the model server's log"
        ) from error
    deployed_id = next(deployed.id for deployed in to.list_models() if deployed.id not in known)
    try:
        probe.ask(to, deployed_id)
    except (ProbeError, GoogleAPICallError) as error:
        _roll_back(to, deployed_id, before)
        kept = f"the traffic split is again {before}" if before else "nothing is deployed"
        raise DeploymentError(f"{display_name} was deployed and taken back, {kept}: {error}") from error
    if serving.traffic_percent == 100 or not before:
        _promote(model)
    _retire(to)
    return Deployed(model, to, deployed_id)


def _roll_back(to: Any, deployed_id: str, before: Mapping[str, int]) -> None:
    if before:
        to.update(traffic_split=dict(before))
    to.undeploy(deployed_id)


def _promote(model: Any) -> None:
    model.versioning_registry.add_version_aliases([CHAMPION, "default"], model.version_id)


def _retire(to: Any) -> None:
    for deployed_id in traffic.idle(to.traffic_split, [deployed.id for deployed in to.list_models()]):
        _logger.info("deploy_model: %s has no traffic: undeployed, as idle replicas cost money", deployed_id)
        to.undeploy(deployed_id)
