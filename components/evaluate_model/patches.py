"""A split's patches as arrays, each pixel of the ground counted once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earthline import shards
from earthline.examples import UNLABELLED, Manifest, Patch

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Patches:
    """All patches of a split.

    Attributes:
        image: (patches, height, width, bands), in the manifest's data type.
        label: Class ids (patches, height, width); where patches overlap, a pixel has its label in the first alone
            and is `UNLABELLED` in the others.
    """

    image: Array
    label: Array

    @property
    def labelled(self) -> Array:
        """True where a pixel counts, (patches, height, width)."""
        labelled: Array = self.label != UNLABELLED
        return labelled


def read(folder: Path, manifest: Manifest, split: str) -> Patches:
    """Reads a split.

    Args:
        folder: Folder of the dataset.
        manifest: What lies there.
        split: `train`, `validation` or `test`.

    Raises:
        FileNotFoundError: A shard is missing.
        ValueError: A damaged shard, or a split without a labelled pixel.
    """
    patches = [
        Patch.decode(record, manifest.patch_shape, len(manifest.bands), manifest.data_type)
        for path in manifest.shards(folder, split)
        for record in shards.read(path)
    ]
    if not any((patch.label != UNLABELLED).any() for patch in patches):
        raise ValueError(
            f"split '{split}' has {len(patches)} patches and no labelled pixel; give it a larger share "
            "(export.shares) or smaller blocks (export.block_shape)"
        )
    places = np.array([(patch.row, patch.column) for patch in patches])
    return Patches(
        np.stack([patch.image for patch in patches]),
        _once(np.stack([patch.label for patch in patches]), places),
    )


def _once(label: Array, places: Array) -> Array:
    patch, row, column = np.nonzero(label != UNLABELLED)
    ground = np.stack([places[patch, 0] + row, places[patch, 1] + column], axis=1)
    _, first = np.unique(ground, axis=0, return_index=True)
    chosen = np.full_like(label, UNLABELLED)
    chosen[patch[first], row[first], column[first]] = label[patch[first], row[first], column[first]]
    return chosen
