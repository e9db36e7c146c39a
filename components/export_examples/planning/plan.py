"""Which ground belongs to which split: blocks dealt, or rectangles given. Pure."""

import math
from collections.abc import Sequence
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from components.export_examples.planning import blocks, dealing
from components.export_examples.planning.blocks import SplitError
from components.export_examples.planning.dealing import Candidates
from earthline.config import BoundingBox, Export
from earthline.formats.manifest import SPLITS
from earthline.grid import Grid
from earthline.grid.ground import sides as ground_sides

_ROUNDING = 1e-6
"""Part of a pixel that is none."""
MOST_BLOCKS = 200_000
"""More blocks make the splits' areas too intricate to compute with."""


def settled(export: Export, grid: Grid) -> Export:
    """The section with blocks and buffer in pixels of a grid, where they were given in metres.

    Args:
        export: The section.
        grid: Of the whole region.

    Raises:
        SplitError: Blocks do not hold a patch beside the buffer.
    """
    if export.block_size is None and export.buffer is None:
        return export
    sides = ground_sides(grid)
    changes: dict[str, Any] = {"block_size": None, "buffer": None}
    if export.block_size is not None:
        # A least side is rounded up, lest a metre be lost.
        changes["block_shape"] = tuple(math.ceil(export.block_size / side - _ROUNDING) for side in sides)
    if export.buffer is not None:
        changes["buffer_pixels"] = math.ceil(export.buffer / min(sides) - _ROUNDING)
    found = export.model_copy(update=changes)
    key = "export.block_size" if export.block_size is not None else "export.buffer"
    needed = [patch + gap(found) for patch in found.patch_shape]
    small = any(block < least for block, least in zip(found.block_shape, needed, strict=True))
    if export.split_regions is None and small:
        metres = max(least * side for least, side in zip(needed, sides, strict=True))
        raise SplitError(
            f"{key}: on this grid, whose pixels measure {sides[0]:.4g} x {sides[1]:.4g} m, blocks are "
            f"{found.block_shape[0]} x {found.block_shape[1]} pixels, and patches of {found.patch_shape[0]} x "
            f"{found.patch_shape[1]} with a buffer of {gap(found)} need {needed[0]} x {needed[1]}; give blocks of "
            f"{metres:,.0f} m or more, or a smaller buffer"
        )
    return found


def gap(export: Export) -> int:
    """Least distance in pixels between patches of different splits: the buffer, else one patch side.

    Args:
        export: The section, as `settled` gives it.
    """
    return max(export.patch_shape) if export.buffer_pixels is None else export.buffer_pixels


def require_room(grid: Grid, export: Export) -> None:
    """Checks that a patch fits into the region.

    Raises:
        SplitError: It does not.
    """
    if any(patch > side for patch, side in zip(export.patch_shape, grid.shape, strict=True)):
        raise SplitError(
            f"export.patch_shape: {list(export.patch_shape)} is larger than the region, which is "
            f"{grid.shape[0]} x {grid.shape[1]} pixels; use smaller patches or a larger region"
        )


def require_blocks(grid: Grid, export: Export, outline: BaseGeometry | None = None) -> int:
    """Number of blocks that are dealt to the splits.

    Args:
        grid: Of the whole region.
        export: The section.
        outline: Of the region, in pixels of the grid; None where all of the grid counts.

    Raises:
        SplitError: Too many to compute with, or fewer than splits.
    """
    export = settled(export, grid)
    number = math.prod(max(1, side // block) for side, block in zip(grid.shape, export.block_shape, strict=True))
    if number > MOST_BLOCKS:
        raise SplitError(
            f"export.block_shape: {list(export.block_shape)} cuts the region of {grid.shape[0]:,} x "
            f"{grid.shape[1]:,} pixels into {number:,} blocks; use larger ones, so that there are at most "
            f"{MOST_BLOCKS:,}"
        )
    if outline is not None:
        number, _ = blocks.touched(blocks.blocks(grid.shape, export.block_shape), outline)
    dealing.require_cards(number)
    return number


def split_areas(
    grid: Grid,
    export: Export,
    candidates: Candidates | None = None,
    strata: int = 0,
    outline: BaseGeometry | None = None,
) -> dict[str, BaseGeometry]:
    """The area of each split in pixels of the grid (x = column, y = row).

    Args:
        grid: Of the whole region.
        export: The section.
        candidates: Patches of the region by stratum, for a deal of blocks that gives every split each of them; left
            out, blocks are dealt without a look at them.
        strata: Number of strata.
        outline: Of the region, in pixels of the grid; None where all of the grid counts.

    Raises:
        SplitError: A patch is larger than the region, there are too many blocks, or a split holds no patch.
    """
    require_room(grid, export)
    export = settled(export, grid)
    if export.split_regions is not None:
        regions = export.split_regions
        boxes = {"train": regions.train, "validation": regions.validation, "test": regions.test}
        parts = {split: _rectangles(grid, split, boxes[split]) for split in SPLITS}
        areas, key = blocks.separated(parts, gap(export)), "export.split_regions"
    else:
        require_blocks(grid, export)
        cut = blocks.blocks(grid.shape, export.block_shape)
        shares: dict[str, float] = {str(split): share for split, share in export.shares.items()}
        # Only blocks that the outline touches are dealt; what lies around them goes with the nearest one.
        dealt, nearest = blocks.touched(cut, outline)
        dealing.require_cards(dealt)
        if candidates is None:
            owners = dealing.deal(dealt, shares, export.seed)
        else:
            owners = dealing.deal_by_stratum(
                candidates,
                strata,
                grid.shape,
                export.block_shape,
                export.patch_shape,
                gap(export),
                shares,
                export.seed,
                nearest,
            )
        parts = {
            split: [block for block, owner in zip(cut, owners[nearest], strict=True) if owner == place]
            for place, split in enumerate(SPLITS)
        }
        areas, key = blocks.areas(parts, gap(export)), "export.block_shape"
    blocks.require_room(areas, export.patch_shape, key)
    return areas


def _rectangles(grid: Grid, split: str, boxes: Sequence[BoundingBox]) -> list[BaseGeometry]:
    """Rectangles in degrees as rectangles of whole pixels, cut to the grid."""
    height, width = grid.shape
    rectangles = []
    for index, box in enumerate(boxes):
        left, bottom, right, top = grid.project(box.degrees)
        columns, rows = zip(
            *(~grid.affine @ corner for corner in ((left, top), (right, top), (left, bottom), (right, bottom))),
            strict=True,
        )
        pixels = shapely.box(round(min(columns)), round(min(rows)), round(max(columns)), round(max(rows)))
        inside = pixels.intersection(shapely.box(0, 0, width, height))
        if inside.area == 0:
            raise SplitError(
                f"export.split_regions.{split}[{index}]: ({box.west}, {box.south}, {box.east}, {box.north}) lies "
                "outside the region; move it, or enlarge data.region"
            )
        rectangles.append(inside)
    return rectangles
