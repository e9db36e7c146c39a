"""Sentinel-2 of Leipzig with 97 points in 4 classes: very few labels."""

from pathlib import Path

import numpy as np
import shapely
from pyogrio.raw import read as read_features

from benchmarks.accuracy import scenes
from benchmarks.accuracy.sets.source import Source, shared
from earthline.config import Export
from earthline.formats.manifest import SourceRecord
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

BANDS = ("B2", "B3", "B4", "B6", "B7", "B8", "B11", "NDVI")


def write(folder: Path, seed: int) -> None:
    """As `Source.write`."""
    data = shared("leipzig")
    image, grid = scenes.read(data / "leipzig_raster.tif")
    _, _, geometries, (names,) = read_features(data / "leipzig_points.gpkg", columns=["land_cover"])
    x, y = shapely.get_coordinates(shapely.from_wkb(geometries)).T
    classes = tuple(sorted(set(names.tolist())))
    label = np.full(grid.shape, UNLABELLED, np.uint8)
    for name, east, north in zip(names.tolist(), x.tolist(), y.tolist(), strict=True):
        label[grid.pixel(east, north)] = classes.index(name)
    scene = scenes.Scene(
        image=np.nan_to_num(image).astype(np.float32),
        valid=np.asarray(np.isfinite(image).all(axis=-1)),
        label=label,
        bands=BANDS,
        task=Classification(classes),
        grid=grid,
        origin=SourceRecord(asset="leipzig", role="imagery", license="LGPL-3; Copernicus"),
        sparse=True,
    )
    export = Export(
        patch_shape=(16, 16),
        block_shape=(32, 32),
        examples={"train": 100, "validation": 100, "test": 100},
        seed=seed,
    )
    scenes.write(scene, export, folder)


SOURCE = Source(
    title="Leipzig points",
    about="Sentinel-2, 10 m, 8 bands, 206 x 154 px, 97 points in 4 classes, each one pixel; points in the gap between "
    "splits are lost",
    write=write,
)
