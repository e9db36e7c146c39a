"""Wraps a trained model for Earth Engine and proves in a fresh process that the wrapped one gives the same."""

import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from components.prepare_saved_model import export
from earthline.config import Data, Serving
from earthline.entry_point import entry_point
from earthline.formats import shards
from earthline.formats.contract import VALID_BAND, Contract
from earthline.formats.examples import Patch
from earthline.formats.learned_ground import LearnedGround
from earthline.formats.manifest import Manifest
from trainer import saved_network
from trainer.description import Description, require_match

COMMAND = ("python3", "-m", "serving")
PORT = 8080
PREDICT_ROUTE = "/predict"
HEALTH_ROUTE = "/health"
PROOF_PATCHES = 4
"""Real patches on which equality is proved."""
MOST_PATCHES_READ = 2000
"""Records of a split among which they are chosen."""
PROOF_SECONDS = 300
_logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


class PreparationError(RuntimeError):
    """The wrapped model is not the trained one; the text says how they differ."""


@entry_point
def run(
    *, data: Data, serving: Serving, image: str, serving_image: str, examples: Any, model: Any, prepared: Any
) -> None:
    """The step. Artifacts are KFP's: `.path` is read and written.

    Args:
        data: The config's section.
        serving: The config's section.
        image: Container image whose prediction server serves any model.
        serving_image: Container image that serves models that need no TensorFlow; it has none.
        examples: Dataset (input), for real patches.
        model: Model that the trainer wrote (input).
        prepared: google.UnmanagedContainerModel (output): its folder becomes the SavedModel with `contract.json`, its
            metadata the container that serves it.

    Raises:
        ValueError: Model, examples and config differ in bands or labels.
        PreparationError: The proof failed.
    """
    manifest = Manifest.read(Path(examples.path))
    require_match(data, manifest)
    contract = prepare(serving, Path(model.path), Path(examples.path), Path(prepared.path))
    prepared.metadata["containerSpec"] = {
        "imageUri": image,
        "command": list(COMMAND),
        "ports": [{"containerPort": PORT}],
        "predictRoute": PREDICT_ROUTE,
        "healthRoute": HEALTH_ROUTE,
    }
    prepared.metadata["bands"] = list(contract.bands)
    prepared.metadata["inputs"] = list(contract.inputs)
    prepared.metadata["max_difference"] = contract.max_difference
    _logger.info(
        "prepare_saved_model: proved in a fresh process: differs from the trained model by at most %.2g, whatever the "
        "order of %s",
        contract.max_difference,
        ", ".join(contract.bands),
    )


def prepare(section: Serving, model_folder: Path, examples: Path, folder: Path) -> Contract:
    """Writes and proves the SavedModel.

    Args:
        section: The config's section.
        model_folder: Folder that the trainer wrote.
        examples: Folder of the dataset.
        folder: Folder to write.

    Returns:
        The contract, with the difference that the proof found.

    Raises:
        ValueError: The model has other bands than the examples.
        PreparationError: The proof failed.
    """
    description = Description.read(model_folder)
    manifest = Manifest.read(examples)
    if description.bands != manifest.bands:
        raise ValueError(f"the model takes {description.bands}, the examples have {manifest.bands}; train it again")
    network = saved_network.read(model_folder)
    contract = Contract(
        bands=description.bands,
        arguments=export.arguments((*description.bands, VALID_BAND)),
        task=description.task,
        further=description.further,
        certainty=description.certainty,
        tile_shape=section.tile_shape,
        overlap=section.overlap,
        stride=description.stride,
        max_payload_bytes=section.max_payload_bytes,
        split_hash=manifest.split_hash,
        learned_ground=LearnedGround.of(manifest),
    )
    _logger.info("prepare_saved_model: writing the SavedModel")
    export.save(network, contract, folder)
    image, valid = _patches(examples, manifest)
    expected = np.asarray(network([image, valid[..., np.newaxis]], training=False))
    _logger.info("prepare_saved_model: comparing it with the trained model in a fresh process")
    contract = contract.model_copy(update={"max_difference": prove(folder, image, valid, description.bands, expected)})
    contract.write(folder)
    return contract


def prove(folder: Path, image: Array, valid: Array, bands: tuple[str, ...], outputs: Array) -> float:
    """Runs the proof in a process of its own; it writes `probe.npz` into the folder.

    Args:
        folder: The SavedModel with its contract.
        image: Patches (tiles, height, width, bands), float32.
        valid: Their validity (tiles, height, width), float32: 1 or 0.
        bands: Names along the last axis.
        outputs: What the trained model gave for them.

    Returns:
        The largest difference.

    Raises:
        PreparationError: It failed, or did not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="proof-") as name:
        reference = Path(name) / "reference.npz"
        np.savez(reference, image=image, valid=valid, bands=np.array(bands), outputs=outputs)
        command = [sys.executable, "-m", "components.prepare_saved_model.proof", str(folder), str(reference)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PROOF_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise PreparationError(f"the proof did not end within {PROOF_SECONDS} s") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise PreparationError(f"the SavedModel was refused: {' '.join(lines[-3:]) or 'no reason given'}")
    return float(done.stdout.strip().splitlines()[-1])


def _patches(examples: Path, manifest: Manifest) -> tuple[Array, Array]:
    """Patches and their validity, taken evenly from the first split that has any, with a patch that has a mask.

    Held-out patches come first: what is asked of the model for ever should not be what it knows by heart.
    """
    for split in ("test", "validation", "train"):
        total = min(manifest.splits[split].examples if split in manifest.splits else 0, MOST_PATCHES_READ)
        wanted = {place * total // PROOF_PATCHES for place in range(PROOF_PATCHES)}
        chosen: list[Patch] = []
        masked: Patch | None = None
        records = (record for path in manifest.shards(examples, split) for record in shards.read(path))
        for place, record in zip(range(total), records, strict=False):
            if place not in wanted and masked is not None:
                continue
            patch = Patch.decode(
                record, manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type
            )
            if masked is None and patch.valid.any() and not patch.valid.all():
                masked = patch
            if place in wanted:
                chosen.append(patch)
        if chosen:
            chosen = [*([masked] if masked is not None else []), *chosen][:PROOF_PATCHES]
            image = np.stack([patch.image for patch in chosen]).astype(np.float32)
            return image, np.stack([patch.valid for patch in chosen]).astype(np.float32)
    raise ValueError("the examples hold no patch; export them again")
