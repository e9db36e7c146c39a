"""Labels that are points and polygons, and the pixels on which patches around them may be centred."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from components.export_examples.planning import points
from components.export_examples.planning.dealing import Candidates
from earthline.config import Data, VectorLabels
from earthline.earth_engine import imagery
from earthline.grid import Grid
from earthline.label_features.on_grid import Placed, place
from earthline.task import Task

Array = np.ndarray[Any, Any]

MOST_PIXELS = 2000
"""Pixels of one feature on which patches may be centred, drawn at random."""


@dataclass(frozen=True)
class LabelPixels:
    """Pixels on which patches may be centred.

    Attributes:
        rows: (pixels,).
        columns: (pixels,).
        values: Labels, (pixels,).
        features: Position of the feature that each belongs to, (pixels,).
    """

    rows: Array
    columns: Array
    values: Array
    features: Array

    def only(self, chosen: Array) -> "LabelPixels":
        """Some of them."""
        return LabelPixels(self.rows[chosen], self.columns[chosen], self.values[chosen], self.features[chosen])

    def __len__(self) -> int:
        """Number of pixels."""
        return len(self.rows)


def placed(data: Data, labels: VectorLabels, grid: Grid) -> Placed:
    """The features on the grid of the region; asks Earth Engine for those of a table.

    Args:
        data: The section.
        labels: Its labels.
        grid: Of the whole region.

    Raises:
        PointsError: None of them touches the grid.
        ImageryError: There are too many.
        PixelsError: Earth Engine does not answer.
    """
    found = place(
        imagery.features.listed(data, labels),
        grid,
        radius=labels.radius,
        all_touched=labels.all_touched,
        group_distance=labels.group_distance,
        offset=labels.offset,
    )
    if not len(found):
        raise points.PointsError(
            f"data.labels: no feature of {labels.told} touches the region; move data.region, or check the CRS of the "
            "labels"
        )
    return found


def label_pixels(found: Placed, grid: Grid, seed: int) -> LabelPixels:
    """Pixels of all features, at most `MOST_PIXELS` of each; none on which features of several labels lie.

    Args:
        found: The features.
        grid: Of the whole region.
        seed: Of the draw.
    """
    random = np.random.default_rng(seed)
    height, width = grid.shape
    chosen = []
    for index in range(len(found)):
        mine = found.pixels(index, (0, 0, height, width))
        if len(mine) > MOST_PIXELS:
            mine = mine[random.choice(len(mine), MOST_PIXELS, replace=False)]
        chosen.append(np.column_stack([mine, np.full(len(mine), index)]))
    rows, columns, features = np.concatenate(chosen).T
    values = found.values[features]
    places = rows * width + columns
    _, inverse = np.unique(places, return_inverse=True)
    least, most = np.full(len(places), np.inf), np.full(len(places), -np.inf)
    np.minimum.at(least, inverse, values)
    np.maximum.at(most, inverse, values)
    return LabelPixels(rows, columns, values, features).only((least == most)[inverse])


def inside(chosen: LabelPixels, outline: BaseGeometry | None) -> LabelPixels:
    """Those whose centres lie inside the region's outline.

    Args:
        chosen: Pixels.
        outline: In pixels of the grid; None where all of the grid counts.
    """
    if outline is None:
        return chosen
    shapely.prepare(outline)
    return chosen.only(shapely.contains_xy(outline, chosen.columns + 0.5, chosen.rows + 0.5))


def candidates(chosen: LabelPixels, task: Task, grid: Grid, patch_shape: tuple[int, int]) -> Candidates:
    """Patches around label pixels, moved into the grid where they reach out of it, for the deal of blocks.

    Args:
        chosen: The pixels.
        task: What labels tell.
        grid: Of the whole region.
        patch_shape: Shape of a patch in pixels `(height, width)`.
    """
    (height, width), (rows, columns) = grid.shape, patch_shape
    corners = np.column_stack(
        [
            np.clip(chosen.rows - rows // 2, 0, height - rows),
            np.clip(chosen.columns - columns // 2, 0, width - columns),
        ]
    )
    return Candidates(corners, task.strata_of(chosen.values))
