"""Where patches lie: inside the grid, once, and far enough from those of other splits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from pyproj.exceptions import CRSError

from components.validate_examples.findings import Findings
from components.validate_examples.statistics.split import SplitStatistics
from earthline.formats.manifest import Manifest
from earthline.grid import Grid, GridError

Array = np.ndarray[Any, Any]


def check(manifest: Manifest, statistics: Mapping[str, SplitStatistics], findings: Findings) -> None:
    """Checks the places of all patches.

    Args:
        manifest: The dataset's.
        statistics: By split.
        findings: Where they are noted.
    """
    height, width = Grid.from_json(manifest.grid).shape
    rows, columns = manifest.patch_shape
    places = [
        (split, int(row), int(column))
        for split, of_split in statistics.items()
        for row, column in of_split.sightings.corner
    ]
    seen: dict[tuple[int, int], str] = {}
    for split, row, column in places:
        if not (0 <= row <= height - rows and 0 <= column <= width - columns):
            findings.error("place", f"{split}: the patch at row {row}, column {column} reaches outside the grid")
        if (row, column) in seen:
            first = seen[row, column]
            findings.error("duplicate", f"the patch at row {row}, column {column} is in {first} and again in {split}")
        seen.setdefault((row, column), split)
    for (split, *one), (other, *two), distance in _too_close(places, manifest.patch_shape, manifest.gap):
        findings.error(
            "leakage",
            f"the patches at (row {one[0]}, column {one[1]}) of {split} and (row {two[0]}, column {two[1]}) of {other} "
            f"are {distance} pixels apart, less than {manifest.gap}",
        )


def distances(manifest: Manifest, statistics: Mapping[str, SplitStatistics]) -> dict[str, dict[str, float]]:
    """How far patches of other splits lie from the nearest training patch, in metres.

    Args:
        manifest: The dataset's.
        statistics: By split.

    Returns:
        By split the `least` and the `median` distance; nothing where patches have no known place on the ground.
    """
    if not manifest.placed or "train" not in statistics or not len(statistics["train"].sightings):
        return {}
    grid = Grid.from_json(manifest.grid)
    try:
        crs = grid.pyproj_crs
        geod = crs.get_geod() if crs.is_geographic else None
        metres = crs.axis_info[0].unit_conversion_factor if not crs.is_geographic and crs.axis_info else 1.0
    except (CRSError, GridError):
        return {}
    train = _outlines(grid, statistics["train"].sightings.corner, manifest.patch_shape)
    tree, found = shapely.STRtree(train), {}
    for split, of_split in statistics.items():
        if split == "train" or not len(of_split.sightings):
            continue
        mine = _outlines(grid, of_split.sightings.corner, manifest.patch_shape)
        one, two = tree.query_nearest(mine, all_matches=False)
        apart = _metres(mine[one], train[two], geod, metres)
        found[split] = {"least": round(float(apart.min()), 1), "median": round(float(np.median(apart)), 1)}
    return found


def _metres(one: Array, two: Array, geod: Geod | None, unit: float) -> Array:
    if geod is None:
        return np.asarray(shapely.distance(one, two) * unit)
    # In degrees the nearest patch is found about rightly, its distance exactly.
    line = shapely.shortest_line(one, two)
    ends = shapely.get_coordinates(line).reshape(-1, 2, 2)
    return np.asarray(geod.inv(ends[:, 0, 0], ends[:, 0, 1], ends[:, 1, 0], ends[:, 1, 1])[2])


def _outlines(grid: Grid, corner: Array, shape: tuple[int, int]) -> Array:
    """Patches as polygons in units of the CRS, (patches,)."""
    a, b, c, d, e, f = grid.transform
    boxes = shapely.box(corner[:, 1], corner[:, 0], corner[:, 1] + shape[1], corner[:, 0] + shape[0])
    return np.asarray(
        shapely.transform(
            boxes, lambda xy: np.stack([a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f], axis=1)
        )
    )


def _too_close(
    places: Sequence[tuple[str, int, int]], shape: tuple[int, int], gap: int
) -> Iterator[tuple[tuple[str, int, int], tuple[str, int, int], int]]:
    """Pairs of patches of different splits nearer than the gap, with their distance (0 where they overlap)."""
    if not places:
        return
    rows = np.array([row for _, row, _ in places])
    columns = np.array([column for _, _, column in places])
    splits = np.array([split for split, *_ in places])
    boxes = shapely.box(columns, rows, columns + shape[1], rows + shape[0])
    wider = shapely.box(columns - gap, rows - gap, columns + shape[1] + gap, rows + shape[0] + gap)
    first, second = shapely.STRtree(boxes).query(wider, predicate="intersects")
    once = (first < second) & (splits[first] != splits[second])
    for one, two in zip(first[once].tolist(), second[once].tolist(), strict=True):
        apart = max(
            abs(int(rows[one]) - int(rows[two])) - shape[0], abs(int(columns[one]) - int(columns[two])) - shape[1], 0
        )
        if apart < gap:
            yield places[one], places[two], apart
