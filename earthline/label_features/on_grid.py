"""Labelled features on a pixel grid: which pixels are theirs, and which features belong together.

Coordinates are pixels of the grid: x grows with the column, y with the row, pixel (row, column) covers the unit square
from (column, row).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from affine import Affine
from pyproj import Geod, Transformer
from rasterio.features import rasterize
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.affinity import translate

from earthline.grid import Grid
from earthline.label_features.features import LabelFeatures
from earthline.outlines import on_grid as outlines

Array = np.ndarray[Any, Any]

_CORNERS = 64
"""Corners of a circle."""
_GEOD = Geod(ellps="WGS84")
_TOLERANCE = 0.01
"""Pixels by which an edge may leave its course."""
_RADIUS, _METRES_PER_DEGREE = 6_371_000.0, 111_195.0
"""Of the globe."""
_SMALL = 4096
"""Pixels of a bounding box up to which it is quicker to look at each centre than to rasterize."""
_MARGIN = 0.01
"""Degrees around the grid in which features are looked at more closely."""


@dataclass(frozen=True)
class Placed:
    """Features that touch a grid.

    Attributes:
        shapes: In pixels, (features,); of a point with a radius the circle.
        values: Their labels, (features,).
        are_points: True where a feature is a point, with or without a radius, (features,).
        groups: Number of the group that each feature belongs to, (features,); from 0, without gaps.
        all_touched: Whether polygons take each pixel that they touch; else those whose centre lies inside.
    """

    shapes: Array
    values: Array
    are_points: Array
    groups: Array
    all_touched: bool

    def __len__(self) -> int:
        """Number of features."""
        return len(self.values)

    def pixels(self, index: int, bounds: tuple[int, int, int, int], touched: bool | None = None) -> Array:
        """The pixels of a feature, (pixels, 2): rows and columns.

        Args:
            index: Of the feature.
            bounds: First row and column, and those after the last, in which pixels are looked for.
            touched: Whether every pixel counts that it touches; left out, as `all_touched` says.
        """
        return pixels(self.shapes[index], bounds, self.all_touched if touched is None else touched)


def place(
    found: LabelFeatures,
    grid: Grid,
    *,
    radius: float | None = None,
    all_touched: bool = False,
    group_distance: float | None = None,
    offset: tuple[int, int] = (0, 0),
) -> Placed:
    """Places features on a grid; those that do not touch it are left out.

    Args:
        found: In degrees.
        grid: The grid.
        radius: Metres around points that are theirs.
        all_touched: As in `Placed`.
        group_distance: Metres within which features belong to one group; None for a group of its own for each.
        offset: Rows and columns by which labels lie off the imagery: a feature is the label of pixels so far before it.

    Raises:
        GridError: The grid's CRS does not cover a polygon in one piece.
    """
    near = _near(found, grid)
    points = found.are_points[near]
    shapes = np.empty(len(near), object)
    shapes[points] = _points(found.shapes[near][points], grid, radius)
    shapes[~points] = _polygons(found.shapes[near][~points], grid)
    rows, columns = offset
    if rows or columns:
        shapes = np.array([translate(shape, -columns, -rows) for shape in shapes], object)
    height, width = grid.shape
    inside = shapely.intersects(shapes, shapely.box(0, 0, width, height)) if len(shapes) else np.zeros(0, bool)
    shapes = shapes[inside]
    return Placed(
        shapes,
        found.values[near][inside],
        points[inside],
        _groups(shapes, None if group_distance is None else group_distance / metres(grid)),
        all_touched,
    )


def pixels(shape: Any, bounds: tuple[int, int, int, int], touched: bool) -> Array:
    """The pixels of a shape, (pixels, 2): rows and columns.

    Args:
        shape: Points, each of which takes the pixel that holds it, or polygons, in pixels.
        bounds: First row and column, and those after the last, in which pixels are looked for.
        touched: Whether polygons take each pixel that they touch; else those whose centre lies inside.
    """
    top, left, bottom, right = bounds
    if shapely.get_dimensions(shape) == 0:
        columns, rows = np.floor(shapely.get_coordinates(shape)).astype(np.int64).T
        there = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
        return np.asarray(np.unique(np.column_stack([rows, columns])[there], axis=0))
    west, north, east, south = shape.bounds
    first = max(top, math.floor(north)), max(left, math.floor(west))
    last = min(bottom, math.floor(south) + 1), min(right, math.floor(east) + 1)
    if last[0] <= first[0] or last[1] <= first[1]:
        return np.zeros((0, 2), np.int64)
    height, width = last[0] - first[0], last[1] - first[1]
    if not touched and height * width <= _SMALL:
        rows, columns = np.mgrid[first[0] : last[0], first[1] : last[1]]
        inside = shapely.contains_xy(shape, columns + 0.5, rows + 0.5)
        return np.column_stack([rows[inside], columns[inside]])
    covered = rasterize(
        [(shape, 1)],
        out_shape=(height, width),
        transform=Affine.translation(first[1], first[0]),
        all_touched=touched,
        dtype="uint8",
    )
    return np.asarray(np.argwhere(covered) + np.array(first))


def metres(grid: Grid) -> float:
    """Side of a pixel in the middle of a grid, as the mean of both."""
    height, width = grid.shape
    to_degrees = Transformer.from_crs(grid.pyproj_crs, "EPSG:4326", always_xy=True)
    middle, right, below = (
        to_degrees.transform(*(grid.affine @ corner))
        for corner in ((width / 2, height / 2), (width / 2 + 1, height / 2), (width / 2, height / 2 + 1))
    )
    return float(sum(_GEOD.inv(*middle, *other)[2] for other in (right, below)) / 2)


def _near(found: LabelFeatures, grid: Grid) -> Array:
    """Positions of the features that lie about where the grid does; the CRS may know nothing of others."""
    left, bottom, right, top = grid.bounds
    to_degrees = Transformer.from_crs(grid.pyproj_crs, "EPSG:4326", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(left, bottom, right, top, densify_pts=21)
    turns = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    boxes = [
        shapely.box(start - _MARGIN + turn, south - _MARGIN, end + _MARGIN + turn, north + _MARGIN)
        for start, end in turns
        for turn in (-360.0, 0.0, 360.0)
    ]
    return np.flatnonzero(shapely.intersects(found.shapes, shapely.MultiPolygon(boxes)))


def _points(shapes: Array, grid: Grid, radius: float | None) -> Array:
    if radius is not None:
        shapes = np.array([_circles(shape, radius) for shape in shapes], object)
    return _corners_moved(shapes, grid)


def _polygons(shapes: Array, grid: Grid) -> Array:
    """Polygons on the grid; edges of large ones bend, as they run straight in degrees."""
    found = np.empty(len(shapes), object)
    if not len(shapes):
        return found
    west, south, east, north = shapely.bounds(shapes).T
    wide = (east - west) * np.cos(np.radians(np.clip((south + north) / 2, -89, 89)))
    across = _METRES_PER_DEGREE * np.hypot(wide, north - south)
    # An edge of that length leaves its course by its square over eight radii at most, times a few far from the equator.
    small = across < math.sqrt(_TOLERANCE * metres(grid) * _RADIUS)
    found[small] = _corners_moved(shapes[small], grid)
    found[~small] = [outlines.in_pixels(shape, grid) for shape in shapes[~small]]
    return found


def _corners_moved(shapes: Array, grid: Grid) -> Array:
    """Shapes in degrees as shapes in pixels, corner by corner."""
    to_crs = Transformer.from_crs("EPSG:4326", grid.pyproj_crs, always_xy=True)
    inverse = ~grid.affine

    def in_pixels(degrees: Array) -> Array:
        x, y = to_crs.transform(degrees[:, 0], degrees[:, 1])
        return np.column_stack(inverse @ (x, y))

    return np.asarray(shapely.transform(shapes, in_pixels), object)


def _circles(shape: Any, radius: float) -> Any:
    """Circles on the ground around each point of a shape, in degrees."""
    azimuths = np.linspace(0, 360, _CORNERS, endpoint=False)
    circles = []
    for x, y in shapely.get_coordinates(shape):
        longitudes, latitudes, _ = _GEOD.fwd(
            np.full(_CORNERS, x), np.full(_CORNERS, y), azimuths, np.full(_CORNERS, radius)
        )
        circles.append(shapely.Polygon(np.column_stack([longitudes, latitudes])))
    return circles[0] if len(circles) == 1 else shapely.union_all(circles)


def _groups(shapes: Array, distance: float | None) -> Array:
    """Features within a distance of each other, also over others, are one group."""
    if distance is None or not len(shapes):
        return np.arange(len(shapes))
    one, two = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=distance)
    links = coo_array((np.ones(len(one), bool), (one, two)), shape=(len(shapes), len(shapes)))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)
