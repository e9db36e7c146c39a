"""How much ground each class covers: on the ellipsoid, whatever the map's projection does to areas."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyproj import Geod, Transformer

from earthline.formats.examples import UNLABELLED
from earthline.grid import Grid

Array = np.ndarray[Any, Any]

SQUARE_METRES_PER_HECTARE = 10_000
_NODES = 97
"""Most pixels along each side of a map that are measured; between them area changes little and smoothly."""
_PARTS = 4
"""A pixel's edge is measured in this many straight pieces: large pixels have curved edges."""


@dataclass(frozen=True)
class ClassArea:
    """One class on the map.

    Attributes:
        name: Of the class.
        color: #rrggbb.
        pixels: Mapped pixels.
        share: Of all mapped pixels' ground, 0 to 1.
        hectares: On the ellipsoid; None where the CRS lies on no known ellipsoid.
    """

    name: str
    color: str
    pixels: int
    share: float
    hectares: float | None


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


class Coverage:
    """Pixels and ground by class id, counted block after block.

    Attributes:
        pixels: By class id.
        masked: Pixels without a class.
        unknown: Pixels of an id that no class has.
    """

    def __init__(self, grid: Grid, classes: int) -> None:
        """Begins with nothing.

        Args:
            grid: Of the map.
            classes: Number of classes; other ids are no class.
        """
        self._areas = PixelAreas(grid)
        self._classes = classes
        self.pixels = np.zeros(classes, np.int64)
        self.masked = 0
        self.unknown = 0
        self._ground = np.zeros(classes)

    def add(self, row: int, column: int, class_ids: Array) -> None:
        """Counts a block.

        Args:
            row: Its first row on the grid.
            column: Its first column.
            class_ids: uint8 (height, width).
        """
        mapped = class_ids < self._classes
        masked = int((class_ids == UNLABELLED).sum())
        self.masked += masked
        self.unknown += class_ids.size - masked - int(mapped.sum())
        chosen = class_ids[mapped]
        hectares = self._areas.window(row, column, (class_ids.shape[0], class_ids.shape[1]))[mapped]
        self.pixels += np.bincount(chosen, minlength=self._classes)
        self._ground += np.bincount(chosen, weights=hectares, minlength=self._classes)

    def by_class(self, names: Sequence[str], colors: Sequence[str]) -> list[ClassArea]:
        """The areas by class id.

        Args:
            names: By class id.
            colors: By class id.
        """
        total = float(self._ground.sum())
        return [
            ClassArea(
                name,
                color,
                int(self.pixels[class_id]),
                float(self._ground[class_id]) / total,
                float(self._ground[class_id]) if self._areas.known else None,
            )
            for class_id, (name, color) in enumerate(zip(names, colors, strict=True))
        ]


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
