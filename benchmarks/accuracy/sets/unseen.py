"""Scenes made of a real one that resemble nothing which a setting was chosen on: does the product cope?

No accuracy is told of them: what is learned there is made, not measured.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.accuracy import scenes
from benchmarks.accuracy.sets.north_carolina import BANDS
from benchmarks.accuracy.sets.source import Source, packaged
from earthline.config import Export
from earthline.formats.manifest import SourceRecord
from earthline.grid import Grid
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

RARE = 0.003
"""Share of the scene of each of the two rare classes."""

Array = np.ndarray[Any, Any]


def write_rare_classes(folder: Path, seed: int) -> None:
    """1000 x 1500 px, another sensor's range, six classes of which two are very rare. As `Source.write`."""
    shape = (1000, 1500)
    real = _mirrored(shape)
    random = np.random.default_rng(7)
    smooth = gaussian_filter(real.mean(axis=-1), 3)
    label = np.digitize(smooth, np.quantile(smooth, (0.4, 0.7, 0.9))).astype(np.uint8)
    for class_id in (4, 5):
        spots = gaussian_filter(random.normal(size=shape), 4)
        label[spots > np.quantile(spots, 1 - RARE)] = class_id
    # The rare ones are seen in two bands alone, one each.
    image = real * 40.0 + random.normal(0, 120, real.shape)
    image[..., 1] += 1500.0 * (label == 4)
    image[..., 3] += 1500.0 * (label == 5)
    names = ("darkest", "dark", "bright", "brightest", "rare one", "rare two")
    _write(image, label, names, (64, 64), (160, 160), seed, folder)


def write_four_bands(folder: Path, seed: int) -> None:
    """0.6 Mpx, four bands, labels that are a map of eight times coarser resolution. As `Source.write`."""
    shape = (760, 800)
    image = _mirrored(shape)[..., :4] / 255.0
    coarse = image.mean(axis=-1).reshape(shape[0] // 8, 8, shape[1] // 8, 8).mean(axis=(1, 3))
    classes = np.digitize(coarse, np.quantile(coarse, (0.5, 0.8))).astype(np.uint8)
    label = np.kron(classes, np.ones((8, 8), np.uint8))
    _write(image, label, ("low", "middle", "high"), (32, 32), (120, 120), seed, folder)


def _mirrored(shape: tuple[int, int]) -> Array:
    """The bands of North Carolina, mirrored at their edges until they fill a shape, float64."""
    with tempfile.TemporaryDirectory() as unpacked:
        files = packaged("north_carolina", Path(unpacked))
        real = np.concatenate([scenes.read(files[f"landsat7_2000:{band}"])[0] for band in BANDS], axis=-1)
    real = np.nan_to_num(real.astype(np.float64))
    missing = [(0, max(0, side - there)) for side, there in zip(shape, real.shape[:2], strict=True)]
    return np.pad(real, (*missing, (0, 0)), mode="symmetric")[: shape[0], : shape[1]]


def _write(
    image: Array,
    label: Array,
    names: tuple[str, ...],
    patch_shape: tuple[int, int],
    block_shape: tuple[int, int],
    seed: int,
    folder: Path,
) -> None:
    valid = np.ones(label.shape, bool)
    valid[:50, :70] = False
    scene = scenes.Scene(
        image=image.astype(np.float32),
        valid=valid,
        label=np.where(valid, label, UNLABELLED).astype(np.uint8),
        bands=tuple(f"band_{number}" for number in range(image.shape[-1])),
        task=Classification(names),
        grid=Grid("EPSG:32633", (10, 0, 400_000, 0, -10, 5_200_000), label.shape),
        origin=SourceRecord(asset="made of north_carolina", role="imagery", license="CC BY-SA"),
    )
    export = Export(
        patch_shape=patch_shape,
        block_shape=block_shape,
        examples={"train": 200, "validation": 40, "test": 60},
        seed=seed,
    )
    scenes.write(scene, export, folder)


RARE_CLASSES = Source(
    title="Rare classes",
    about="made of North Carolina: 1000 x 1500 px, 5 bands, 6 classes, two of them on 0.3 % of the scene each",
    write=write_rare_classes,
)
FOUR_BANDS = Source(
    title="Four bands",
    about="made of North Carolina: 760 x 800 px, 4 bands from 0 to 1, labels of eight times coarser resolution",
    write=write_four_bands,
)
