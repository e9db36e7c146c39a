"""Which pixels of a grid a geometry covers, and how much of each."""

import math
import threading
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.indexed_shapes import IndexedShape, indexed
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.earthengine.values.values import Geometry
from earthline_sandbox.errors import invalid

_KEPT = 16
_SNAP = 1e-9
_EDGE = 1e-6
_local = threading.local()
# A block is divided no further when it is this small: its pixels are then measured one by one.
_BLOCK = 8


def _located(region: Geometry, crs: str) -> IndexedShape:
    """The region in a CRS, indexed for this thread; the last few are kept per thread."""
    kept: OrderedDict[tuple[int, str], tuple[Geometry, IndexedShape]]
    kept = _local.__dict__.setdefault("regions", OrderedDict())
    key = (id(region), crs)
    if key not in kept or kept[key][0] is not region:
        kept[key] = (region, indexed(region.in_crs(crs)))
        while len(kept) > _KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key][1]


def inside(grid: Grid, region: Geometry) -> Array:
    """True where a pixel's centre lies within the region; a bool array of the grid's shape."""
    located = _located(region, grid.crs)
    shape = located.shape
    if shape.is_empty:
        return np.zeros(grid.shape, dtype=bool)
    if shape.area == 0:
        return _touched(grid, shape)
    if not np.isfinite(shape.bounds).all():
        return located.contains(*grid.centres())
    if is_box(shape) and not grid.transform[1] and not grid.transform[3]:
        x, y = grid.centres()
        west, south, east, north = shape.bounds
        in_x, in_y = (x[0] >= west) & (x[0] <= east), (y[:, 0] >= south) & (y[:, 0] <= north)
        return np.asarray(in_y[:, None] & in_x[None, :])
    return _held(grid, located)


def _held(grid: Grid, located: IndexedShape) -> Array:
    """The same for any shape: centres are tested one by one only in blocks that the outline passes through."""
    found, edge = np.zeros(grid.shape, dtype=bool), np.zeros(grid.shape, dtype=bool)
    for (row, column, height, width), full in _parts(grid, located.shape):
        (found if full else edge)[row : row + height, column : column + width] = True
    places = np.nonzero(edge)
    found[places] = located.contains(*grid.centres_of(*places))
    return found


def _touched(grid: Grid, shape: BaseGeometry) -> Array:
    """True where a pixel holds a point, or a line passes through it."""
    found = np.zeros(grid.shape, dtype=bool)
    for part in shapely.get_parts(shape):
        if part.geom_type == "Point":
            column, row = (math.floor(term + _SNAP) for term in grid.projection.position(part.x, part.y))
            if 0 <= row < grid.shape[0] and 0 <= column < grid.shape[1]:
                found[row, column] = True
            continue
        blocks = [(0, 0, *grid.shape)]
        while blocks:
            touching = shapely.intersects(part, _boxes(grid, blocks))
            hit = [block for block, some in zip(blocks, touching, strict=True) if some]
            for row, column, height, width in hit:
                if height == width == 1:
                    found[row, column] = True
            blocks = [quarter for block in hit if block[2] * block[3] > 1 for quarter in _quarters(*block)]
    return found


def is_box(shape: BaseGeometry) -> bool:
    """Whether a shape is its own bounding box, without holes."""
    if shape.geom_type != "Polygon" or len(shape.interiors):
        return False
    west, south, east, north = shape.bounds
    area = (east - west) * (north - south)
    return bool(area > 0 and abs(shape.area - area) <= 1e-12 * area)


def coverage(grid: Grid, region: Geometry) -> Array:
    """The share of every pixel, 0 to 1, that the region covers; a float32 array of the grid's shape.

    Below half a percent counts as nothing, as in Earth Engine's weighted reducers.
    """
    shape = _located(region, grid.crs).shape
    weights = np.zeros(grid.shape, dtype="float32")
    if shape.is_empty:
        return weights
    if shape.area == 0:
        return _touched(grid, shape).astype("float32")
    for (row, column, height, width), full in _parts(grid, shape):
        if full:
            weights[row : row + height, column : column + width] = 1
        else:
            _measure(grid, shape, weights, (row, column, height, width))
    weights[weights < 0.005] = 0
    return weights


