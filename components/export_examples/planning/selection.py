"""Which patches a run takes: the splits' areas, and the first pixels of the patches in each.

The same config and the same data give the same selection; `earthline preview` shows it before a run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from shapely.geometry.base import BaseGeometry

from components.export_examples.planning import census, feature_owners, feature_patches, features, plan, points
from components.export_examples.planning.dealing import Candidates
from components.export_examples.planning.feature_owners import Foreign
from components.export_examples.planning.ground import Ground
from components.export_examples.planning.label_tiles import LabelTiles
from components.export_examples.planning.patches import Plan
from earthline.config import Data, Export, VectorLabels
from earthline.earth_engine import imagery
from earthline.formats.label_features import FeatureRecords
from earthline.formats.manifest import SPLITS
from earthline.grid import Grid
from earthline.task import task_of


@dataclass(frozen=True)
class Selection:
    """What is taken.

    Attributes:
        export: The section, with blocks and buffer in pixels.
        areas: Of the splits, in pixels of the grid (x = column, y = row).
        plan: The patches, and those in reserve.
        foreign: By split, the features of other splits that reach into its area; none where labels are a raster.
        records: What the dataset tells of the features; None where labels are a raster.
    """

    export: Export
    areas: Mapping[str, BaseGeometry]
    plan: Plan
    foreign: Mapping[str, Foreign] = field(default_factory=dict)
    records: FeatureRecords | None = None

    @property
    def numbers(self) -> dict[str, int]:
        """Patches that are wanted, by split."""
        return dict(zip(SPLITS, self.plan.wanted.sum(axis=1).tolist(), strict=True))


def select(data: Data, export: Export, grid: Grid, most_tiles: int | None = None) -> Selection:
    """Asks Earth Engine where the labels are, deals the blocks and draws the patches.

    Args:
        data: The section.
        export: The section.
        grid: Of the whole region.
        most_tiles: Tiles of labels that are read at most, where a look is enough; None for all of them.

    Raises:
        ImageryError: A table or an outline is of no use.
        SplitError: The region cannot be split as asked.
        PointsError: A split without a labelled pixel.
        PixelsError: Earth Engine does not answer.
    """
    plan.require_room(grid, export)
    export = plan.settled(export, grid)
    outline = imagery.in_pixels(data, grid)
    if export.split_regions is None:
        # Before anything is asked: this needs nobody's answer.
        plan.require_blocks(grid, export, outline)
    if isinstance(data.labels, VectorLabels):
        return _of_features(data, data.labels, export, grid, outline)
    tiles = LabelTiles.read(data, export, grid, most_tiles)
    found = None if export.split_regions is not None else _counted(tiles, data, export)
    areas = plan.split_areas(grid, export, found, len(task_of(data).strata), outline)
    ground = Ground.of(areas, grid.shape, export.patch_shape)
    return Selection(export, areas, points.draw(data, export, tiles, ground))


def candidates(data: Data, export: Export, grid: Grid, most_tiles: int | None = None) -> Callable[[Export], Candidates]:
    """Patches of the whole region by stratum, by which blocks are dealt; asks Earth Engine once for all shapes.

    Args:
        data: The section.
        export: The section; its seed and concurrency count.
        grid: Of the whole region.
        most_tiles: As in `select`.

    Returns:
        Gives the candidates for a section's blocks, patches and buffer.

    Raises:
        ImageryError: A table or an outline is of no use.
        PointsError: No label touches the region.
        PixelsError: Earth Engine does not answer.
    """
    if not isinstance(data.labels, VectorLabels):
        tiles = LabelTiles.read(data, export, grid, most_tiles)
        return lambda asked: _counted(tiles, data, plan.settled(asked, grid))
    found = features.placed(data, data.labels, grid)
    chosen = features.inside(features.label_pixels(found, grid, export.seed), imagery.in_pixels(data, grid))
    return lambda asked: features.candidates(chosen, task_of(data), grid, asked.patch_shape)


def _counted(tiles: LabelTiles, data: Data, export: Export) -> Candidates:
    return census.candidates(tiles, len(task_of(data).strata), export.block_shape, export.patch_shape, plan.gap(export))


def _of_features(
    data: Data, labels: VectorLabels, export: Export, grid: Grid, outline: BaseGeometry | None
) -> Selection:
    found = features.placed(data, labels, grid)
    chosen = features.inside(features.label_pixels(found, grid, export.seed), outline)
    dealt = features.candidates(chosen, task_of(data), grid, export.patch_shape)
    areas = plan.split_areas(grid, export, dealt, len(task_of(data).strata), outline)
    owned = feature_owners.owners(found, areas)
    corners = feature_patches.draw(data, export, grid, areas, chosen, owned)
    drawn = {(place, 0): np.array(corners[split], np.int32).reshape(-1, 2) for place, split in enumerate(SPLITS)}
    counts = np.array([[len(drawn[place, 0])] for place in range(len(SPLITS))])
    return Selection(
        export,
        areas,
        Plan.of(drawn, counts, None, (points.EVERYTHING,)),
        foreign=feature_owners.foreign(found, owned, areas),
        records=feature_owners.records(found, owned),
    )
