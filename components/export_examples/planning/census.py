"""How many pixels of each stratum lie in which blocks: by this, blocks are dealt."""

import math
from typing import Any

import numpy as np

from components.export_examples.planning.dealing import Candidates
from components.export_examples.planning.label_tiles import LabelTiles
from earthline.blocks import edges

Array = np.ndarray[Any, Any]


def candidates(
    tiles: LabelTiles, strata: int, block_shape: tuple[int, int], patch_shape: tuple[int, int], gap: int
) -> Candidates:
    """All patches that could be taken, counted by stratum and by the blocks that they touch.

    Args:
        tiles: The labels.
        strata: Number of strata.
        block_shape: Least shape of a block in pixels `(height, width)`.
        patch_shape: Shape of a patch in pixels `(height, width)`.
        gap: Least distance in pixels between patches of different splits.
    """
    margin = math.ceil(gap / 2)
    runs, starts = [], []
    for axis in (0, 1):
        run, start = _runs(tiles.shape[axis], block_shape[axis], patch_shape[axis], margin)
        runs.append(run)
        starts.append(start)
    across = len(starts[1])
    found = np.zeros((len(starts[0]), across, strata), np.int64)
    for row, column, labels in tiles.strips():
        down = runs[0][row : row + labels.shape[0]]
        right = runs[1][column : column + labels.shape[1]]
        # Pixels without a run, at the grid's edge, get one before all others that nobody reads.
        codes = (right - right.min() + 1) * 256 if right.min() >= 0 else (right + 1) * 256
        begin = max(0, int(right.min()))
        first = np.flatnonzero(np.diff(down, prepend=-2))
        for top, bottom in zip(first, np.append(first[1:], len(down)), strict=True):
            if down[top] < 0:
                continue
            counts = np.bincount((codes + labels[top:bottom]).ravel(), minlength=int(codes.max()) + 256)
            mine = counts.reshape(-1, 256)[1:, :strata]
            found[down[top], begin : begin + len(mine)] += mine
    held = np.flatnonzero(found)
    place, stratum = np.divmod(held, strata)
    corners = np.column_stack([starts[0][place // across], starts[1][place % across]]) - [
        patch_shape[0] // 2,
        patch_shape[1] // 2,
    ]
    return Candidates(corners, stratum, found.ravel()[held])


def _runs(length: int, block: int, patch: int, margin: int) -> tuple[Array, Array]:
    """Pixels along one side of a grid, told apart by the blocks that a patch around them touches.

    Returns:
        The run of each pixel, -1 where a patch around it leaves the grid, (length,), and each run's first pixel.
    """
    inner = np.array(edges(length, block)[1:-1], np.int64)
    middles = np.arange(patch // 2, length - patch + patch // 2 + 1)
    first = np.maximum(middles - patch // 2 - margin, 0)
    last = np.minimum(middles - patch // 2 + patch - 1 + margin, length - 1)
    ends = np.stack([np.searchsorted(inner, each, side="right") for each in (first, last)])
    begins = np.append(True, (np.diff(ends, axis=1) != 0).any(axis=0))
    run = np.full(length, -1, np.int64)
    run[middles] = np.cumsum(begins) - 1
    return run, middles[begins]
