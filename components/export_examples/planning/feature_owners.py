"""Which split each labelled feature belongs to: what a split learns from, no other one is measured on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from earthline.formats.examples import Patch, no_label
from earthline.formats.label_features import FeatureRecord, FeatureRecords
from earthline.formats.manifest import SPLITS
from earthline.label_features.on_grid import Placed, pixels
from earthline.task import Task

Array = np.ndarray[Any, Any]

_AWAY = 1.5
"""Pixels around an area in which a feature may still touch a pixel of it."""


@dataclass(frozen=True)
class Foreign:
    """Features of other splits that reach into the area of one.

    Attributes:
        shapes: In pixels, (features,).
    """

    shapes: Array

    def masked(self, patch: Patch) -> Patch:
        """A patch in which their pixels have no label."""
        height, width = patch.label.shape
        window = shapely.box(patch.column, patch.row, patch.column + width, patch.row + height)
        label = patch.label.copy()
        for shape in self.shapes[shapely.intersects(self.shapes, window)]:
            bounds = (patch.row, patch.column, patch.row + height, patch.column + width)
            rows, columns = pixels(shape, bounds, touched=True).T
            label[rows - patch.row, columns - patch.column] = no_label(label.dtype.name)
        return Patch(patch.image, label, patch.valid, patch.row, patch.column)


def owners(found: Placed, areas: Mapping[str, BaseGeometry]) -> Array:
    """Place in `SPLITS` of the split that each feature belongs to: that of its group's middle, (features,).

    Args:
        found: The features.
        areas: By split, in pixels of the grid.
    """
    inner = np.where(shapely.get_dimensions(found.shapes) == 0, shapely.centroid(found.shapes), found.shapes)
    spots = np.floor(shapely.get_coordinates(shapely.point_on_surface(inner))) + 0.5
    count = int(found.groups.max()) + 1
    sizes = np.bincount(found.groups, minlength=count)
    middles = np.column_stack(
        [np.bincount(found.groups, weights=spots[:, axis], minlength=count) / sizes for axis in (0, 1)]
    )
    away = np.hypot(*(spots - middles[found.groups]).T)
    # The first of a group, by distance to its middle, stands for all.
    order = np.lexsort((away, found.groups))
    first = order[np.searchsorted(found.groups[order], np.arange(count))]
    anchors = shapely.points(spots[first])
    distances = np.column_stack([shapely.distance(anchors, areas[split]) for split in SPLITS])
    return np.asarray(distances.argmin(axis=1)[found.groups], np.int64)


def foreign(found: Placed, owned: Array, areas: Mapping[str, BaseGeometry]) -> dict[str, Foreign]:
    """By split, the features of others that reach into its area.

    Args:
        found: The features.
        owned: As `owners` gives it.
        areas: By split, in pixels of the grid.
    """
    reaching = {}
    for number, split in enumerate(SPLITS):
        others = found.shapes[owned != number]
        near = shapely.dwithin(others, areas[split], _AWAY) if len(others) else np.zeros(0, bool)
        reaching[split] = Foreign(others[near])
    return reaching


def records(found: Placed, owned: Array) -> FeatureRecords:
    """What the dataset tells of the features.

    Args:
        found: The features.
        owned: As `owners` gives it.
    """
    parts = zip(found.values.tolist(), found.are_points, found.groups, owned, found.shapes, strict=True)
    return FeatureRecords(
        [
            FeatureRecord(value, bool(point), int(group), SPLITS[owner], shape)
            for value, point, group, owner, shape in parts
        ],
        found.all_touched,
    )


def counted(told: FeatureRecords, task: Task) -> dict[str, list[tuple[int, int]]]:
    """Points and polygons of each stratum by the split that owns them.

    Args:
        told: The features.
        task: What labels tell.
    """
    counts = {split: np.zeros((len(task.strata), 2), np.int64) for split in SPLITS}
    strata = task.strata_of(np.array([each.value for each in told.features]))
    for each, stratum in zip(told.features, strata.tolist(), strict=True):
        counts[each.split][stratum, int(not each.point)] += 1
    return {split: [(points, polygons) for points, polygons in mine.tolist()] for split, mine in counts.items()}
