"""Where patches are centred: points drawn by Earth Engine, balanced over the task's strata, in each split's area."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import ee
import numpy as np
from pyproj import Transformer
from shapely.affinity import affine_transform, translate
from shapely.geometry import box, mapping
from shapely.geometry.base import BaseGeometry

from components.export_examples import blocks
from components.export_examples.dealing import Candidates
from earthline.config import Data, Export
from earthline.earth_engine import imagery
from earthline.earth_engine.retry import ask
from earthline.formats.manifest import SPLITS
from earthline.grid import Grid
from earthline.task import task_of

_logger = logging.getLogger(__name__)

FEATURES_PER_REQUEST = 5000
"""Earth Engine answers an interactive request with at most so many features."""


class PointsError(ValueError):
    """There is nothing to sample; the text names the key and the fix."""


def geometry(grid: Grid, area: BaseGeometry) -> Any:
    """An area in pixels of a grid as a planar `ee.Geometry` in the grid's CRS."""
    a, b, c, d, e, f = grid.transform
    return ee.Geometry(mapping(affine_transform(area, [a, b, d, e, c, f])), proj=grid.crs, geodesic=False)


def candidates(data: Data, export: Export, grid: Grid) -> Candidates:
    """Patches of the whole region by the stratum of their middle pixel, drawn at random, a bounded number of each.

    Args:
        data: The section.
        export: The section.
        grid: Of the whole region.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    height, width = grid.shape
    found = _sample(data, export, grid, box(0, 0, width, height), FEATURES_PER_REQUEST, seed=export.seed)
    task = task_of(data)
    for stratum, corners in found.items():
        if not corners:
            _logger.warning(
                "export_examples: %s '%s' has no pixel with imagery far enough from the region's edge",
                task.stratum_word,
                task.strata[stratum],
            )
    return Candidates.of(found)


def draw(data: Data, export: Export, grid: Grid, areas: Mapping[str, BaseGeometry]) -> dict[str, list[tuple[int, int]]]:
    """Draws the patches of every split.

    Args:
        data: The section.
        export: The section; `examples` bounds the answer.
        grid: Of the whole region.
        areas: By split, in pixels of the grid.

    Returns:
        First pixels (row, column) by split, distinct and sorted.

    Raises:
        PointsError: A split without a labelled pixel.
        PixelsError: Earth Engine does not answer.
    """
    drawn, strata = {}, task_of(data).strata
    wanted: dict[str, int] = {str(split): number for split, number in export.examples.items()}
    for number, split in enumerate(SPLITS):
        found = _sample(data, export, grid, areas[split], wanted[split], seed=export.seed * len(SPLITS) + number)
        corners = balance(found, wanted[split], np.random.default_rng((export.seed, number)))
        if not corners:
            raise PointsError(
                f"export: empty split '{split}': no pixel of its area has both imagery and a label; change "
                "export.seed or export.block_shape, or give export.split_regions"
            )
        drawn[split] = corners
        absent = [name for stratum, name in enumerate(strata) if not found[stratum]]
        if absent:
            _logger.warning(
                "export_examples: no patch of %s is centred on %s: too little of it, or all of it in blocks of other "
                "splits; smaller export.block_shape and export.patch_shape give it more places",
                split,
                ", ".join(f"'{name}'" for name in absent),
            )
    return drawn


def balance(
    candidates: Mapping[int, Sequence[tuple[int, int]]], most: int, random: np.random.Generator
) -> list[tuple[int, int]]:
    """Chooses patches so that strata get equal parts; what a scarce one leaves goes to the others.

    Args:
        candidates: Patches, as (row, column), by the stratum of their middle pixel.
        most: Number to choose; fewer where there are not so many.
        random: Source of chance.

    Returns:
        Distinct patches, sorted.
    """
    chosen: list[tuple[int, int]] = []
    by_scarcity = sorted(candidates.items(), key=lambda item: (len(set(item[1])), item[0]))
    for place, (_, corners) in enumerate(by_scarcity):
        fresh = sorted(set(corners) - set(chosen))
        share = -(-(most - len(chosen)) // (len(by_scarcity) - place))
        chosen += [fresh[index] for index in random.permutation(len(fresh))[:share]]
    # A patch that stands under two strata was counted for both.
    left = sorted({corner for corners in candidates.values() for corner in corners} - set(chosen))
    chosen += [left[index] for index in random.permutation(len(left))[: most - len(chosen)]]
    return sorted(chosen)


def _sample(
    data: Data, export: Export, grid: Grid, area: BaseGeometry, most: int, seed: int
) -> dict[int, list[tuple[int, int]]]:
    """First pixels of candidate patches by the stratum of their middle pixel, at most `most` of each."""
    height, width = export.patch_shape
    rows, columns = data.labels.offset
    middle = blocks.centers(area, export.patch_shape)
    region = geometry(grid, translate(middle, columns, rows))
    # Patches are centred inside the region's outline; they may reach over its edge.
    inside = imagery.clipped(imagery.labels(data), data, grid, offset=data.labels.offset)
    task = task_of(data)
    strata = task.stratum(inside).updateMask(imagery.image(data).select([0]).mask())
    to_grid = Transformer.from_crs("EPSG:4326", grid.pyproj_crs, always_xy=True)
    found: dict[int, list[tuple[int, int]]] = {}
    for stratum, name in enumerate(task.strata):
        points = strata.stratifiedSample(
            numPoints=0,
            classBand=imagery.LABEL_BAND,
            region=region,
            projection=ee.Projection(grid.crs, list(grid.transform)),
            seed=seed,
            classValues=[stratum],
            classPoints=[min(most, FEATURES_PER_REQUEST)],
            dropNulls=True,
            geometries=True,
        )
        answer = ask(points.getInfo, export.attempts, f"points of {task.stratum_word} '{name}'")
        corners = []
        for feature in answer["features"]:
            row, column = grid.pixel(*to_grid.transform(*feature["geometry"]["coordinates"]))
            corners.append((row - rows - height // 2, column - columns - width // 2))
        found[stratum] = corners
    return found
