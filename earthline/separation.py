"""How far patches of one split lie from those of another, on the grid and in metres on the ground.

Exact, and in memory that grows with a few numbers for each patch: a tree of first pixels (k-d tree), asked in parts.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pyproj import Geod
from pyproj.exceptions import CRSError
from scipy.spatial import KDTree

from earthline.grid import Grid, GridError

Array = np.ndarray[Any, Any]

_PART = 20_000
"""Patches that are asked about at once."""
_NEIGHBOURS = 8
"""First pixels that are looked at for each patch to begin with."""
_AT_ONCE = 500_000
"""Pairs that are looked at at once."""


def too_close(one: Array, other: Array, patch_shape: tuple[int, int], gap: int) -> tuple[Array, Array]:
    """Patches that lie nearer to one of another split than they may, with the nearest one of it.

    Distances are Chebyshev distances in pixels between edges: the larger of the two differences.

    Args:
        one: First pixels (row, column) of a split's patches, (patches, 2).
        other: Of another split's, (others, 2).
        patch_shape: Shape of a patch in pixels `(height, width)`.
        gap: Least distance that is allowed; with 0, patches may touch and not overlap.

    Returns:
        Places in `one`, and those of the nearest patch in `other`, (pairs,).
    """
    if not len(one) or not len(other):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    # They are too close where both differences are below side + gap; scaled by it, where their maximum is below 1.
    scale = 1 / (np.array(patch_shape, np.float64) + gap)
    tree = KDTree(other * scale)
    found, nearest = [], []
    for start in range(0, len(one), _PART):
        apart, place = tree.query(one[start : start + _PART] * scale, p=np.inf, distance_upper_bound=1 - 1e-9)
        near = np.flatnonzero(np.isfinite(apart))
        found.append(near + start)
        nearest.append(place[near])
    return np.concatenate(found), np.concatenate(nearest)


def metres(grid: Grid, patch_shape: tuple[int, int], train: Array, other: Array) -> Array | None:
    """How far each patch of a split lies from the nearest training patch, edge to edge, in metres, (others,).

    On a projected grid distances are those of the projection's plane, on one in degrees those of the ellipsoid.

    Args:
        grid: Of the region.
        patch_shape: Shape of a patch in pixels `(height, width)`.
        train: First pixels (row, column) of training patches, at least one, (patches, 2).
        other: Of the other split's patches, (others, 2).

    Returns:
        None where PROJ does not know the CRS, so nobody knows what a pixel measures.
    """
    try:
        crs = grid.pyproj_crs
        geod = crs.get_geod() if crs.is_geographic else None
        unit = crs.axis_info[0].unit_conversion_factor if not crs.is_geographic and crs.axis_info else 1.0
    except (CRSError, GridError):
        return None
    a, b, _, d, e, _ = grid.transform
    sides = np.array([np.hypot(b, e), np.hypot(a, d)])
    if geod is not None:
        # Degrees of longitude are short towards the poles; with the middle's latitude for all, nearest is about right.
        _, latitude = grid.affine @ (grid.shape[1] / 2, grid.shape[0] / 2)
        sides[1] *= max(np.cos(np.radians(latitude)), 1e-3)
    tree = KDTree(train * sides)
    found = np.empty(len(other))
    for start in range(0, len(other), _PART):
        part = other[start : start + _PART]
        steps = _nearest(tree, train, part, sides, np.array(patch_shape))
        found[start : start + len(part)] = _length(grid, part, steps, np.array(patch_shape), geod, unit)
    return found


def summary(grid: Grid, patch_shape: tuple[int, int], corners: Mapping[str, Array]) -> dict[str, dict[str, float]]:
    """The `least` and the `median` distance of each other split's patches from training patches, in metres.

    Args:
        grid: Of the region.
        patch_shape: Shape of a patch in pixels `(height, width)`.
        corners: First pixels (row, column) by split, (patches, 2).

    Returns:
        By split; nothing where nobody knows.
    """
    train, found = corners.get("train"), {}
    if train is None or not len(train):
        return {}
    for split, mine in corners.items():
        if split == "train" or not len(mine):
            continue
        apart = metres(grid, patch_shape, train, mine)
        if apart is None:
            return {}
        found[split] = {"least": round(float(apart.min()), 1), "median": round(float(np.median(apart)), 1)}
    return found


def least(grid: Grid, patch_shape: tuple[int, int], corners: Mapping[str, Array]) -> dict[str, float]:
    """The least distance of each other split's patches from training patches, in metres.

    Args:
        grid: Of the region.
        patch_shape: Shape of a patch in pixels `(height, width)`.
        corners: First pixels (row, column) by split, (patches, 2).

    Returns:
        By split; nothing where nobody knows.
    """
    return {split: found["least"] for split, found in summary(grid, patch_shape, corners).items()}


def _nearest(tree: KDTree, train: Array, part: Array, sides: Array, patch_shape: Array) -> Array:
    """First pixels of the nearest training patch of each, by the distance between edges, (part, 2)."""
    neighbours = min(_NEIGHBOURS, len(train))
    nearest = np.empty_like(part)
    waiting = np.arange(len(part))
    while len(waiting):
        uncertain = []
        at_once = max(1, _AT_ONCE // neighbours)
        for start in range(0, len(waiting), at_once):
            mine = waiting[start : start + at_once]
            apart, place = tree.query(part[mine] * sides, k=neighbours)
            apart, place = apart.reshape(len(mine), -1), place.reshape(len(mine), -1)
            # Rows and columns between edges; 0 where patches reach over the same ones.
            edges = np.maximum(np.abs(train[place] - part[mine, None]) - patch_shape, 0) * sides
            lengths = np.hypot(edges[..., 0], edges[..., 1])
            nearest[mine] = train[place[np.arange(len(mine)), lengths.argmin(axis=1)]]
            # Edges are nearer than corners by a diagonal at most: then no patch beyond the last one can be nearer.
            certain = apart[:, -1] - np.hypot(*(patch_shape * sides)) >= lengths.min(axis=1)
            uncertain.append(mine[~certain])
        waiting = np.concatenate(uncertain) if neighbours < len(train) else waiting[:0]
        neighbours = min(4 * neighbours, len(train))
    return nearest


def _length(grid: Grid, part: Array, train: Array, patch_shape: Array, geod: Geod | None, unit: float) -> Array:
    """Metres from patch to patch along the shortest line between their edges."""
    # In pixels it goes from the facing edges where they are apart, else through the middle of what they share.
    middle = (np.maximum(part, train) + np.minimum(part, train) + patch_shape) / 2
    after, before = part > train + patch_shape, part + patch_shape < train
    mine = np.where(after, part, np.where(before, part + patch_shape, middle))
    theirs = np.where(after, train + patch_shape, np.where(before, train, middle))
    a, b, c, d, e, f = grid.transform
    (x, y), (to_x, to_y) = (
        (a * each[:, 1] + b * each[:, 0] + c, d * each[:, 1] + e * each[:, 0] + f) for each in (mine, theirs)
    )
    if geod is None:
        return np.asarray(np.hypot(to_x - x, to_y - y) * unit)
    return np.asarray(geod.inv(x, y, to_x, to_y)[2])
