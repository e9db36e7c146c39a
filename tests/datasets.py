"""Datasets as export_examples leaves them: a file of patches for each split, and the manifest that fits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from earthline.formats.examples import Patch
from earthline.formats.manifest import Manifest, Shard, SplitSummary, shard_name
from earthline.formats.shards import frame
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

SIDE = 8
CLASSES = ("dark", "bright")
"""What `square` shows."""


def square(random: np.random.Generator, row: int, *, noise: int, masked: int) -> Patch:
    """A bright square on a dark ground: uint16 of three bands, `SIDE` pixels high and wide.

    Args:
        random: Where the square lies, and the noise.
        row: Of its first pixel on the region's grid.
        noise: What is added to a value is below this; the ground is 1000, the square 3000.
        masked: Side in pixels of the masked corner.
    """
    label = np.zeros((SIDE, SIDE), np.uint8)
    top, left = random.integers(0, SIDE // 2, 2)
    label[top : top + SIDE // 2, left : left + SIDE // 2] = 1
    image = np.where(label[..., None] == 1, 3000, 1000) + random.integers(0, noise, (SIDE, SIDE, 3))
    image[:masked, :masked] = 0
    label[:masked, :masked] = UNLABELLED
    return Patch(image.astype(np.uint16), label, label != UNLABELLED, row, 0)


def write(
    folder: Path,
    patches: Mapping[str, Sequence[Patch]],
    *,
    bands: tuple[str, ...],
    class_names: tuple[str, ...],
    **fields: Any,
) -> Manifest:
    """Writes a dataset, one shard per split.

    Args:
        folder: Where.
        patches: By split; all of one shape and type.
        bands: Names.
        class_names: Names, in the order of the class ids.
        fields: Of the manifest, in place of what is made up here.
    """
    splits = {}
    for split, of_split in patches.items():
        shard = shard_name(split, 0, 1)
        (folder / shard).write_bytes(b"".join(frame(patch.encode()) for patch in of_split))
        pixels = {
            name: sum(int((patch.label == class_id).sum()) for patch in of_split)
            for class_id, name in enumerate(class_names)
        }
        splits[split] = SplitSummary(
            examples=len(of_split),
            shards=(Shard(name=shard, examples=len(of_split)),),
            labels={"class_pixels": pixels},
            labelled_pixels=sum(pixels.values()),
            unlabelled_pixels=sum(int((patch.label == UNLABELLED).sum()) for patch in of_split),
            masked_pixels=sum(int((~patch.valid).sum()) for patch in of_split),
        )
    image = next(patch.image for of_split in patches.values() for patch in of_split)
    rows, columns, _ = image.shape
    made_up = {
        "grid": {},
        "data_type": image.dtype.name,
        "patch_shape": (rows, columns),
        "label_type": "uint8",
        "gap": max(rows, columns),
        "block_shape": (2 * rows, 2 * columns),
        "split_areas": {},
        "seed": 0,
        "expression_hash": "0",
        "sources": (),
    }
    task = Classification(class_names).record
    manifest = Manifest(bands=bands, task=task, splits=splits, **{**made_up, **fields})
    manifest.write(folder)
    return manifest
