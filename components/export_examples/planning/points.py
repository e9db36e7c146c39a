"""Where patches are centred: points drawn by Earth Engine, balanced over the task's strata, in each split's area."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ee
import numpy as np
from pyproj import Transformer
from shapely.affinity import affine_transform, translate
from shapely.geometry import box, mapping
from shapely.geometry.base import BaseGeometry

from components.export_examples.planning import blocks
from components.export_examples.planning.dealing import Candidates
from earthline.config import Data, Export
from earthline.earth_engine import imagery
from earthline.earth_engine.retry import PixelsError, ask
from earthline.formats.manifest import SPLITS
from earthline.grid import Grid
from earthline.task import task_of

_logger = logging.getLogger(__name__)

FEATURES_PER_REQUEST = 5000
"""Earth Engine answers an interactive request with at most so many features."""
MOST_COUNTED = 1e12
"""Pixels that are counted at most; Earth Engine gives up sooner where they take it more than five minutes."""


class PointsError(ValueError):
    """There is nothing to sample; the text names the key and the fix."""


@dataclass(frozen=True)
class Drawn:
    """The patches of a split.

    Attributes:
        corners: First pixels (row, column), distinct and sorted.
        by_stratum: How many of them are centred on each stratum.
    """

    corners: list[tuple[int, int]]
    by_stratum: tuple[int, ...]


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


def draw(data: Data, export: Export, grid: Grid, areas: Mapping[str, BaseGeometry]) -> dict[str, Drawn]:
    """Draws the patches of every split.

    Within a stratum every patch of the split's area has the same chance: Earth Engine draws the candidates at random,
    and of these as many as are needed are drawn at random.

    Args:
        data: The section.
        export: The section; `examples` bounds the answer.
        grid: Of the whole region.
        areas: By split, in pixels of the grid.

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
        taken = set(corners)
        drawn[split] = Drawn(corners, tuple(len(taken & set(found[stratum])) for stratum in range(len(strata))))
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


def frame(data: Data, export: Export, grid: Grid, area: BaseGeometry) -> tuple[int, ...] | None:
    """How many patches could be drawn from each stratum of an area.

    Args:
        data: The section.
        export: The section.
        grid: Of the whole region.
        area: In pixels of the grid.

    Returns:
        By stratum; None where Earth Engine does not count so many pixels at once.
    """
    region, strata = _frame(data, export, grid, area)
    counts = strata.reduceRegion(
        reducer=ee.Reducer.frequencyHistogram().unweighted(),
        geometry=region,
        crs=grid.crs,
        crsTransform=list(grid.transform),
        maxPixels=MOST_COUNTED,
    )
    try:
        answer = ask(counts.getInfo, export.attempts, "pixels by stratum")
    except PixelsError as error:
        _logger.warning("export_examples: the chance of each patch stays unknown: %s", error)
        return None
    found = {int(float(stratum)): int(count) for stratum, count in (answer[imagery.LABEL_BAND] or {}).items()}
    return tuple(found.get(stratum, 0) for stratum in range(len(task_of(data).strata)))


def _frame(data: Data, export: Export, grid: Grid, area: BaseGeometry) -> tuple[Any, Any]:
    """Where patches may be centred, an `ee.Geometry`, and the stratum of each such pixel, an `ee.Image`."""
    rows, columns = data.labels.offset
    region = geometry(grid, translate(blocks.centers(area, export.patch_shape), columns, rows))
    # Patches are centred inside the region's outline; they may reach over its edge.
    inside = imagery.clipped(imagery.labels(data), data, grid, offset=data.labels.offset)
    return region, task_of(data).stratum(inside).updateMask(imagery.image(data).select([0]).mask())


def _sample(
    data: Data, export: Export, grid: Grid, area: BaseGeometry, most: int, seed: int
) -> dict[int, list[tuple[int, int]]]:
    """First pixels of candidate patches by the stratum of their middle pixel, at most `most` of each."""
    height, width = export.patch_shape
    rows, columns = data.labels.offset
    task = task_of(data)
    region, strata = _frame(data, export, grid, area)
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
