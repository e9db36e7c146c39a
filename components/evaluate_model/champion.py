"""The champion: the model that gets most of an endpoint's traffic, scored again on today's test pixels."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.cloud import aiplatform, storage

from earthline.contract import ARRAY_SIGNATURE, CONTRACT, Contract

Array = np.ndarray[Any, Any]

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


def predict(
    champion: Champion, project: str, image: Array, bands: tuple[str, ...], classes: tuple[str, ...]
) -> tuple[Array, Contract]:
    """The champion's class ids for images.

    Args:
        champion: As `find` gives it.
        project: Google Cloud project id.
        image: (patches, height, width, bands).
        bands: Names along the last axis.
        classes: Class names by class id.

    Returns:
        Class ids (patches, height, width), uint8, and the champion's contract.

    Raises:
        ChampionError: No SavedModel of ours, or one with other bands or classes.
    """
    with tempfile.TemporaryDirectory(prefix="champion-") as name:
        folder = Path(name)
        _download(champion, project, folder)
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
        return _classes(folder, contract, image, bands), contract


def _download(champion: Champion, project: str, folder: Path) -> None:
    scheme, _, rest = champion.artifact_uri.partition("gs://")
    bucket, _, prefix = rest.partition("/")
    if scheme or not bucket:
        raise ChampionError(f"its artifact address {champion.artifact_uri!r} is no gs:// folder")
    prefix = f"{prefix.rstrip('/')}/"
    total = 0
    for blob in storage.Client(project=project).list_blobs(bucket, prefix=prefix):
        relative = blob.name.removeprefix(prefix)
        if not relative or relative.endswith("/"):
            continue
        target = (folder / relative).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise ChampionError(f"the object {blob.name} reaches outside its folder")
        total += blob.size or 0
        if total > MAX_BYTES:
            raise ChampionError(f"its SavedModel is larger than {MAX_BYTES:,} bytes")
        target.parent.mkdir(parents=True, exist_ok=True)
        blob.download_to_filename(str(target))


def _classes(folder: Path, contract: Contract, image: Array, bands: tuple[str, ...]) -> Array:
    import tensorflow as tf  # seconds to load, and not needed where no champion is deployed

    loaded = tf.saved_model.load(str(folder))
    if ARRAY_SIGNATURE not in loaded.signatures:
        raise ChampionError(f"its SavedModel has no signature '{ARRAY_SIGNATURE}'")
    signature = loaded.signatures[ARRAY_SIGNATURE]
    parts = []
    for start in range(0, len(image), _BATCH):
        batch = image[start : start + _BATCH].astype(np.float32)
        named = {band: tf.constant(batch[..., bands.index(band)]) for band in contract.bands}
        parts.append(signature(**named)[contract.output].numpy().argmax(axis=-1).astype(np.uint8))
    return np.concatenate(parts)
