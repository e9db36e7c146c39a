"""Which patches a run takes: the splits' areas, and the first pixels of the patches in each.

The same config and the same data give the same selection; `earthline preview` shows it before a run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shapely.geometry.base import BaseGeometry

from components.export_examples.planning import features, plan, points
from components.export_examples.planning.dealing import Candidates
from components.export_examples.planning.features import Foreign
from earthline.config import Data, Export, VectorLabels
from earthline.earth_engine import imagery
from earthline.formats.label_features import FeatureRecords
from earthline.grid import Grid
from earthline.task import task_of


@dataclass(frozen=True)
class Selection:
    """What is taken.

    Attributes:
        areas: Of the splits, in pixels of the grid (x = column, y = row).
        corners: First pixels (row, column) of patches, by split.
        drawn: By split, how many patches are centred on each stratum; empty where labels are points and polygons, whose
            places somebody chose.
        foreign: By split, the features of other splits that reach into its area; none where labels are a raster.
        records: What the dataset tells of the features; None where labels are a raster.
    """

    areas: Mapping[str, BaseGeometry]
    corners: Mapping[str, list[tuple[int, int]]]
    drawn: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    foreign: Mapping[str, Foreign] = field(default_factory=dict)
    records: FeatureRecords | None = None


def select(data: Data, export: Export, grid: Grid) -> Selection:
    """Asks Earth Engine where the labels are, deals the blocks and draws the patches.

    Args:
        data: The section.
        export: The section.
        grid: Of the whole region.

    Raises:
        ImageryError: A table or an outline is of no use.
        SplitError: The region cannot be split as asked.
        PointsError: A split without a labelled pixel.
        PixelsError: Earth Engine does not answer.
    """
    plan.require_room(grid, export)
    if isinstance(data.labels, VectorLabels):
        return _of_features(data, data.labels, export, grid)
    fixed = export.split_regions is not None
    found = None if fixed else points.candidates(data, export, grid)
    areas = plan.split_areas(grid, export, found, len(task_of(data).strata), imagery.in_pixels(data, grid))
    drawn = points.draw(data, export, grid, areas)
    return Selection(
        areas,
        {split: each.corners for split, each in drawn.items()},
        {split: each.by_stratum for split, each in drawn.items()},
    )


def candidates(data: Data, export: Export, grid: Grid) -> Candidates:
    """Patches of the whole region by stratum, by which blocks are dealt.

    Args:
        data: The section.
        export: The section.
        grid: Of the whole region.

    Raises:
        ImageryError: A table or an outline is of no use.
        PointsError: No label touches the region.
        PixelsError: Earth Engine does not answer.
    """
    if not isinstance(data.labels, VectorLabels):
        return points.candidates(data, export, grid)
    found = features.placed(data, data.labels, grid)
    chosen = features.inside(features.label_pixels(found, grid, export.seed), imagery.in_pixels(data, grid))
    return features.candidates(chosen, task_of(data), grid, export.patch_shape)


def _of_features(data: Data, labels: VectorLabels, export: Export, grid: Grid) -> Selection:
    found = features.placed(data, labels, grid)
    outline = imagery.in_pixels(data, grid)
    chosen = features.inside(features.label_pixels(found, grid, export.seed), outline)
    dealt = features.candidates(chosen, task_of(data), grid, export.patch_shape)
    areas = plan.split_areas(grid, export, dealt, len(task_of(data).strata), outline)
    owned = features.owners(found, areas)
    corners = features.draw(data, export, grid, areas, chosen, owned)
    return Selection(
        areas, corners, foreign=features.foreign(found, owned, areas), records=features.records(found, owned)
    )
