"""Landsat 7 of North Carolina with land classes of 1996: the data, classes and patches of configs/quickstart.yaml."""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.accuracy import scenes
from benchmarks.accuracy.sets.source import Source, packaged
from earthline.config import Export
from earthline.formats.manifest import SourceRecord
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

BANDS = ("B1", "B2", "B3", "B4", "B5")
CLASSES = {"developed": (1,), "open land": (2, 3, 4), "forest": (5,), "water": (6, 7)}
"""Values of the label raster by class."""
OFFSET = 1
"""Pixels, in rows and columns, by which the label raster lies before the imagery."""


def write(folder: Path, seed: int) -> None:
    """As `Source.write`."""
    with tempfile.TemporaryDirectory() as unpacked:
        files = packaged("north_carolina", Path(unpacked))
        bands = [scenes.read(files[f"landsat7_2000:{band}"]) for band in BANDS]
        values, _ = scenes.read(files["strata_1996:landcover"])
    grid = bands[0][1]
    image = np.concatenate([band for band, _ in bands], axis=-1).astype(np.float64)
    moved = np.zeros(grid.shape, np.int64)
    moved[OFFSET:, OFFSET:] = np.nan_to_num(values[:-OFFSET, :-OFFSET, 0], nan=0)
    label = np.full(grid.shape, UNLABELLED, np.uint8)
    for class_id, of_class in enumerate(CLASSES.values()):
        label[np.isin(moved, of_class)] = class_id
    valid = np.asarray(((image > 0) & (image <= 255)).all(axis=-1))
    scene = scenes.Scene(
        image=np.where(valid[..., np.newaxis], image, 0).astype(np.uint8),
        valid=valid,
        label=label,
        bands=BANDS,
        task=Classification(tuple(CLASSES)),
        grid=grid,
        origin=SourceRecord(asset="north_carolina", role="imagery", license="CC BY-SA"),
    )
    export = Export(
        patch_shape=(32, 32),
        block_shape=(110, 110),
        examples={"train": 400, "validation": 60, "test": 100},
        seed=seed,
    )
    scenes.write(scene, export, folder)


SOURCE = Source(
    title="North Carolina",
    about="Landsat 7, 28.5 m, 5 bands, 443 x 489 px, 4 classes of dense labels that are four years older; patches and "
    "blocks of configs/quickstart.yaml",
    write=write,
)
