"""A whole scene in memory becomes a dataset: the product's planner deals blocks and its writer writes shards.

Where the exporter asks Earth Engine for points, here the pixels are at hand; all else is its code.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from components.export_examples.planning import plan
from components.export_examples.planning.dealing import Candidates, Corner
from components.export_examples.writing.chunks import ChunkWriter, EncodedPatch
from components.export_examples.writing.spool import Spool
from components.export_examples.writing.write import write as write_dataset
from earthline.config import Export
from earthline.formats.examples import Patch, labelled
from earthline.formats.manifest import SPLITS, Manifest, SeriesRecord, SourceRecord, StratumSample
from earthline.grid import Grid
from earthline.task import Task

Array = np.ndarray[Any, Any]

_CANDIDATES = 5000
"""Patches of each stratum that blocks are dealt by at most."""


@dataclass(frozen=True)
class Scene:
    """Imagery and labels on one grid.

    Attributes:
        image: (height, width, bands), in the data type of the examples.
        valid: bool (height, width).
        label: (height, width), in the task's type; `no_data` where there is none.
        bands: Names.
        task: What the labels tell.
        grid: Where it lies.
        origin: Who made it, under which terms.
        series: Bands that are steps in time.
        sparse: Labels are single points: a patch lies as near as it can around each, not only centred on it.
    """

    image: Array
    valid: Array
    label: Array
    bands: tuple[str, ...]
    task: Task
    grid: Grid
    origin: SourceRecord
    series: tuple[SeriesRecord, ...] = ()
    sparse: bool = False


def read(path: Path) -> tuple[Array, Grid]:
    """The bands of a raster file, (height, width, bands), and its grid."""
    with rasterio.open(path) as opened:
        code = opened.crs.to_epsg() if opened.crs else None
        crs = f"EPSG:{code}" if code else (opened.crs.to_wkt() if opened.crs else "")
        return np.moveaxis(opened.read(), 0, -1), Grid(crs, tuple(opened.transform)[:6], opened.shape)


def write(scene: Scene, export: Export, folder: Path) -> None:
    """Writes the dataset of a scene; the seed is the section's.

    Args:
        scene: The scene.
        export: Patches, blocks and shares, as in a config.
        folder: Existing folder.

    Raises:
        SplitError: The scene cannot be split as asked.
        ValueError: A split has no patch.
    """
    labels = np.where(scene.valid, scene.label, scene.task.no_data).astype(scene.task.data_type)
    counted = labelled(labels)
    strata = np.full(labels.shape, -1, np.int64)
    strata[counted] = scene.task.strata_of(labels[counted])
    dealt = _candidates(strata, scene, export)
    areas = plan.split_areas(scene.grid, export, dealt, len(scene.task.strata))
    wanted: dict[str, int] = {str(split): count for split, count in export.examples.items()}
    corners: dict[str, list[Corner]] = {}
    sampling: dict[str, tuple[StratumSample, ...]] = {}
    for number, split in enumerate(SPLITS):
        found = _corners(strata, scene, areas[split], export)
        corners[split] = _balanced(found, wanted[split], np.random.default_rng((export.seed, number)))
        if not corners[split]:
            raise ValueError(f"seed {export.seed}: no patch of split '{split}' holds a label")
        if not scene.sparse:
            taken = set(corners[split])
            sampling[split] = tuple(
                StratumSample(name=name, frame=len(found[stratum]), drawn=len(taken.intersection(found[stratum])))
                for stratum, name in enumerate(scene.task.strata)
            )
    manifest = Manifest(
        grid=scene.grid.to_json(),
        bands=scene.bands,
        series=scene.series,
        data_type=scene.image.dtype.name,
        patch_shape=export.patch_shape,
        task=scene.task.record,
        label_type=scene.task.data_type,
        splits={},
        gap=plan.gap(export),
        block_shape=export.block_shape,
        split_areas={split: mapping(area) for split, area in areas.items()},
        seed=export.seed,
        design="" if scene.sparse else "stratified",
        sampling=sampling,
        expression_hash=f"{scene.origin.asset}",
        sources=(scene.origin,),
    )
    with tempfile.TemporaryDirectory(dir=folder) as arrived:
        spool = Spool(arrived)
        writer = ChunkWriter(spool.folder)
        for split, places in corners.items():
            for row, column in places:
                writer.add(EncodedPatch(split, row, column, _encoded(scene, labels, row, column, export.patch_shape)))
        writer.flush()
        spool.refresh()
        write_dataset(
            spool,
            {split: np.array(places, np.int64) for split, places in corners.items()},
            manifest,
            str(folder),
            shards=export.shards,
        )


def _balanced(found: Mapping[int, Sequence[Corner]], most: int, random: np.random.Generator) -> list[Corner]:
    """Distinct patches in equal parts from all strata; what a scarce one leaves goes to the others."""
    chosen: list[Corner] = []
    by_scarcity = sorted(found.items(), key=lambda item: (len(set(item[1])), item[0]))
    for place, (_, corners) in enumerate(by_scarcity):
        fresh = sorted(set(corners) - set(chosen))
        share = -(-(most - len(chosen)) // (len(by_scarcity) - place))
        chosen += [fresh[index] for index in random.permutation(len(fresh))[:share]]
    # A patch that stands under two strata was counted for both.
    left = sorted({corner for corners in found.values() for corner in corners} - set(chosen))
    chosen += [left[index] for index in random.permutation(len(left))[: most - len(chosen)]]
    return sorted(chosen)


def _encoded(scene: Scene, labels: Array, row: int, column: int, shape: tuple[int, int]) -> bytes:
    window = slice(row, row + shape[0]), slice(column, column + shape[1])
    valid = scene.valid[window]
    image = np.where(valid[..., np.newaxis], scene.image[window], 0).astype(scene.image.dtype)
    return Patch(image, labels[window], valid, row, column).encode()


def _candidates(strata: Array, scene: Scene, export: Export) -> Candidates:
    """Some patches of each stratum, from all over the scene."""
    (height, width), (rows, columns) = strata.shape, export.patch_shape
    random = np.random.default_rng(export.seed)
    found: dict[int, list[Corner]] = {}
    for stratum in range(len(scene.task.strata)):
        row, column = np.nonzero(strata == stratum)
        row, column = row - rows // 2, column - columns // 2
        if scene.sparse:
            row, column = np.clip(row, 0, height - rows), np.clip(column, 0, width - columns)
        inside = (row >= 0) & (column >= 0) & (row <= height - rows) & (column <= width - columns)
        chosen = random.permutation(np.flatnonzero(inside))[:_CANDIDATES]
        found[stratum] = list(zip(row[chosen].tolist(), column[chosen].tolist(), strict=True))
    return Candidates.of(found)


def _corners(strata: Array, scene: Scene, area: BaseGeometry, export: Export) -> Mapping[int, list[Corner]]:
    """First pixels of patches inside an area, by the stratum of a labelled pixel that each is laid around."""
    shape = export.patch_shape
    fits = fitting(area, strata.shape, shape)
    found: dict[int, list[Corner]] = {}
    for stratum in range(len(scene.task.strata)):
        pixels = zip(*np.nonzero(strata == stratum), strict=True)
        found[stratum] = []
        for row, column in pixels:
            corner = _around(int(row), int(column), fits, shape, scene.sparse)
            if corner is not None:
                found[stratum].append(corner)
    return found


def fitting(area: BaseGeometry, shape: tuple[int, int], patch_shape: tuple[int, int]) -> Array:
    """True for first pixels of the patches that lie inside an area as a whole.

    Args:
        area: Rectilinear, with whole coordinates (x = column, y = row).
        shape: Of the grid in pixels `(height, width)`.
        patch_shape: Of a patch.

    Returns:
        bool (height - patch height + 1, width - patch width + 1).
    """
    columns, rows = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    shapely.prepare(area)
    inside = shapely.contains_xy(area, columns, rows)
    sums = np.pad(inside.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    height, width = patch_shape
    counts = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    return np.asarray(counts == height * width)


def _around(row: int, column: int, fits: Array, shape: tuple[int, int], sparse: bool) -> Corner | None:
    """The first pixel of a patch centred on a pixel; of sparse labels, else the nearest one that holds it."""
    top, left = row - shape[0] // 2, column - shape[1] // 2
    if 0 <= top < fits.shape[0] and 0 <= left < fits.shape[1] and fits[top, left]:
        return top, left
    if not sparse:
        return None
    first, start = max(0, row - shape[0] + 1), max(0, column - shape[1] + 1)
    rows, columns = np.nonzero(fits[first : row + 1, start : column + 1])
    if not len(rows):
        return None
    nearest = np.argmin((rows + first - top) ** 2 + (columns + start - left) ** 2)
    return int(rows[nearest]) + first, int(columns[nearest]) + start
