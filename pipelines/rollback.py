"""Brings back the model that served before, in the endpoint, the registry and Earth Engine."""

from collections.abc import Callable
from dataclasses import dataclass

from components.deploy_model import deployment, rollback
from components.deploy_model.endpoints import Place
from components.deploy_model.rollback import RollbackError
from earthline.config import Config
from earthline.earth_engine import connection
from earthline.earth_engine.registration import register
from earthline.vertex.connection import connect
from pipelines.resource_labels import resource_labels


@dataclass(frozen=True)
class RolledBack:
    """The result of a rollback.

    Attributes:
        version: Version that serves.
        former: Versions that served before, as shown to people.
        endpoint: Resource name of the endpoint.
        kept: Number of models that stay deployed without traffic.
        asset: Earth Engine asset that describes the model.
    """

    version: str
    former: tuple[str, ...]
    endpoint: str
    kept: int
    asset: str


def roll_back(config: Config, version: str | None, tell: Callable[[str], None]) -> RolledBack:
    """Gives a former version all traffic, proved as any other, and describes it to Earth Engine.

    Args:
        config: The workflow's config, as it was when that version was trained, as far as bands and labels go.
        version: Version id; None for the one that served before.
        tell: Takes a line on what happens now.

    Raises:
        RollbackError: There is nothing to go back to, or the config describes another model.
        DeploymentError: The version does not answer as it did; everything serves as before.
        PixelsError: Earth Engine does not answer; the traffic has moved.
    """
    environment = config.environment
    connect(environment.project, environment.location)
    found = rollback.find(config.name, config.endpoint_name, version, environment.project)
    contract = found.probe.contract
    for key, asked, there in (
        ("data.imagery.bands", config.data.imagery.band_names, contract.bands),
        (f"data.labels.{config.data.labels.KEY}", config.data.labels.entries, contract.task.entries),
    ):
        if asked != there:
            raise RollbackError(
                f"{key}: version {found.model.version_id} has {', '.join(there)}, the config {', '.join(asked)}: give "
                "the config that it was trained with, so that Earth Engine is told the right bands and labels"
            )
    # Earth Engine is asked last, and must not find out then that nobody may ask it.
    connection.connect(environment.project)
    tell(f"version {found.model.version_id} gets the traffic of {', '.join(found.serving) or 'none'}")
    made = deployment.deploy(
        found.model,
        Place(found.endpoint),
        config.serving.model_copy(update={"traffic_percent": 100}),
        found.probe,
        resource_labels(config),
    )
    tell("Earth Engine is told")
    registered = register(
        config.name,
        config.data,
        contract,
        environment.project,
        environment.location,
        made.endpoint.resource_name,
    )
    return RolledBack(
        found.model.version_id, found.serving, made.endpoint.resource_name, len(made.kept), registered["asset"]
    )
