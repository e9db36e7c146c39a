"""On which pixels of a region the patches of which split may be centred, as a table of rectangles."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from components.export_examples.planning import blocks
from earthline.formats.manifest import SPLITS

Array = np.ndarray[Any, Any]

NOBODY = 255
"""Owner of pixels on which no patch may be centred."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Areas whose edges all lie along rows and columns, cut along all of these edges.

    Attributes:
        rows: First row of each part, increasing, (parts down,).
        columns: First column of each part, increasing, (parts across,).
        owners: Place in `SPLITS` of the split that owns a part, or `NOBODY`, uint8 (parts down, parts across).
    """

    rows: Array
    columns: Array
    owners: Array

    @classmethod
    def of(cls, areas: Mapping[str, BaseGeometry], shape: tuple[int, int], patch_shape: tuple[int, int]) -> "Ground":
        """Of the areas in which patches of each split must lie.

        Args:
            areas: By split, in pixels of the grid: rectilinear, with whole coordinates.
            shape: Of the grid in pixels `(height, width)`.
            patch_shape: Shape of a patch in pixels `(height, width)`.
        """
        centers = [blocks.centers(areas[split], patch_shape) for split in SPLITS]
        corners = np.concatenate([shapely.get_coordinates(each) for each in centers])
        # A pixel lies in an area where its middle does; no middle lies on an edge.
        columns, rows = (
            np.unique(np.clip(np.ceil(np.append(corners[:, axis], 0.0) - 0.5), 0, shape[1 - axis] - 1)).astype(np.int64)
            for axis in (0, 1)
        )
        owners = np.full((len(rows), len(columns)), NOBODY, np.uint8)
        x, y = np.meshgrid(columns + 0.5, rows + 0.5)
        for place, each in enumerate(centers):
            shapely.prepare(each)
            owners[shapely.contains_xy(each, x, y)] = place
        return cls(rows, columns, owners)

    def within(self, row: int, column: int, shape: tuple[int, int]) -> Array:
        """The owners of a window's pixels, uint8 (height, width).

        Args:
            row: First row.
            column: First column.
            shape: Of the window in pixels `(height, width)`.
        """
        down = np.searchsorted(self.rows, np.arange(row, row + shape[0]), side="right") - 1
        across = np.searchsorted(self.columns, np.arange(column, column + shape[1]), side="right") - 1
        # Whole rows of a few parts first: far fewer steps than pixels.
        return np.asarray(self.owners[:, across][down])
