"""Endpoints: the one that serves, and the one that a model proves itself on before it does.

Vertex AI sends requests by the traffic split alone: a deployed model without traffic cannot be asked by its id
(https://github.com/googleapis/python-aiplatform/issues/827), so an unproved model gets an endpoint to itself.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.cloud import aiplatform
from google.protobuf.field_mask_pb2 import FieldMask

from components.deploy_model import traffic
from earthline.config import Serving
from earthline.ending import tidy_at_sigterm
from earthline.vertex.endpoints import find, is_dedicated, named
from earthline.vertex.retry import patiently

STALE = timedelta(hours=3)
"""Age at which a staging endpoint must have been left by a step that was killed."""
_LONGEST_NAME = 128

_logger = logging.getLogger(__name__)


class EndpointKindError(RuntimeError):
    """An endpoint that is shared and should be dedicated, or the other way round; the text says what to do."""


@dataclass(frozen=True)
class Place:
    """Where a model is to serve.

    Attributes:
        endpoint: The `aiplatform.Endpoint`.
        new: True where it was made just now, so that nobody can know it yet.
    """

    endpoint: Any
    new: bool = False


def find_or_create(name: str, labels: Mapping[str, str], *, dedicated: bool = False) -> Place:
    """The endpoint of this display name, created where there is none.

    Args:
        name: Display name.
        labels: Vertex AI labels for a new one.
        dedicated: Whether it has a host name of its own, and takes larger requests.

    Raises:
        EndpointKindError: There is one of the other kind.
    """
    there = find(name)
    if there is not None and is_dedicated(there) != dedicated:
        kind, asked = ("shared", "dedicated") if dedicated else ("dedicated", "shared")
        raise EndpointKindError(
            f"serving.endpoint_kind: the endpoint {name} is there and {kind}, which Vertex AI does not change: "
            f"write `endpoint_kind: {kind}`, or give serving.endpoint another name for a {asked} one"
        )
    if there is not None:
        _logger.info("deploy_model: endpoint %s is there: %s", name, there.resource_name)
        return Place(there)
    made = patiently(
        lambda: (
            find(name)
            or aiplatform.Endpoint.create(display_name=name, labels=dict(labels), dedicated_endpoint_enabled=dedicated)
        ),
        f"creating the endpoint {name}",
    )
    _logger.info("deploy_model: endpoint %s created: %s", name, made.resource_name)
    return Place(made, new=True)


@contextmanager
def staging(name: str, labels: Mapping[str, str], *, dedicated: bool = False) -> Iterator[Any]:
    """An `aiplatform.Endpoint` of its own for as long as the block lasts, however it ends.

    Args:
        name: Display name of the endpoint that serves.
        labels: Vertex AI labels.
        dedicated: Whether it is to have a host name of its own.
    """
    display_name = f"{name[: _LONGEST_NAME - len('-staging')]}-staging"
    _discard_stale(display_name)
    with tidy_at_sigterm():
        made = patiently(
            lambda: aiplatform.Endpoint.create(
                display_name=display_name, labels=dict(labels), dedicated_endpoint_enabled=dedicated
            ),
            "creating a staging endpoint",
        )
        try:
            yield made
        finally:
            discard(made)


def add(endpoint: Any, model: Any, serving: Serving, split: Mapping[str, int], replicas: tuple[int, int]) -> str:
    """Deploys a model.

    Args:
        endpoint: The `aiplatform.Endpoint`.
        model: The `aiplatform.Model`.
        serving: The section.
        split: Percent by deployed model id, `traffic.NEW` for this one; without it the model gets no traffic.
        replicas: Fewest and most.

    Returns:
        Id of the deployed model.
    """
    known = {each.id for each in patiently(endpoint.list_models, "reading the endpoint")}

    def deployed() -> str | None:
        return next((each.id for each in endpoint.list_models() if each.id not in known and _is_of(each, model)), None)

    def deploy() -> str:
        # A second try must not deploy twice where the first one's answer was lost.
        if deployed() is None:
            endpoint.deploy(
                model,
                deployed_model_display_name=f"{model.display_name}-{model.version_id}",
                traffic_split=dict(split),
                machine_type=serving.machine_type,
                min_replica_count=replicas[0],
                max_replica_count=replicas[1],
            )
        found = deployed()
        if found is None:
            raise RuntimeError(f"{endpoint.resource_name} lists no new deployed model after it was deployed")
        return found

    return patiently(deploy, f"deploying {model.display_name}@{model.version_id}")


def deployed_as(endpoint: Any, model: Any, serving: Serving) -> str | None:
    """Id of this very version on the endpoint, on the machines that the config asks for; None where it is not there."""
    for each in patiently(endpoint.list_models, "reading the endpoint"):
        resources = each.dedicated_resources
        machines = resources.machine_spec.machine_type, resources.min_replica_count, resources.max_replica_count
        if _is_of(each, model) and machines == (serving.machine_type, serving.min_replicas, serving.max_replicas):
            return str(each.id)
    return None


def set_traffic(endpoint: Any, split: Mapping[str, int]) -> None:
    """Sets the traffic split; an empty one sends nothing anywhere, which the SDK's own `update` leaves out."""
    changed = aiplatform.gapic.Endpoint(name=endpoint.resource_name, traffic_split=dict(split))
    patiently(
        lambda: endpoint.api_client.update_endpoint(endpoint=changed, update_mask=FieldMask(paths=["traffic_split"])),
        "setting the traffic split",
    )
    # What the SDK's object remembers of the split is of before.
    patiently(endpoint.list_models, "reading the endpoint")


