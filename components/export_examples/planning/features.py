"""Patches where labels are points and polygons: each feature is dealt to one split, and patches are laid over it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ee
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from components.export_examples.planning import blocks, points
from components.export_examples.planning.dealing import Candidates
from earthline.config import Data, Export, VectorLabels
from earthline.earth_engine import imagery
from earthline.earth_engine.retry import ask
from earthline.formats.examples import Patch, no_label
from earthline.formats.label_features import FeatureRecord, FeatureRecords
from earthline.formats.manifest import SPLITS
from earthline.formats.served.contract import VALID_BAND
from earthline.grid import Grid
from earthline.label_features.on_grid import Placed, pixels, place
from earthline.task import Task, task_of

Array = np.ndarray[Any, Any]
Corner = tuple[int, int]

MOST_PIXELS = 2000
"""Pixels of one feature on which patches may be centred, drawn at random."""
_POINTS_PER_REQUEST = 1000
_AWAY = 1.5
"""Pixels around an area in which a feature may still touch a pixel of it."""

_logger = logging.getLogger(__name__)


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


def draw(
    data: Data,
    export: Export,
    grid: Grid,
    areas: Mapping[str, BaseGeometry],
    chosen: LabelPixels,
    owned: Array,
) -> dict[str, list[Corner]]:
    """Draws the patches of every split, each around a label pixel, or beside it where it would leave the split's area.

    Args:
        data: The section.
        export: The section.
        grid: Of the whole region.
        areas: By split, in pixels of the grid.
        chosen: Pixels to draw from.
        owned: As `owners` gives it.

    Returns:
        First pixels (row, column) by split, distinct and sorted.

    Raises:
        PointsError: A split without a labelled pixel.
        PixelsError: Earth Engine does not answer.
    """
    task = task_of(data)
    wanted: dict[str, int] = {str(split): number for split, number in export.examples.items()}
    drawn = {}
    for number, split in enumerate(SPLITS):
        random = np.random.default_rng((export.seed, number))
        mine = chosen.only(owned[chosen.features] == number)
        centers = blocks.centers(areas[split], export.patch_shape)
        found: dict[int, list[Corner]] = {}
        strata = task.strata_of(mine.values)
        for stratum, name in enumerate(task.strata):
            of_stratum = _spread(mine.only(strata == stratum), random)
            fitting = _corners(of_stratum, centers, export.patch_shape, wanted[split])
            seen = _seen(data, grid, [pixel for pixel, _ in fitting], export.attempts)
            found[stratum] = [corner for (_, corner), is_seen in zip(fitting, seen, strict=True) if is_seen]
            if not found[stratum]:
                _logger.warning(
                    "export_examples: no patch of %s holds '%s': too few features, or all of them in blocks of other "
                    "splits; smaller export.block_shape and export.patch_shape give it more places",
                    split,
                    name,
                )
        corners = _balanced(found, wanted[split])
        if not corners:
            raise points.PointsError(
                f"export: empty split '{split}': no labelled pixel of its area has imagery; change export.seed, use a "
                "smaller export.patch_shape or export.block_shape, or give export.split_regions"
            )
        drawn[split] = corners
    return drawn


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


def _spread(mine: LabelPixels, random: np.random.Generator) -> LabelPixels:
    """In an order that takes one pixel of each feature, then a second one of each, and so on."""
    shuffled = mine.only(random.permutation(len(mine)))
    by_feature = np.argsort(shuffled.features, kind="stable")
    ordered = shuffled.features[by_feature]
    turn = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
    turns = np.empty(len(mine), np.int64)
    turns[by_feature] = turn
    return shuffled.only(np.argsort(turns, kind="stable"))


def _balanced(found: Mapping[int, Sequence[Corner]], most: int) -> list[Corner]:
    """The first patches of each stratum in equal parts, distinct; what a scarce one leaves goes to the others."""
    chosen: dict[Corner, None] = {}
    by_scarcity = sorted(found.items(), key=lambda item: (len(set(item[1])), item[0]))
    for number, (_, corners) in enumerate(by_scarcity):
        fresh = [corner for corner in dict.fromkeys(corners) if corner not in chosen]
        chosen |= dict.fromkeys(fresh[: -(-(most - len(chosen)) // (len(by_scarcity) - number))])
    left = [corner for _, corners in by_scarcity for corner in corners if corner not in chosen]
    chosen |= dict.fromkeys(list(dict.fromkeys(left))[: most - len(chosen)])
    return sorted(chosen)


def _corners(
    mine: LabelPixels, centers: BaseGeometry, patch_shape: tuple[int, int], most: int
) -> list[tuple[Corner, Corner]]:
    """Pixels, and the first pixel of a patch that holds each and fits into the area; the nearest one to it."""
    height, width = patch_shape
    fitting: list[tuple[Corner, Corner]] = []
    if centers.is_empty:
        return fitting
    for row, column in zip(mine.rows.tolist(), mine.columns.tolist(), strict=True):
        middle = _nearest(centers, row, column, patch_shape)
        if middle is not None:
            fitting.append(((row, column), (middle[0] - height // 2, middle[1] - width // 2)))
            if len(fitting) == most:
                break
    return fitting


def _nearest(centers: BaseGeometry, row: int, column: int, patch_shape: tuple[int, int]) -> Corner | None:
    """The pixel nearest to one on which a patch can be centred that holds it; None where there is none."""
    if shapely.contains_xy(centers, column + 0.5, row + 0.5):
        return row, column
    height, width = patch_shape
    # Centred on its last row, a patch still holds a pixel height // 2 rows before; on its first, the rest after.
    rows = row - ((height - 1) - height // 2), row + height // 2
    columns = column - ((width - 1) - width // 2), column + width // 2
    reach = shapely.box(columns[0] + 0.25, rows[0] + 0.25, columns[1] + 0.75, rows[1] + 0.75)
    possible = centers.intersection(reach)
    if possible.is_empty:
        return None
    spot = shapely.get_coordinates(shapely.shortest_line(shapely.Point(column + 0.5, row + 0.5), possible))[1]
    found = int(np.clip(np.floor(spot[1]), *rows)), int(np.clip(np.floor(spot[0]), *columns))
    return found if shapely.contains_xy(centers, found[1] + 0.5, found[0] + 0.5) else None


def _seen(data: Data, grid: Grid, places: Sequence[Corner], attempts: int) -> list[bool]:
    """Whether the imagery is valid at each pixel."""
    valid = imagery.valid(data)
    seen = [False] * len(places)
    for start in range(0, len(places), _POINTS_PER_REQUEST):
        part = places[start : start + _POINTS_PER_REQUEST]
        spots = ee.FeatureCollection(
            [
                ee.Feature(ee.Geometry.Point(list(grid.center(row, column)), proj=grid.crs), {"place": start + place})
                for place, (row, column) in enumerate(part)
            ]
        )
        sampled = valid.sampleRegions(
            collection=spots, properties=["place"], projection=ee.Projection(grid.crs, list(grid.transform))
        )
        answer = ask(sampled.getInfo, attempts, "validity of the imagery at labels")
        for feature in answer["features"]:
            if feature["properties"][VALID_BAND]:
                seen[int(feature["properties"]["place"])] = True
    return seen
