"""Pictures of splits: which part of a region is for training, for validation and for the test."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from affine import Affine
from rasterio.features import rasterize
from shapely.geometry.base import BaseGeometry

Array = np.ndarray[Any, Any]

COLORS: Mapping[str, str] = {"train": "#0072b2", "validation": "#e69f00", "test": "#cc79a7"}
"""Of Okabe and Ito 2008: told apart with any kind of colour blindness."""
NONE = -1
"""Stands where a pixel is in no split."""
LEAST_SIDE = 500
"""Pixels of a picture's longer side, below which it is enlarged, so that lines are thin."""
_TINT = 0.55
_LINE = (60, 66, 72)
_OUTLINE = (220, 40, 30)


def owners(areas: Mapping[str, BaseGeometry], shape: tuple[int, int], step: float) -> Array:
    """The place in the areas' order of the split that each pixel of a thinned-out picture lies in; `NONE` without one.

    Args:
        areas: Of the splits, in pixels of the grid (x = column, y = row).
        shape: Shape of the picture in pixels `(height, width)`.
        step: Pixels of the grid a side of one of the picture's.

    Returns:
        int16 (height, width); a pixel belongs to where its centre lies.
    """
    shapes = [(area, place) for place, area in enumerate(areas.values()) if not area.is_empty]
    if not shapes:
        return np.full(shape, NONE, np.int16)
    found: Array = rasterize(shapes, out_shape=shape, transform=Affine.scale(step), fill=NONE, dtype="int16")
    return found


def picture(
    imagery: Array,
    areas: Mapping[str, BaseGeometry],
    blocks: Iterable[BaseGeometry],
    corners: Mapping[str, Sequence[tuple[int, int]]],
    patch_shape: tuple[int, int],
    step: int,
) -> Array:
    """The splits over faint imagery: areas in their colours, edges of blocks, and a dot in the middle of each patch.

    Args:
        imagery: uint8 (height, width, 3), of the whole grid.
        areas: Of the splits, in pixels of the grid.
        blocks: In pixels of the grid; none where splits are no blocks.
        corners: First pixels (row, column) of patches, by split.
        patch_shape: Shape of a patch in pixels `(height, width)`.
        step: Pixels of the grid a side of one of the picture's.

    Returns:
        uint8 (height, width, 3), enlarged where it would be small.
    """
    zoom = _zoom(imagery)
    enlarged = _enlarged(imagery, zoom)
    shape, side = (enlarged.shape[0], enlarged.shape[1]), step / zoom
    grey = enlarged.mean(axis=-1, keepdims=True)
    faint = np.repeat(0.45 * grey + 0.55 * 255, 3, axis=-1)
    places = owners(areas, shape, side)
    colors = [np.array(_rgb(COLORS[split]), float) for split in areas]
    for place, color in enumerate(colors):
        mine = places == place
        faint[mine] = (1 - _TINT) * faint[mine] + _TINT * color
    drawn = faint.round().astype(np.uint8)
    edges = [block.exterior for block in blocks]
    if edges:
        drawn[_lines(edges, shape, side)] = _LINE
    middle = tuple(length // 2 for length in patch_shape)
    for place, split in enumerate(areas):
        for row, column in corners.get(split, ()):
            spot = (int((row + middle[0] + 0.5) / side), int((column + middle[1] + 0.5) / side))
            drawn[max(0, spot[0] - 1) : spot[0] + 1, max(0, spot[1] - 1) : spot[1] + 1] = 0.5 * colors[place]
    return drawn


def spotted(shown: Array, there: Array, reach: int) -> Array:
    """A picture whose single pixels are spots.

    Args:
        shown: uint8 (height, width, 3).
        there: True for the pixels that become spots, (height, width).
        reach: Pixels of a spot to each side of its middle.
    """
    drawn = shown.copy()
    height, width = there.shape
    rows, columns = np.nonzero(there)
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            spot = np.clip(rows + down, 0, height - 1), np.clip(columns + across, 0, width - 1)
            drawn[spot] = shown[rows, columns]
    return drawn


def outlined(shown: Array, outline: BaseGeometry | None, step: int) -> Array:
    """A picture with the region's outline.

    Args:
        shown: uint8 (height, width, 3), of the whole grid.
        outline: In pixels of the grid; None where there is none.
        step: Pixels of the grid a side of one of the picture's.

    Returns:
        uint8, enlarged where it would be small.
    """
    zoom = _zoom(shown)
    drawn = _enlarged(shown, zoom)
    if outline is not None and not outline.is_empty:
        drawn[_lines([outline.boundary], (drawn.shape[0], drawn.shape[1]), step / zoom)] = _OUTLINE
    return drawn


def _zoom(shown: Array) -> int:
    height, width, _ = shown.shape
    return max(1, math.ceil(LEAST_SIDE / max(int(height), int(width))))


def _enlarged(shown: Array, zoom: int) -> Array:
    return np.repeat(np.repeat(shown, zoom, axis=0), zoom, axis=1)


def _lines(lines: Iterable[BaseGeometry], shape: tuple[int, int], side: float) -> Array:
    found: Array = rasterize(
        [(line, 1) for line in lines],
        out_shape=shape,
        transform=Affine.scale(side),
        fill=0,
        dtype="uint8",
        all_touched=True,
    )
    return found > 0


def _rgb(color: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue
