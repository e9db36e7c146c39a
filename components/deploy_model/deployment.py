"""Puts a model into service: proved before it gets traffic, and everything as it was where that fails."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import GoogleAPIError

from components.deploy_model import endpoints, registry, traffic
from components.deploy_model.endpoints import Place
from components.deploy_model.probe import Probe
from earthline.config import Serving
from earthline.ending import tidy_at_sigterm
from earthline.vertex.endpoints import is_dedicated

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
        kept: Ids of deployed models that stay without traffic.
    """

    model: Any
    endpoint: Any
    deployed_id: str
    kept: tuple[str, ...] = ()


def deploy(
    model: Any,
    place: Place,
    serving: Serving,
    probe: Probe,
    labels: Mapping[str, str],
    further: Callable[[Any, str], None] | None = None,
) -> Deployed:
    """Lets a model prove itself, gives it its traffic and makes it the champion, or leaves everything as it was.

    A model proves itself on an endpoint of its own. Two need none: one for an endpoint that was made just now, which
    nobody can know yet, and one that is deployed already, which was proved then, unless something further is asked of
    it. Each is asked once more when it has its traffic.

    Args:
        model: The `aiplatform.Model`.
        place: Where.
        serving: The section.
        probe: What the model must answer.
        labels: Vertex AI labels of what is made on the way.
        further: Asks for more where the model proves itself, given the `aiplatform.Endpoint` of its own and the
            deployed model's id there; raises a RuntimeError where the model may not serve.

    Raises:
        DeploymentError: It did not start or answered wrongly; the traffic split is what it was before.
    """
    endpoint = place.endpoint
    name = f"{model.display_name}-{model.version_id}"
    there = endpoints.deployed_as(endpoint, model, serving)
    before = dict(endpoint.traffic_split)
    served = _told(endpoint, before)
    try:
        if further is not None or (there is None and not place.new):
            _prove(model, name, endpoint, serving, probe, labels, further)
        deployed_id = _serve(model, name, endpoint, serving, probe, there, before)
    except (GoogleAPIError, RuntimeError) as error:
        if place.new:
            endpoints.discard(endpoint)
        kept = f"{endpoint.display_name} serves as before, {served}" if served else "nothing serves"
        raise DeploymentError(f"{name} was not put into service, {kept}: {error}") from error
    former = max(before, key=lambda each: before[each]) if before else None
    kept_ids = endpoints.retire(endpoint, serving.keep_previous, former if former != deployed_id else None)
    if kept_ids:
        _logger.info(
            "deploy_model: %s stays deployed without traffic, for a rollback (serving.keep_previous: %d)",
            ", ".join(kept_ids),
            serving.keep_previous,
        )
    return Deployed(model, endpoint, deployed_id, tuple(kept_ids))


def _prove(
    model: Any,
    name: str,
    endpoint: Any,
    serving: Serving,
    probe: Probe,
    labels: Mapping[str, str],
    further: Callable[[Any, str], None] | None,
) -> None:
    with endpoints.staging(endpoint.display_name, labels, dedicated=is_dedicated(endpoint)) as apart:
        _logger.info("deploy_model: %s proves itself on an endpoint of its own", name)
        deployed_id = endpoints.add(apart, model, serving, {traffic.NEW: 100}, (1, 1))
        difference = probe.ask(apart, deployed_id)
        if further is not None:
            further(apart, deployed_id)
    _logger.info("deploy_model: %s answered real tiles as the proven SavedModel did (%.2g)", name, difference)


def _serve(
    model: Any, name: str, endpoint: Any, serving: Serving, probe: Probe, there: str | None, before: Mapping[str, int]
) -> str:
    """Deploys without traffic, moves the traffic, asks again, and promotes; takes all of it back at any failure."""
    aliases = registry.aliases(model)
    # A step that is cancelled here must not leave half a change behind either.
    deployed_id = there
    with tidy_at_sigterm():
        try:
            if deployed_id is None:
                deployed_id = endpoints.add(
                    endpoint, model, serving, before, (serving.min_replicas, serving.max_replicas)
                )
            after = traffic.with_share(before, deployed_id, serving.traffic_percent)
            endpoints.set_traffic(endpoint, after)
            probe.ask(endpoint, deployed_id)
            if after[deployed_id] == 100:
                registry.promote(model)
            _logger.info("deploy_model: %s gets %d %% of the traffic", name, after[deployed_id])
        except BaseException:
            _restore(model, endpoint, before, deployed_id if there is None else None, aliases)
            raise
    return deployed_id


def _restore(
    model: Any,
    endpoint: Any,
    before: Mapping[str, int],
    added: str | None,
    aliases: Mapping[str, tuple[str, ...]],
) -> None:
    try:
        endpoints.set_traffic(endpoint, before)
        if added is not None:
            endpoints.remove(endpoint, added)
        registry.demote(model, aliases)
    except (GoogleAPIError, RuntimeError) as error:
        _logger.error(
            "deploy_model: %s could not be brought back to the traffic split %s (%s): look at it in the console",
            endpoint.resource_name,
            dict(before),
            error,
        )


def _told(endpoint: Any, split: Mapping[str, int]) -> str:
    names = {each.id: each.display_name for each in endpoint.list_models()}
    # A map of protobuf has no order; people read the largest share first.
    largest = sorted(split.items(), key=lambda each: (-each[1], names.get(each[0], each[0])))
    return ", ".join(f"{share} % by {names.get(key, key)}" for key, share in largest if share)
