"""Examples to train on, made of random numbers: how fast a step is does not depend on what is in a patch."""

from pathlib import Path

import numpy as np

from earthline.formats.examples import Patch
from earthline.formats.manifest import SPLITS, Manifest, Shard, SplitSummary, shard_name
from earthline.formats.shards import frame
from earthline.task.classification.labels import PIXELS
from earthline.task.classification.task import Classification

CLASSES = tuple(f"class_{number}" for number in range(9))


def patch(random: np.random.Generator, side: int, bands: int) -> Patch:
    """A patch of uint16 values and `CLASSES`, all of it valid and labelled.

    Args:
        random: Where the numbers come from.
        side: Height and width in pixels.
        bands: Number of bands.
    """
    image = random.integers(0, 10_000, (side, side, bands)).astype(np.uint16)
    label = random.integers(0, len(CLASSES), (side, side)).astype(np.uint8)
    return Patch(image, label, np.ones((side, side), bool), 0, 0)


def write(folder: Path, counts: tuple[int, int, int], side: int, bands: int, *, shards: int = 1) -> Manifest:
    """Writes a dataset.

    Args:
        folder: Where; it exists.
        counts: Patches of the training, validation and test split.
        side: Height and width of a patch in pixels.
        bands: Number of bands.
        shards: Files of each split at most.
    """
    random = np.random.default_rng(0)
    splits = {}
    for split, count in zip(SPLITS, counts, strict=True):
        files = min(shards, count)
        parts = [
            Shard(name=shard_name(split, place, files), examples=count // files + (place < count % files))
            for place in range(files)
        ]
        for part in parts:
            with (folder / part.name).open("wb") as file:
                for _ in range(part.examples):
                    file.write(frame(patch(random, side, bands).encode()))
        pixels = count * side * side
        splits[split] = SplitSummary(
            examples=count,
            shards=tuple(parts),
            labels={PIXELS: {name: max(1, pixels // len(CLASSES)) for name in CLASSES}},
            labelled_pixels=pixels,
            unlabelled_pixels=0,
            masked_pixels=0,
        )
    manifest = Manifest(
        grid={},
        bands=tuple(f"band_{number}" for number in range(bands)),
        data_type="uint16",
        patch_shape=(side, side),
        task=Classification(CLASSES).record,
        label_type="uint8",
        splits=splits,
        gap=side,
        block_shape=(side, side),
        split_areas={},
        seed=0,
        expression_hash="0",
        sources=(),
    )
    manifest.write(folder)
    return manifest
