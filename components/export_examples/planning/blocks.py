"""Which part of the region belongs to which split: blocks, kept apart by a gap. Pure geometry.

Coordinates are pixels of the region's grid: x grows with the column, y with the row, pixel (row, column) covers the
unit square from (column, row). Distances are Chebyshev distances: the larger of the two differences.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from shapely import BufferJoinStyle
from shapely.affinity import scale, translate
from shapely.geometry.base import BaseGeometry

from earthline.blocks import edges
from earthline.formats.manifest import SPLITS

Array = np.ndarray[Any, Any]
_INSET = 0.25
"""Most pixels by which an area of pixel centres is widened, so that no centre lies on its edge."""


class SplitError(ValueError):
    """The region cannot be split as the config asks; the text names the key and the fix."""


def blocks(shape: tuple[int, int], block_shape: tuple[int, int]) -> list[BaseGeometry]:
    """Cuts a grid into blocks of nearly equal shape, none smaller than `block_shape` where the grid allows it.

    Args:
        shape: Shape of the grid in pixels `(height, width)`.
        block_shape: Least shape of a block in pixels `(height, width)`.

    Returns:
        Rectangles with whole coordinates that cover the grid, row by row.
    """
    rows, columns = (edges(length, block) for length, block in zip(shape, block_shape, strict=True))
    return [
        shapely.box(left, top, right, bottom) for top, bottom in pairwise(rows) for left, right in pairwise(columns)
    ]


def touched(cut: Sequence[BaseGeometry], outline: BaseGeometry | None) -> tuple[int, Array]:
    """Which blocks an outline touches, and to which of them each block is nearest.

    Args:
        cut: Blocks.
        outline: In pixels of the same grid; None where every block counts.

    Returns:
        The number of blocks that it touches, and for each block the place of the nearest one among those, (blocks,).
    """
    if outline is None:
        return len(cut), np.arange(len(cut))
    shapely.prepare(outline)
    # A block that shares an edge alone holds no pixel of it.
    inside = shapely.intersects(outline, cut) & ~shapely.touches(outline, cut)
    places = np.flatnonzero(inside)
    if not len(places):
        return 0, np.zeros(len(cut), np.int64)
    tree = shapely.STRtree([cut[int(place)].centroid for place in places])
    return len(places), np.asarray(tree.nearest([block.centroid for block in cut]))


def areas(parts: Mapping[str, Sequence[BaseGeometry]], gap: int) -> dict[str, BaseGeometry]:
    """The area in which each split's patches may lie: blocks, less half the gap where they border another split.

    Args:
        parts: Blocks by split; those of different splits share no area and together leave no hole.
        gap: Least distance in pixels between patches of different splits.

    Returns:
        Areas by split, any two of them at least `gap` apart.
    """
    whole = {split: shapely.union_all(list(parts[split])) for split in SPLITS}
    return {split: _less(whole[split], _others(whole, split), math.ceil(gap / 2)) for split in SPLITS}


def separated(parts: Mapping[str, Sequence[BaseGeometry]], gap: int) -> dict[str, BaseGeometry]:
    """The same for rectangles anywhere: validation keeps the whole gap from test, and train from both.

    Args:
        parts: Rectangles with whole coordinates by split; where two overlap, the later split keeps its own.
        gap: As in `areas`.

    Returns:
        Areas by split, any two of them at least `gap` apart.
    """
    whole = {split: shapely.union_all(list(parts[split])) for split in SPLITS}
    validation = _less(whole["validation"], whole["test"], gap)
    train = _less(whole["train"], shapely.union_all([whole["validation"], whole["test"]]), gap)
    return {"train": train, "validation": validation, "test": whole["test"]}


def centers(area: BaseGeometry, patch_shape: tuple[int, int]) -> BaseGeometry:
    """Where the middle pixel, (height // 2, width // 2), of a patch may lie for the patch to lie inside an area.

    Args:
        area: Rectilinear, with whole coordinates.
        patch_shape: Shape of a patch in pixels `(height, width)`.

    Returns:
        An area that holds the centres of exactly those pixels.
    """
    height, width = patch_shape
    inset = _INSET * min(1, height / width)
    # Erosion by a rectangle is erosion by a square in stretched coordinates; mitred corners keep it exact.
    stretched = scale(area, xfact=height / width, yfact=1, origin=(0, 0))
    shrunk = stretched.buffer(-(height / 2 - inset), join_style=BufferJoinStyle.mitre)
    return translate(
        scale(shrunk, xfact=width / height, yfact=1, origin=(0, 0)),
        width // 2 - width / 2 + 0.5,
        height // 2 - height / 2 + 0.5,
    )


def require_room(area_by_split: Mapping[str, BaseGeometry], patch_shape: tuple[int, int], key: str) -> None:
    """Checks that each split holds at least one patch.

    Args:
        area_by_split: Areas of `areas` or `separated`.
        patch_shape: Shape of a patch in pixels `(height, width)`.
        key: The config's key that shaped the areas, for the message.

    Raises:
        SplitError: An empty split.
    """
    for split in SPLITS:
        if centers(area_by_split[split], patch_shape).is_empty:
            raise SplitError(
                f"{key}: empty split '{split}': no patch of {patch_shape[0]} x {patch_shape[1]} pixels fits into it "
                "once a gap of one patch is kept from the other splits; use a smaller export.patch_shape or enlarge it"
            )


def _others(whole: Mapping[str, BaseGeometry], split: str) -> BaseGeometry:
    return shapely.union_all([whole[other] for other in SPLITS if other != split])


def _less(area: BaseGeometry, other: BaseGeometry, distance: float) -> BaseGeometry:
    return area.difference(other.buffer(distance, join_style=BufferJoinStyle.mitre))
