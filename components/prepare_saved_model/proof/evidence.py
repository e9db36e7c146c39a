"""What a SavedModel is measured against: real patches, where they lie, and what the trained model gave for them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earthline.formats import shards
from earthline.formats.examples import Patch
from earthline.formats.manifest import Manifest
from earthline.formats.placed_patches import PlacedPatches
from earthline.formats.served.contract import Contract
from earthline.formats.served.references import scale

Array = np.ndarray[Any, Any]

TOLERANCE = 1e-5
"""Largest difference of an output that passes, as a share of `references.scale`."""
PATCHES = 4
"""Real patches on which equality is proved."""
MOST_READ = 2000
"""Records of a split among which they are chosen."""


@dataclass(frozen=True)
class Evidence:
    """Patches and outputs.

    Attributes:
        bands: Names along the image's last axis, in the order of the trained model.
        image: float32 (tiles, height, width, bands); 0 where masked.
        valid: float32 (tiles, height, width): 1 where every band is valid, else 0.
        places: int64 (tiles, 2): row and column of each first pixel on the manifest's grid.
        outputs: float32 (tiles, height, width, entries) that the trained model gave.
    """

    bands: tuple[str, ...]
    image: Array
    valid: Array
    places: Array
    outputs: Array

    @property
    def tolerance(self) -> float:
        """Largest difference of an entry that passes."""
        return TOLERANCE * scale(self.outputs)

    def write(self, path: Path) -> None:
        """Writes an .npz file."""
        np.savez(
            path,
            bands=np.array(self.bands),
            image=self.image,
            valid=self.valid,
            places=self.places,
            outputs=self.outputs,
        )

    @classmethod
    def read(cls, path: Path) -> "Evidence":
        """Reads the file. Raises OSError or ValueError where it is none."""
        with np.load(path, allow_pickle=False) as arrays:
            image, valid, places, outputs = (arrays[name] for name in ("image", "valid", "places", "outputs"))
            return cls(tuple(str(band) for band in arrays["bands"]), image, valid, places, outputs)


def patches(examples: Path, manifest: Manifest) -> list[Patch]:
    """Patches taken evenly from the first split that has any, one with a mask among them where there is one.

    Held-out patches come first: what is asked of the model for ever should not be what it knows by heart.

    Args:
        examples: Folder of the dataset.
        manifest: Of the dataset.

    Raises:
        ValueError: There is none.
    """
    for split in ("test", "validation", "train"):
        total = min(manifest.splits[split].examples if split in manifest.splits else 0, MOST_READ)
        wanted = {place * total // PATCHES for place in range(PATCHES)}
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
            first = [] if masked is None or any(patch is masked for patch in chosen) else [masked]
            return [*first, *chosen][:PATCHES]
    raise ValueError("the examples hold no patch; export them again")


def evidence(network: Any, found: list[Patch], bands: tuple[str, ...]) -> Evidence:
    """Asks the trained model.

    Args:
        network: Keras model of image (tiles, height, width, bands) and validity (tiles, height, width, 1).
        found: From `patches`.
        bands: Their bands.
    """
    image = np.stack([patch.image for patch in found]).astype(np.float32)
    valid = np.stack([patch.valid for patch in found]).astype(np.float32)
    places = np.array([(patch.row, patch.column) for patch in found], np.int64)
    outputs = np.asarray(network([image, valid[..., np.newaxis]], training=False))
    return Evidence(bands, image, valid, places, outputs)


def placed(
    network: Any, seen: Evidence, manifest: Manifest, contract: Contract, receptive_field: int
) -> PlacedPatches | None:
    """The patches with what the trained model gives for as much of each as a request may hold.

    Args:
        network: As for `evidence`.
        seen: From `evidence`.
        manifest: Of the dataset.
        contract: Says how large a request may be.
        receptive_field: Of the network, in pixels; 0 where unknown.

    Returns:
        None where nobody knows where the patches lie, or requests are smaller than the network's stride.
    """
    patch_shape: tuple[int, ...] = seen.valid.shape[1:]
    rows, columns = (
        min(patch, sent) // contract.stride * contract.stride
        for patch, sent in zip(patch_shape, contract.sent_shape, strict=True)
    )
    if not manifest.placed or not rows or not columns:
        return None
    image, valid = seen.image[:, :rows, :columns], seen.valid[:, :rows, :columns]
    return PlacedPatches(
        bands=seen.bands,
        image=seen.image,
        valid=seen.valid,
        places=seen.places,
        outputs=np.asarray(network([image, valid[..., np.newaxis]], training=False)),
        grid=manifest.grid,
        expression_hash=manifest.expression_hash,
        data_type=manifest.data_type,
        told=manifest.told,
        receptive_field=receptive_field,
    )
