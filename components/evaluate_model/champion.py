"""The champion: the model that gets most of an endpoint's traffic, scored again on today's test pixels."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.api_core.exceptions import NotFound
from google.cloud import aiplatform

from components.evaluate_model.patches import Patches
from earthline.formats.contract import ARRAY_SIGNATURE, CONTRACT, Contract
from earthline.storage import folders

Array = np.ndarray[Any, Any]

NONE = "none"
"""Stands for a champion where nothing is deployed."""
MAX_BYTES = 4 << 30
"""Largest SavedModel that is downloaded for comparison."""
_BATCH = 16


@dataclass(frozen=True)
class Champion:
    """A deployed model.

    Attributes:
        name: Resource name of the model with its version.
        artifact_uri: gs:// folder of its SavedModel; empty where the registry knows none.
    """

    name: str
    artifact_uri: str


class ChampionError(RuntimeError):
    """The champion cannot be scored on these examples; the text says why."""


def find(project: str, location: str, endpoint_name: str) -> Champion | None:
    """The model with most traffic on the newest endpoint of this display name; None where nothing is deployed.

    Args:
        project: Google Cloud project id.
        location: Vertex AI location.
        endpoint_name: Display name of the endpoint.
    """
    aiplatform.init(project=project, location=location, api_transport="rest")
    endpoints = aiplatform.Endpoint.list(filter=f'display_name="{endpoint_name}"', order_by="create_time desc")
    for endpoint in endpoints:
        deployed = {each.id: each for each in endpoint.list_models()}
        traffic = {key: share for key, share in endpoint.traffic_split.items() if key in deployed}
        if traffic:
            chosen = deployed[max(traffic, key=lambda key: traffic[key])]
            model = aiplatform.Model(chosen.model, version=chosen.model_version_id or None)
            return Champion(f"{model.resource_name}@{model.version_id}", model.uri or "")
    return None


def get(project: str, location: str, name: str) -> Champion | None:
    """The champion of a name; None for `none`. One that was deleted since has no artifacts.

    Args:
        project: Google Cloud project id.
        location: Vertex AI location.
        name: As `find` gives it, or `none`.
    """
    if name == NONE:
        return None
    aiplatform.init(project=project, location=location, api_transport="rest")
    resource, _, version = name.partition("@")
    try:
        return Champion(name, aiplatform.Model(resource, version=version or None).uri or "")
    except NotFound:
        return Champion(name, "")


def predict(
    champion: Champion, project: str, patches: Patches, bands: tuple[str, ...], classes: tuple[str, ...]
) -> tuple[Array, Contract]:
    """The champion's class ids for patches.

    Args:
        champion: As `find` gives it.
        project: Google Cloud project id.
        patches: Of the test split.
        bands: Names along the last axis of their images.
        classes: Class names by class id.

    Returns:
        Class ids, uint8 (pixels,), of the pixels that count, in the order of `label[labelled]`; and its contract.

    Raises:
        ChampionError: No SavedModel of ours, or one with other bands or classes.
    """
    if not champion.artifact_uri:
        raise ChampionError("the registry has no SavedModel of it: it was deleted, or is of another kind")
    with tempfile.TemporaryDirectory(prefix="champion-") as name:
        folder = Path(name)
        try:
            folders.download(champion.artifact_uri, folder, MAX_BYTES, project=project)
        except folders.FolderError as error:
            raise ChampionError(str(error)) from error
        try:
            contract = Contract.read(folder)
        except (OSError, ValueError) as error:
            raise ChampionError(f"its folder {champion.artifact_uri} has no readable {CONTRACT}") from error
        if set(contract.bands) != set(bands):
            raise ChampionError(
                f"it takes the bands {', '.join(contract.bands)}, these examples have {', '.join(bands)}"
            )
        if contract.class_names != classes:
            raise ChampionError(
                f"it tells {', '.join(contract.class_names)} apart, these examples have {', '.join(classes)}"
            )
        return _classes(folder, contract, patches, bands), contract


def _classes(folder: Path, contract: Contract, patches: Patches, bands: tuple[str, ...]) -> Array:
    import tensorflow as tf  # seconds to load, and not needed where no champion is deployed

    loaded = tf.saved_model.load(str(folder))
    if ARRAY_SIGNATURE not in loaded.signatures:
        raise ChampionError(f"its SavedModel has no signature '{ARRAY_SIGNATURE}'")
    signature = loaded.signatures[ARRAY_SIGNATURE]
    takes, sent = set(signature.structured_input_signature[1]), set(contract.named(dict.fromkeys(contract.inputs)))
    if takes != sent:
        raise ChampionError(
            f"its SavedModel takes {', '.join(sorted(takes))} instead of {', '.join(sorted(sent))}: it is of another "
            "version of this product"
        )
    labelled = patches.labelled
    parts = []
    for start in range(0, len(labelled), _BATCH):
        batch = slice(start, start + _BATCH)
        image = patches.image[batch].astype(np.float32)
        inputs = {band: tf.constant(image[..., bands.index(band)]) for band in contract.bands}
        inputs[contract.valid] = tf.constant(patches.valid[batch].astype(np.float32))
        classes = signature(**contract.named(inputs))[contract.output].numpy().argmax(axis=-1).astype(np.uint8)
        parts.append(classes[labelled[batch]])
    return np.concatenate(parts)
