"""An outline on a pixel grid: its course in the grid's CRS and in pixels."""

import math
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer
from shapely.affinity import affine_transform
from shapely.geometry.base import BaseGeometry

from earthline.grid import Grid, GridError
from earthline.grid.crs import require_whole
from earthline.outlines.lines import carried

_TOLERANCE = 0.001
"""Pixels by which an edge, straight in longitude and latitude, may leave its course on the grid."""
_STRIP = 2**24
"""Pixels that are looked at in one go."""
_ROUNDED = 10_000
"""Parts of a pixel to which corners are rounded, so that they take fewer letters."""


def in_crs(shape: BaseGeometry, grid: Grid) -> BaseGeometry:
    """An outline in the grid's CRS, to a thousandth of a pixel; nobody need bend its edges further.

    Args:
        shape: As `shapes.tidied` gives it.
        grid: Its CRS and the size of its pixels count, not its place.

    Raises:
        GridError: The CRS does not cover it in one piece.
    """
    west, south, east, north = shape.bounds
    require_whole(grid.crs, west, south, east, north)
    to_crs = Transformer.from_crs("EPSG:4326", grid.pyproj_crs, always_xy=True)

    def convert(xy: Any) -> Any:
        return np.column_stack(to_crs.transform(xy[:, 0], xy[:, 1]))

    side = math.sqrt(abs(grid.affine.determinant))
    found = carried(shape, convert, _TOLERANCE * side)
    if not np.isfinite(found.bounds).all():
        raise GridError(f"the region cannot be expressed in {grid.crs_name}; choose a `data.crs` that covers it")
    digits = math.ceil(math.log10(_ROUNDED / side))
    found = shapely.transform(found, lambda xy: np.round(xy, digits))
    # An edge through a pole goes there and back.
    return found if found.is_valid else shapely.make_valid(found, method="structure", keep_collapsed=False)


def extent(shape: BaseGeometry, grid: Grid) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the pixels of a grid whose centres an outline holds, as whole numbers.

    Args:
        shape: As `shapes.tidied` gives it.
        grid: The grid; the outline may lie outside of it.

    Raises:
        GridError: The grid's CRS does not cover it in one piece, or it is smaller than a pixel.
    """
    left, top, right, bottom = in_pixels(shape, grid).bounds
    found = math.ceil(left - 0.5), math.ceil(top - 0.5), math.floor(right + 0.5), math.floor(bottom + 0.5)
    if found[2] <= found[0] or found[3] <= found[1]:
        raise GridError("the outline holds no pixel's centre; give a larger one, or a smaller `data.scale`")
    return found


def in_pixels(shape: BaseGeometry, grid: Grid) -> BaseGeometry:
    """An outline in pixels of a grid, x = column and y = row.

    Args:
        shape: As `shapes.tidied` gives it.
        grid: The grid; the outline may lie outside of it.

    Raises:
        GridError: The grid's CRS does not cover it in one piece.
    """
    inverse = ~grid.affine
    terms = [inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f]
    return affine_transform(in_crs(shape, grid), terms)


def pixels_outside(shape: BaseGeometry, grid: Grid) -> int:
    """How many pixels of a grid have their centre outside of an outline.

    Args:
        shape: In pixels, as `in_pixels` gives it.
        grid: The grid.
    """
    # It loads slowly, and outlines are read with every config.
    from affine import Affine
    from rasterio.features import rasterize

    height, width = grid.shape
    rows, outside = max(1, _STRIP // width), 0
    for top in range(0, height, rows):
        strip = min(rows, height - top), width
        covered = rasterize([(shape, 1)], out_shape=strip, transform=Affine.translation(0, top), dtype="uint8")
        outside += covered.size - int(covered.sum(dtype="int64"))
    return outside
