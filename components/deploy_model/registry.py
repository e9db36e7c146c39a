"""The model registry: versions of a model and the aliases that say what each is for."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from google.cloud import aiplatform

from earthline.vertex.retry import patiently

CHAMPION = "champion"
"""Version alias of the model that serves."""
PREVIOUS = "previous"
"""Version alias of the model that served before it: what a rollback brings back."""
_DEFAULT = "default"
_MOST_VERSIONS = 50
"""Newest versions that are compared with what is to be registered."""

_logger = logging.getLogger(__name__)


def upload(name: str, uri: str, container: Mapping[str, Any], labels: Mapping[str, str], description: str) -> Any:
    """Registers a model; a new version where the registry has one of this display name.

    A version of the same files in the same container is that version: a run whose steps came from the cache brings
    back what was registered, with its server, rather than a copy of it.

    Args:
        name: Display name.
        uri: gs:// folder of the SavedModel.
        container: Its ModelContainerSpec, as JSON names it.
        labels: Vertex AI labels.
        description: Of this version.

    Returns:
        The `aiplatform.Model`, with its version; not the default one until it has proved itself.
    """
    model = patiently(lambda: _registered(name, uri, container, labels, description), f"registering {name}")
    _logger.info("deploy_model: registered as %s@%s", model.resource_name, model.version_id)
    return model


def find(name: str) -> Any | None:
    """The newest `aiplatform.Model` of exactly this display name; None where there is none."""
    there = patiently(
        lambda: aiplatform.Model.list(filter=f'display_name="{name}"', order_by="create_time desc"), f"finding {name}"
    )
    return there[0] if there else None


def aliases(model: Any) -> dict[str, tuple[str, ...]]:
    """Aliases by version id, oldest version first.

    Args:
        model: Any version of the `aiplatform.Model`.
    """
    versions = patiently(model.versioning_registry.list_versions, f"listing the versions of {model.display_name}")
    found = {each.version_id: tuple(sorted(each.version_aliases)) for each in versions}
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


def version(model: Any, version_id: str) -> Any:
    """The `aiplatform.Model` of one version.

    Args:
        model: Any version of it.
        version_id: Such as `3`.
    """
    return patiently(lambda: aiplatform.Model(model.resource_name, version=version_id), f"reading version {version_id}")


def promote(model: Any) -> None:
    """Makes a version the champion; the champion before it becomes the previous one."""
    before = next((key for key, names in aliases(model).items() if CHAMPION in names), None)
    registry = model.versioning_registry
    patiently(lambda: registry.add_version_aliases([CHAMPION, _DEFAULT], model.version_id), "naming the champion")
    if before is not None and before != model.version_id:
        patiently(lambda: registry.add_version_aliases([PREVIOUS], before), "naming the previous champion")
        _drop(model, PREVIOUS, model.version_id)


def demote(model: Any, before: Mapping[str, tuple[str, ...]]) -> None:
    """Gives the aliases back to the versions that had them.

    Args:
        model: Any version of the `aiplatform.Model`.
        before: From `aliases`.
    """
    registry, now = model.versioning_registry, aliases(model)
    for key, names in before.items():
        if set(names) - set(now.get(key, ())):
            patiently(partial(registry.add_version_aliases, list(names), key), "restoring aliases")
    for key, names in aliases(model).items():
        for alias in set(names) - set(before.get(key, ())) - {_DEFAULT}:
            _drop(model, alias, key)


def _drop(model: Any, alias: str, version_id: str) -> None:
    if alias in aliases(model).get(version_id, ()):
        registry = model.versioning_registry
        patiently(lambda: registry.remove_version_aliases([alias], version_id), f"taking the alias {alias}")


def _registered(name: str, uri: str, container: Mapping[str, Any], labels: Mapping[str, str], description: str) -> Any:
    newest = find(name)
    if newest is not None:
        for key in list(aliases(newest))[: -_MOST_VERSIONS - 1 : -1]:
            there = version(newest, key)
            if there.uri == uri and _same(there.container_spec, container):
                _logger.info("deploy_model: version %s holds the same files and the same server", key)
                return there
    return aiplatform.Model.upload(
        display_name=name,
        parent_model=newest.resource_name if newest else None,
        is_default_version=newest is None,
        version_description=description,
        artifact_uri=uri,
        serving_container_image_uri=container["imageUri"],
        serving_container_command=container.get("command"),
        serving_container_args=container.get("args"),
        serving_container_environment_variables={
            variable["name"]: variable["value"] for variable in container.get("env", ())
        },
        serving_container_ports=[int(port["containerPort"]) for port in container.get("ports", ())],
        serving_container_grpc_ports=[int(port["containerPort"]) for port in container.get("grpcPorts", ())] or None,
        serving_container_predict_route=container.get("predictRoute"),
        serving_container_health_route=container.get("healthRoute"),
        labels=dict(labels),
    )


def _same(spec: Any, container: Mapping[str, Any]) -> bool:
    """Whether a registered container is the one described."""
    if spec is None:
        return False
    asked = [
        container["imageUri"],
        list(container.get("command") or ()),
        list(container.get("args") or ()),
        {each["name"]: each["value"] for each in container.get("env", ())},
        [int(each["containerPort"]) for each in container.get("ports", ())],
        [int(each["containerPort"]) for each in container.get("grpcPorts", ())],
        container.get("predictRoute") or "",
        container.get("healthRoute") or "",
    ]
    there = [
        spec.image_uri,
        list(spec.command),
        list(spec.args),
        {each.name: each.value for each in spec.env},
        [each.container_port for each in spec.ports],
        [each.container_port for each in spec.grpc_ports],
        spec.predict_route,
        spec.health_route,
    ]
    return asked == there
