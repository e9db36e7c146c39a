"""Draws the patches around labelled features: each feature gets its turn, each stratum its part."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import ee
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from components.export_examples.planning import blocks, points
from components.export_examples.planning.features import LabelPixels
from earthline.config import Data, Export
from earthline.earth_engine import imagery
from earthline.earth_engine.retry import ask
from earthline.formats.manifest import SPLITS
from earthline.formats.served.contract import VALID_BAND
from earthline.grid import Grid
from earthline.task import task_of

Array = np.ndarray[Any, Any]
Corner = tuple[int, int]

_POINTS_PER_REQUEST = 1000
_logger = logging.getLogger(__name__)


def draw(
    data: Data,
    export: Export,
    grid: Grid,
    areas: Mapping[str, BaseGeometry],
    chosen: LabelPixels,
    owned: Array,
) -> dict[str, list[Corner]]:
    """Draws the patches of every split, each around a label pixel, or beside it where it would leave the split's area.

    Args:
        data: The section.
        export: The section.
        grid: Of the whole region.
        areas: By split, in pixels of the grid.
        chosen: Pixels to draw from.
        owned: As `feature_owners.owners` gives it.

    Returns:
        First pixels (row, column) by split, distinct and sorted.

    Raises:
        PointsError: A split without a labelled pixel.
        PixelsError: Earth Engine does not answer.
    """
    task = task_of(data)
    wanted: dict[str, int] = {str(split): number for split, number in export.examples.items()}
    drawn = {}
    for number, split in enumerate(SPLITS):
        random = np.random.default_rng((export.seed, number))
        mine = chosen.only(owned[chosen.features] == number)
        centers = blocks.centers(areas[split], export.patch_shape)
        found: dict[int, list[Corner]] = {}
        strata = task.strata_of(mine.values)
        for stratum, name in enumerate(task.strata):
            of_stratum = _spread(mine.only(strata == stratum), random)
            fitting = _corners(of_stratum, centers, export.patch_shape, wanted[split])
            seen = _seen(data, grid, [pixel for pixel, _ in fitting], export.attempts)
            found[stratum] = [corner for (_, corner), is_seen in zip(fitting, seen, strict=True) if is_seen]
            if not found[stratum]:
                _logger.warning(
                    "export_examples: no patch of %s holds '%s': too few features, or all of them in blocks of other "
                    "splits; smaller export.block_shape and export.patch_shape give it more places",
                    split,
                    name,
                )
        corners = _balanced(found, wanted[split])
        if not corners:
            raise points.PointsError(
                f"export: empty split '{split}': no labelled pixel of its area has imagery; change export.seed, use a "
                "smaller export.patch_shape or export.block_shape, or give export.split_regions"
            )
        drawn[split] = corners
    return drawn


def _spread(mine: LabelPixels, random: np.random.Generator) -> LabelPixels:
    """In an order that takes one pixel of each feature, then a second one of each, and so on."""
    shuffled = mine.only(random.permutation(len(mine)))
    by_feature = np.argsort(shuffled.features, kind="stable")
    ordered = shuffled.features[by_feature]
    turn = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
    turns = np.empty(len(mine), np.int64)
    turns[by_feature] = turn
    return shuffled.only(np.argsort(turns, kind="stable"))


def _balanced(found: Mapping[int, Sequence[Corner]], most: int) -> list[Corner]:
    """The first patches of each stratum in equal parts, distinct; what a scarce one leaves goes to the others."""
    chosen: dict[Corner, None] = {}
    by_scarcity = sorted(found.items(), key=lambda item: (len(set(item[1])), item[0]))
    for number, (_, corners) in enumerate(by_scarcity):
        fresh = [corner for corner in dict.fromkeys(corners) if corner not in chosen]
        chosen |= dict.fromkeys(fresh[: -(-(most - len(chosen)) // (len(by_scarcity) - number))])
    left = [corner for _, corners in by_scarcity for corner in corners if corner not in chosen]
    chosen |= dict.fromkeys(list(dict.fromkeys(left))[: most - len(chosen)])
    return sorted(chosen)


def _corners(
    mine: LabelPixels, centers: BaseGeometry, patch_shape: tuple[int, int], most: int
) -> list[tuple[Corner, Corner]]:
    """Pixels, and the first pixel of a patch that holds each and fits into the area; the nearest one to it."""
    height, width = patch_shape
    fitting: list[tuple[Corner, Corner]] = []
    if centers.is_empty:
        return fitting
    for row, column in zip(mine.rows.tolist(), mine.columns.tolist(), strict=True):
        middle = _nearest(centers, row, column, patch_shape)
        if middle is not None:
            fitting.append(((row, column), (middle[0] - height // 2, middle[1] - width // 2)))
            if len(fitting) == most:
                break
    return fitting


def _nearest(centers: BaseGeometry, row: int, column: int, patch_shape: tuple[int, int]) -> Corner | None:
    """The pixel nearest to one on which a patch can be centred that holds it; None where there is none."""
    if shapely.contains_xy(centers, column + 0.5, row + 0.5):
        return row, column
    height, width = patch_shape
    # Centred on its last row, a patch still holds a pixel height // 2 rows before; on its first, the rest after.
    rows = row - ((height - 1) - height // 2), row + height // 2
    columns = column - ((width - 1) - width // 2), column + width // 2
    reach = shapely.box(columns[0] + 0.25, rows[0] + 0.25, columns[1] + 0.75, rows[1] + 0.75)
    possible = centers.intersection(reach)
    if possible.is_empty:
        return None
    spot = shapely.get_coordinates(shapely.shortest_line(shapely.Point(column + 0.5, row + 0.5), possible))[1]
    found = int(np.clip(np.floor(spot[1]), *rows)), int(np.clip(np.floor(spot[0]), *columns))
    return found if shapely.contains_xy(centers, found[1] + 0.5, found[0] + 0.5) else None


def _seen(data: Data, grid: Grid, places: Sequence[Corner], attempts: int) -> list[bool]:
    """Whether the imagery is valid at each pixel."""
    valid = imagery.valid(data)
    seen = [False] * len(places)
    for start in range(0, len(places), _POINTS_PER_REQUEST):
        part = places[start : start + _POINTS_PER_REQUEST]
        spots = ee.FeatureCollection(
            [
                ee.Feature(ee.Geometry.Point(list(grid.center(row, column)), proj=grid.crs), {"place": start + place})
                for place, (row, column) in enumerate(part)
            ]
        )
        sampled = valid.sampleRegions(
            collection=spots, properties=["place"], projection=ee.Projection(grid.crs, list(grid.transform))
        )
        answer = ask(sampled.getInfo, attempts, "validity of the imagery at labels")
        for feature in answer["features"]:
            if feature["properties"][VALID_BAND]:
                seen[int(feature["properties"]["place"])] = True
    return seen