def remove(endpoint: Any, deployed_id: str) -> None:
    """Undeploys a model that has no traffic, or is the only one."""

    def undeploy() -> None:
        if deployed_id in {each.id for each in endpoint.list_models()}:
            endpoint.undeploy(deployed_id)

    patiently(undeploy, f"undeploying {deployed_id}")


def retire(endpoint: Any, keep: int, first: str | None) -> list[str]:
    """Undeploys models without traffic, but for the newest.

    Args:
        endpoint: The `aiplatform.Endpoint`.
        keep: How many stay.
        first: Id of the one that stays before all others: the former champion.

    Returns:
        Ids of those that stay.
    """
    deployed = {each.id: each for each in patiently(endpoint.list_models, "reading the endpoint")}
    idle = traffic.idle(endpoint.traffic_split, list(deployed))
    idle.sort(key=lambda each: (each == first, deployed[each].create_time), reverse=True)
    for deployed_id in idle[keep:]:
        try:
            remove(endpoint, deployed_id)
            _logger.info("deploy_model: %s has no traffic: undeployed, as idle replicas cost money", deployed_id)
        except (GoogleAPIError, RuntimeError) as error:
            # The new model serves: the step has done its work, and somebody must know what costs money.
            _logger.error(
                "deploy_model: %s has no traffic and could not be undeployed (%s): it costs money until `gcloud ai "
                "endpoints undeploy-model %s --deployed-model-id=%s` is run",
                deployed_id,
                error,
                endpoint.resource_name,
                deployed_id,
            )
    return idle[:keep]


def discard(endpoint: Any) -> None:
    """Deletes an endpoint with what is deployed on it; says how, where that fails."""
    try:
        patiently(lambda: endpoint.delete(force=True), f"deleting {endpoint.resource_name}")
    except Exception as error:
        # Whatever led here must not be hidden by the clean-up's own failure.
        _logger.error(
            "deploy_model: the endpoint %s could not be deleted (%s): what is deployed on it costs money until `gcloud "
            "ai endpoints undeploy-model` and `gcloud ai endpoints delete` are run",
            endpoint.resource_name,
            error,
        )


def _is_of(deployed: Any, model: Any) -> bool:
    same = deployed.model.partition("@")[0].rpartition("/")[2] == model.resource_name.rpartition("/")[2]
    return bool(same and deployed.model_version_id == model.version_id)


def _discard_stale(display_name: str) -> None:
    with suppress(GoogleAPIError):
        for each in named(display_name):
            if datetime.now(UTC) - each.create_time > STALE:
                _logger.warning("deploy_model: %s was left by a step that was killed: deleted", each.resource_name)
                discard(each)
