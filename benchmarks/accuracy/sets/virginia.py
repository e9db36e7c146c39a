"""Sentinel-2 of Virginia: the short-wave infrared from the visible and near infrared. Regression with clean labels."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import scenes
from benchmarks.accuracy.sets.source import Source, packaged
from earthline.config import Export
from earthline.formats.examples import no_label
from earthline.formats.manifest import SourceRecord
from earthline.task.regression.task import Regression

BANDS = ("B2", "B3", "B4", "B8")
LABEL = "B11"
RANGE = (0.0, 6000.0)
"""Reflectance times 10,000; the scene holds values up to 5,194."""
BREAKS = (0.2, 0.4, 0.6, 0.8)
"""Quantiles of the labels between the parts that patches are balanced over."""

Array = np.ndarray[Any, Any]


def write(folder: Path, seed: int) -> None:
    """As `Source.write`."""
    with tempfile.TemporaryDirectory() as unpacked:
        files = packaged("virginia", Path(unpacked))
        fine = np.concatenate([scenes.read(files[f"sentinel2_2016:{band}"])[0] for band in BANDS], axis=-1)
        values, grid = scenes.read(files[f"sentinel2_2016:{LABEL}"])
    # The 20 m grid begins one pixel of 10 m before the bands of 10 m do, and their last row stands alone.
    rows, columns = fine.shape[0] // 2, (fine.shape[1] - 1) // 2
    image = _halved(fine[: 2 * rows, 1 : 1 + 2 * columns])
    swir = values[:rows, 1 : 1 + columns, 0].astype(np.float32)
    green, infrared = image[..., 1], image[..., 3]
    land = green < infrared  # NDWI below 0 (McFeeters 1996): over water nothing of the infrared is left to predict
    task = Regression("SWIR", "1e-4", RANGE, tuple(np.quantile(swir[land], BREAKS).tolist()))
    scene = scenes.Scene(
        image=image,
        valid=np.ones(swir.shape, bool),
        label=np.where(land, swir, no_label("float32")).astype(np.float32),
        bands=BANDS,
        task=task,
        grid=grid.window(0, 1, swir.shape),
        origin=SourceRecord(asset="virginia", role="imagery", license="CC0 1.0"),
    )
    export = Export(
        patch_shape=(32, 32),
        block_shape=(160, 160),
        examples={"train": 300, "validation": 60, "test": 100},
        seed=seed,
    )
    scenes.write(scene, export, folder)


def _halved(image: Array) -> Array:
    """Means of 2 x 2 pixels, float32."""
    height, width, bands = image.shape
    return np.asarray(image.reshape(height // 2, 2, width // 2, 2, bands).mean(axis=(1, 3)), np.float32)


SOURCE = Source(
    title="Virginia, regression",
    about="Sentinel-2 at 20 m, 973 x 966 px: reflectance of B11 (times 10,000) from B2, B3, B4 and B8, on land",
    write=write,
)
