"""How much ground each pixel covers: on the ellipsoid, whatever the map's projection does to areas."""

from typing import Any

import numpy as np
from pyproj import Geod, Transformer

from earthline.grid import Grid

Array = np.ndarray[Any, Any]

SQUARE_METRES_PER_HECTARE = 10_000
_NODES = 97
"""Most pixels along each side of a map that are measured; between them area changes little and smoothly."""
_PARTS = 4
"""A pixel's edge is measured in this many straight pieces: large pixels have curved edges."""


class PixelAreas:
    """The ground that each pixel of a grid covers, from geodesic areas of pixels all over it.

    Right to two ten-thousandths: Karney 2013, Algorithms for geodesics, for the pixels that are measured, and linear
    interpolation for those between.
    """

    def __init__(self, grid: Grid) -> None:
        """Measures.

        Args:
            grid: Of the map.
        """
        self._rows, self._columns = (_spread(length) for length in grid.shape)
        measured = _measured(grid, self._rows, self._columns)
        self._hectares = None if measured is None else measured / SQUARE_METRES_PER_HECTARE

    @property
    def known(self) -> bool:
        """False where the CRS lies on no known ellipsoid."""
        return self._hectares is not None

    def window(self, row: int, column: int, shape: tuple[int, int]) -> Array:
        """Hectares of each pixel of a window, (height, width); 1 each where they are not known.

        Args:
            row: First row.
            column: First column.
            shape: Shape in pixels `(height, width)`.
        """
        if self._hectares is None:
            return np.ones(shape)
        down = _weights(self._rows, np.arange(row, row + shape[0]))
        across = _weights(self._columns, np.arange(column, column + shape[1]))
        return np.asarray(down @ self._hectares @ across.T)


def _spread(length: int) -> Array:
    """Pixels along one side, the first and the last among them."""
    return np.unique(np.linspace(0, length - 1, min(length, _NODES)).round().astype(np.int64))


def _weights(nodes: Array, places: Array) -> Array:
    """Weights (places, nodes) of linear interpolation."""
    return np.stack([np.interp(places, nodes, unit) for unit in np.eye(len(nodes))], axis=1)


def _measured(grid: Grid, rows: Array, columns: Array) -> Array | None:
    """Square metres (rows, columns) of pixels; None where there is no ellipsoid or no pixel has a place on it."""
    crs = grid.pyproj_crs
    geod: Geod | None = crs.get_geod()
    if geod is None or crs.geodetic_crs is None:
        return None
    steps = np.arange(_PARTS) / _PARTS
    zeros, ones = np.zeros(_PARTS), np.ones(_PARTS)
    # Once around the pixel: along its first row, down its last column, and back.
    around_x = np.concatenate([steps, ones, 1 - steps, zeros])
    around_y = np.concatenate([zeros, steps, ones, 1 - steps])
    down, across = np.meshgrid(rows, columns, indexing="ij")
    column = across[..., np.newaxis] + around_x
    row = down[..., np.newaxis] + around_y
    a, b, c, d, e, f = grid.transform
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    longitude, latitude = to_degrees.transform(a * column + b * row + c, d * column + e * row + f)
    found = np.full(down.shape, np.nan)
    for place in np.ndindex(*down.shape):
        area = abs(geod.polygon_area_perimeter(longitude[place], np.clip(latitude[place], -90, 90))[0])
        if np.isfinite(area):
            found[place] = area
    return _filled(found)


def _filled(found: Array) -> Array | None:
    """Gives pixels outside the projection, which nobody maps, the area of the next one in their row or column."""
    if not np.isfinite(found).any():
        return None
    filled = found.copy()
    for lines in (filled, filled.T):
        for line in lines:
            known = np.isfinite(line)
            if known.any() and not known.all():
                line[~known] = np.interp(np.flatnonzero(~known), np.flatnonzero(known), line[known])
    return filled
