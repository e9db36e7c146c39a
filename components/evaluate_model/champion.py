"""The champion scored again, on today's test pixels."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from earthline.formats.served.contract import ARRAY_SIGNATURE, CONTRACT, Contract
from earthline.formats.task_record import TaskRecord
from earthline.patches import Patches
from earthline.storage import folders
from earthline.task import task_of_record
from earthline.vertex.champion import Champion

Array = np.ndarray[Any, Any]

MAX_BYTES = 4 << 30
"""Largest SavedModel that is downloaded for comparison."""
_BATCH = 16


class ChampionError(RuntimeError):
    """The champion cannot be scored on these examples; the text says why."""


def predict(
    champion: Champion, project: str, patches: Patches, bands: tuple[str, ...], task: TaskRecord
) -> tuple[Array, Contract]:
    """The champion's map values for patches.

    Args:
        champion: As `find` gives it.
        project: Google Cloud project id.
        patches: Of the test split.
        bands: Names along the last axis of their images.
        task: Of the examples.

    Returns:
        Map values (pixels,) of the pixels that count, in the order of `label[labelled]`; and its contract.

    Raises:
        ChampionError: No SavedModel of ours, or one with other bands or of another task.
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
        if contract.task != task:
            raise ChampionError(f"it gives {contract.task.told}, these examples have {task.told}")
        return _values(folder, contract, patches, bands), contract


def _values(folder: Path, contract: Contract, patches: Patches, bands: tuple[str, ...]) -> Array:
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
    labelled, task = patches.labelled, task_of_record(contract.task)
    parts = []
    for start in range(0, len(labelled), _BATCH):
        batch = slice(start, start + _BATCH)
        image = patches.image[batch].astype(np.float32)
        inputs = {band: tf.constant(image[..., bands.index(band)]) for band in contract.bands}
        inputs[contract.valid] = tf.constant(patches.valid[batch].astype(np.float32))
        values = task.decoded(signature(**contract.named(inputs))[contract.output].numpy())
        parts.append(values[labelled[batch]])
    found = np.concatenate(parts)
    if (found == task.no_data).any():
        raise ChampionError("it gives no finite number for some test pixels")
    return found