def _parts(grid: Grid, shape: BaseGeometry) -> Iterator[tuple[tuple[int, int, int, int], bool]]:
    """Blocks (row, column, height, width) that a shape touches, and whether each lies within it; else it is small."""
    blocks = [(0, 0, *grid.shape)]
    while blocks:
        boxes = _boxes(grid, blocks)
        within, touching = shapely.contains_properly(shape, boxes), shapely.intersects(shape, boxes)
        rest = []
        for block, full, some in zip(blocks, within, touching, strict=True):
            if full or (some and block[2] <= _BLOCK and block[3] <= _BLOCK):
                yield block, bool(full)
            elif some:
                rest.extend(_quarters(*block))
        blocks = rest


def _boxes(grid: Grid, blocks: list[tuple[int, int, int, int]]) -> Array:
    """The pixel blocks (row, column, height, width) as polygons in the grid's CRS."""
    rows, columns, heights, widths = np.array(blocks, dtype="float64").T
    corners_x = np.stack([columns, columns + widths, columns + widths, columns], axis=1)
    corners_y = np.stack([rows, rows, rows + heights, rows + heights], axis=1)
    a, b, c, d, e, f = grid.transform
    x, y = a * corners_x + b * corners_y + c, d * corners_x + e * corners_y + f
    return np.asarray(shapely.polygons(np.stack([x, y], axis=2)))


def _quarters(row: int, column: int, height: int, width: int) -> list[tuple[int, int, int, int]]:
    top, left = (height + 1) // 2, (width + 1) // 2
    parts = [
        (row, column, top, left),
        (row, column + left, top, width - left),
        (row + top, column, height - top, left),
        (row + top, column + left, height - top, width - left),
    ]
    return [part for part in parts if part[2] and part[3]]


def _measure(grid: Grid, shape: BaseGeometry, weights: Array, block: tuple[int, int, int, int]) -> None:
    row, column, height, width = block
    cells = [(row + r, column + c, 1, 1) for r in range(height) for c in range(width)]
    boxes = _boxes(grid, cells)
    # Only what lies near the block can cut its pixels.
    local = shapely.intersection(shape, shapely.box(*shapely.total_bounds(boxes)))
    shares = shapely.area(shapely.intersection(local, boxes)) / shapely.area(boxes)
    weights[row : row + height, column : column + width] = shares.reshape(height, width)


def region_window(region: Geometry, projection: Projection) -> Grid | None:
    """The window of a projection's pixel plane that holds a region; None where it is empty.

    Raises:
        ApiError: INVALID_ARGUMENT where the region is not bounded in that projection.
    """
    box = pixel_bounds(region, projection)
    if box is None:
        raise invalid("The region is not bounded in the projection that it is needed in; give a smaller one.")
    left, top, right, bottom = box
    if right <= left or bottom <= top:
        return None
    return projection.grid(top, left, (bottom - top, right - left))


def pixel_bounds(region: Geometry, projection: Projection) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of a region in a projection's pixel plane; None where it is not finite there."""
    shape = region.in_crs(projection.crs)
    if shape.is_empty:
        return 0, 0, 0, 0
    west, south, east, north = shape.bounds
    if not np.isfinite([west, south, east, north]).all():
        return None
    xs, ys = projection.position(np.array([west, west, east, east]), np.array([south, north, south, north]))
    left, top = math.floor(min(xs) + _EDGE), math.floor(min(ys) + _EDGE)
    # A point or a line along an edge still lies in a pixel.
    return left, top, max(math.ceil(max(xs) - _EDGE), left + 1), max(math.ceil(max(ys) - _EDGE), top + 1)
