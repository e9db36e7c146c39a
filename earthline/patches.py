"""A split's patches as arrays, each pixel of the ground counted once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earthline import blocks
from earthline.formats import shards
from earthline.formats.examples import Patch, labelled, no_label
from earthline.formats.manifest import Manifest

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Patches:
    """All patches of a split.

    Attributes:
        image: (patches, height, width, bands), in the manifest's data type; 0 where masked.
        valid: bool (patches, height, width), False where masked.
        label: (patches, height, width), of the manifest's label type; where patches overlap, a pixel has its label in
            the first alone and `no_label` in the others.
        corner: Row and column of each patch's first pixel on the manifest's grid, (patches, 2).
        every: As `label`, but where patches overlap, each has the pixel's label.
    """

    image: Array
    valid: Array
    label: Array
    corner: Array
    every: Array

    @property
    def labelled(self) -> Array:
        """True where a pixel counts, (patches, height, width)."""
        return labelled(self.label)

    @property
    def ground(self) -> tuple[Array, Array]:
        """Rows and columns on the manifest's grid of the pixels that count, in the order of `label[labelled]`."""
        patch, row, column = np.nonzero(self.labelled)
        return self.corner[patch, 0] + row, self.corner[patch, 1] + column

    def blocks(self, manifest: Manifest) -> Array:
        """The block of each pixel that counts, (pixels,), from 0 without gaps.

        Args:
            manifest: Of the dataset.
        """
        row, column = self.ground
        height, width = manifest.grid["shape"]
        found = blocks.number(row, column, (height, width), manifest.block_shape)
        return np.unique(found, return_inverse=True)[1]


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
        Patch.decode(record, manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type)
        for path in manifest.shards(folder, split)
        for record in shards.read(path)
    ]
    if not any(labelled(patch.label).any() for patch in patches):
        raise ValueError(
            f"split '{split}' has {len(patches)} patches and no labelled pixel; give it a larger share "
            "(export.shares) or smaller blocks (export.block_shape)"
        )
    corner = np.array([(patch.row, patch.column) for patch in patches])
    every = np.stack([patch.label for patch in patches])
    return Patches(
        np.stack([patch.image for patch in patches]),
        np.stack([patch.valid for patch in patches]),
        _once(every, corner),
        corner,
        every,
    )


def _once(label: Array, corner: Array) -> Array:
    patch, row, column = np.nonzero(labelled(label))
    ground = np.stack([corner[patch, 0] + row, corner[patch, 1] + column], axis=1)
    _, first = np.unique(ground, axis=0, return_index=True)
    chosen = np.full_like(label, no_label(label.dtype.name))
    chosen[patch[first], row[first], column[first]] = label[patch[first], row[first], column[first]]
    return chosen
