"""Patches, blocks and counts of a draft: chosen by the export's own planner, so that every split has some."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from cli.drafts.answers import DraftError
from components.export_examples.planning import blocks, plan, selection
from components.export_examples.planning.blocks import SplitError
from components.export_examples.planning.dealing import Candidates
from earthline.config import Data, Export
from earthline.earth_engine import imagery
from earthline.formats.manifest import SPLITS
from earthline.grid import Grid
from earthline.task import task_of

_PATCHES = ((64, 3), (32, 2), (16, 1))
"""Sides of patches in pixels, and the U-Net's depth with which a patch sees twice as far as it is from its edge."""
_FACTORS = (16, 8, 4, 3, 2)
"""Sides of blocks in patches, the largest first."""
MANY_BLOCKS = 20
"""Blocks from which an accuracy's interval is drawn well enough; docs/how-to/choose-shapes.md."""
_MOST: Mapping[str, int] = {"train": 600, "validation": 120, "test": 200}
_LEAST: Mapping[str, int] = {"train": 40, "validation": 10, "test": 20}
_OVERLAP = 2
"""Times that patches may cover the ground of their split: more of them teach nothing new."""
LOOKED_AT = 16
"""Tiles of a million labels that are looked at; of a larger region these are drawn at random."""


@dataclass(frozen=True)
class Shapes:
    """What was chosen.

    Attributes:
        patch: Side of a patch in pixels.
        block: Side of a block in pixels.
        blocks: Number of blocks.
        depth: Of the U-Net.
        examples: Patches by split.
        absent: Names of classes that no patch is centred on, by split.
    """

    patch: int
    block: int
    blocks: int
    depth: int
    examples: Mapping[str, int]
    absent: Mapping[str, tuple[str, ...]]

    @property
    def lacking(self) -> int:
        """Pairs of class and split without a patch."""
        return sum(map(len, self.absent.values()))


def choose(data: Data, grid: Grid) -> Shapes:
    """The largest patches and blocks of which there are enough, and with which every split has every stratum.

    Args:
        data: The section; some of its labels are looked at.
        grid: Of the region.

    Raises:
        DraftError: Not even small patches make three splits.
        PixelsError: Earth Engine does not answer.
    """
    counted: Callable[[Export], Candidates] | None = None
    outline = imagery.in_pixels(data, grid)
    strata = task_of(data).strata
    best: Shapes | None = None
    problem = ""
    for patch, depth, block in _options(grid):
        export = Export.model_validate({"patch_shape": [patch, patch], "block_shape": [block, block]})
        try:
            number = plan.require_blocks(grid, export)
            counted = counted or _candidates(data, export, grid)
            found = counted(export)
            areas = plan.split_areas(grid, export, found, len(strata), outline)
        except SplitError as error:
            problem = str(error)
            continue
        absent = _absent(found, areas, patch, strata)
        shapes = Shapes(patch, block, number, depth, _examples(areas, patch), absent)
        if best is None or shapes.lacking < best.lacking:
            best = shapes
        if not best.lacking:
            break
    if best is None:
        height, width = grid.shape
        raise DraftError(
            f"--region: {height:,} x {width:,} pixels are too few for three splits ({problem or 'no patch fits'}); "
            "give a larger one, or imagery with smaller pixels"
        )
    return best


def _options(grid: Grid) -> Iterator[tuple[int, int, int]]:
    """Patch, depth and block: those with many blocks first, the largest of these before others."""
    every = [
        (patch, depth, factor * patch)
        for patch, depth in _PATCHES
        for factor in _FACTORS
        if min(grid.shape) >= 2 * patch
    ]

    def number(block: int) -> int:
        return math.prod(max(1, side // block) for side in grid.shape)

    many = [option for option in every if MANY_BLOCKS <= number(option[2]) <= plan.MOST_BLOCKS]
    few = sorted((option for option in every if number(option[2]) < MANY_BLOCKS), key=lambda each: -number(each[2]))
    yield from many
    if not many:
        yield from few


def _candidates(data: Data, export: Export, grid: Grid) -> Callable[[Export], Candidates]:
    # What the export would warn of, the draft's own notes say better.
    logger = logging.getLogger(selection.__package__)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        return selection.candidates(data, export, grid, LOOKED_AT)
    finally:
        logger.setLevel(level)


def _absent(
    found: Candidates, areas: Mapping[str, BaseGeometry], patch: int, names: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Strata that are in the region, and in no patch's middle in a split."""
    row, column = (found.corners[:, axis] + patch // 2 + 0.5 for axis in (0, 1))
    there = set(found.strata.tolist())
    absent = {}
    for split in SPLITS:
        inside = shapely.contains_xy(blocks.centers(areas[split], (patch, patch)), column, row)
        held = set(np.unique(found.strata[inside]).tolist())
        absent[split] = tuple(names[stratum] for stratum in sorted(there - held))
    return absent


def _examples(areas: Mapping[str, BaseGeometry], patch: int) -> dict[str, int]:
    """Patches that cover each split's ground twice, in tens, within bounds."""
    return {
        split: min(_MOST[split], max(_LEAST[split], round(_OVERLAP * areas[split].area / patch**2 / 10) * 10))
        for split in SPLITS
    }
