"""Three years of NDVI near Ljubljana with a terrain model and dense land cover."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import scenes
from benchmarks.accuracy.sets.source import Source, shared
from earthline.config import Export
from earthline.formats.manifest import SeriesRecord, SourceRecord
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

MONTHS = 12
NDVI_INVALID = -32768
CLASSES = {"forest": 2, "grassland": 3, "shrubland": 4, "artificial surface": 8}
"""Value of the label raster by class; the 11 pixels of cultivated land are too few for three splits."""

Array = np.ndarray[Any, Any]


def write(folder: Path, seed: int) -> None:
    """As `Source.write`."""
    data = shared("ljubljana_series")
    values, grid = scenes.read(data / "lulc.tif")
    terrain, _ = scenes.read(data / "dem.tif")
    monthly = _filled(_monthly(data))
    label = np.full(grid.shape, UNLABELLED, np.uint8)
    for class_id, value in enumerate(CLASSES.values()):
        label[values[..., 0] == value] = class_id
    image = np.concatenate([monthly, terrain.astype(np.float32)], axis=-1).astype(np.float32)
    valid = np.asarray(np.isfinite(image).all(axis=-1))
    steps = tuple((f"2016-{month:02d}-01", f"{2016 + month // 12}-{month % 12 + 1:02d}-01") for month in range(1, 13))
    scene = scenes.Scene(
        image=np.nan_to_num(image),
        valid=valid,
        label=label,
        bands=(*(f"NDVI_t{step:02d}" for step in range(MONTHS)), "DEM"),
        task=Classification(tuple(CLASSES)),
        grid=grid,
        origin=SourceRecord(asset="ljubljana_series", role="imagery", license="MIT; Copernicus"),
        series=(SeriesRecord(bands=("NDVI",), steps=steps),),
    )
    export = Export(
        patch_shape=(12, 12),
        block_shape=(24, 24),
        examples={"train": 300, "validation": 60, "test": 120},
        seed=seed,
    )
    scenes.write(scene, export, folder)


def _monthly(data: Path) -> Array:
    """Mean NDVI of each month of the year over all years, (height, width, 12); not a number where there is none."""
    sums: list[Any] = [0.0] * MONTHS
    counts: list[Any] = [0.0] * MONTHS
    for path in sorted(data.glob("ndvi_*.tif")):
        month = int(path.stem.removeprefix("ndvi_")[4:6]) - 1
        values = scenes.read(path)[0][..., 0].astype(np.float64)
        there = values != NDVI_INVALID
        sums[month] = sums[month] + np.where(there, values / 10_000, 0.0)
        counts[month] = counts[month] + there
    with np.errstate(invalid="ignore"):
        return np.stack([total / count for total, count in zip(sums, counts, strict=True)], axis=-1)


def _filled(series: Array) -> Array:
    """Empty steps filled from the nearest steps around them, linearly, round the year."""
    steps = series.shape[-1]
    turn = np.arange(3 * steps)
    flat = np.tile(series.reshape(-1, steps), 3)
    for pixel in flat:
        there = np.isfinite(pixel)
        if there.any() and not there.all():
            pixel[~there] = np.interp(turn[~there], turn[there], pixel[there])
    return flat[:, steps : 2 * steps].reshape(series.shape).astype(np.float32)


SOURCE = Source(
    title="Ljubljana series",
    about="Sentinel-2 NDVI of 68 dates as means of the 12 months of the year, with a terrain model; 10 m, 101 x 100 "
    "px, 4 classes of dense labels, three quarters of them forest",
    write=write,
)
