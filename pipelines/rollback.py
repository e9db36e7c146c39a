"""Brings back the model that served before, in the endpoint, the registry and Earth Engine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from components.deploy_model import deployment, rollback
from components.deploy_model.deployment import DeploymentError
from components.deploy_model.endpoints import Place
from components.deploy_model.rollback import Candidate, RollbackError
from earthline import finding
from earthline.config import Config
from earthline.earth_engine import connection, same_pixels
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


def roll_back(config: Config, version: str | None, tell: Callable[[str], None], *, at_once: bool = False) -> RolledBack:
    """Gives a former version all traffic, once it answers real patches as it did, and describes it to Earth Engine.

    Args:
        config: The workflow's config, as it was when that version was trained, as far as imagery and labels go.
        version: Version id; None for the one that served before.
        tell: Takes a line on what happens now.
        at_once: Whether patches are left out. A version that is still deployed then has its traffic in seconds, and is
            asked for its tiles afterwards.

    Raises:
        RollbackError: There is nothing to go back to, or the config describes another model.
        DeploymentError: The version does not answer as it did, or would see other pixels; everything serves as before.
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
    tell(f"version {found.model.version_id} is to get the traffic of {', '.join(found.serving) or 'none'}")
    try:
        made = deployment.deploy(
            found.model,
            Place(found.endpoint),
            config.serving.model_copy(update={"traffic_percent": 100}),
            found.probe,
            resource_labels(config),
            None if at_once else _patches(config, found, tell),
        )
    except DeploymentError as error:
        raise DeploymentError(
            f"{error}. Name another version by --to VERSION, or mend what is said here and roll back again"
        ) from error
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


def _patches(config: Config, found: Candidate, tell: Callable[[str], None]) -> Callable[[Any, str], None]:
    """What the version has to answer before it has traffic: the patches that it was proven on.

    They are asked for as they were stored, which tells whether the model is the one that was proven, and through Earth
    Engine, which tells whether it would see the pixels that it was trained on.
    """

    def ask(endpoint: Any, deployed_id: str) -> None:
        probe = found.patch_probe
        if probe is not None:
            probe.ask(endpoint, deployed_id)
            tell(f"version {found.model.version_id} answers {len(probe.reference.image)} patches as when it was proven")
        contract = found.probe.contract.model_copy(update={"max_payload_bytes": config.serving.payload_limit})
        compared = same_pixels.findings(config.data, contract, endpoint.resource_name, found.patches, old=True)
        for note in finding.by_cause([each for each in compared if each.passed is None]):
            tell(f"note: {note}")
        same_pixels.require(compared)
        if any(each.passed for each in compared):
            tell("Earth Engine gives it the pixels that it was trained on")

    return ask
