"""A drawn scene of two classes, learned in seconds: the set of `--quick`."""

from pathlib import Path

import numpy as np

from benchmarks.accuracy import scenes
from benchmarks.accuracy.sets.source import Source
from earthline.config import Export
from earthline.formats.manifest import SourceRecord
from earthline.grid import Grid
from earthline.task.classification.task import Classification

SIDE = 96


def write(folder: Path, seed: int) -> None:
    """As `Source.write`."""
    random = np.random.default_rng(0)
    label = np.kron(random.integers(0, 2, (SIDE // 6, SIDE // 6)), np.ones((6, 6))).astype(np.uint8)
    image = label[..., np.newaxis] * 400.0 + random.normal(1000, 200, (SIDE, SIDE, 3))
    scene = scenes.Scene(
        image=image.astype(np.float32),
        valid=np.ones(label.shape, bool),
        label=label,
        bands=("red", "green", "blue"),
        task=Classification(("fallow", "crop")),
        grid=Grid("EPSG:32633", (10, 0, 500_000, 0, -10, 5_000_000), label.shape),
        origin=SourceRecord(asset="drawn", role="imagery"),
    )
    export = Export(
        patch_shape=(8, 8),
        block_shape=(16, 16),
        examples={"train": 60, "validation": 20, "test": 60},
        seed=seed,
    )
    scenes.write(scene, export, folder)


SOURCE = Source(title="Square fields", about="drawn: 3 bands, 96 x 96 px, 2 classes", write=write)
