"""Pixel grids: where a patch, a tile or a whole map lies, to the pixel."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from affine import Affine
from pyproj import CRS, Transformer

from earthline.grid.crs import GridError, is_code, known_crs, require_whole

Box = tuple[float, float, float, float]
"""(west, south, east, north) in degrees; west of an east that is smaller where it goes over the antimeridian."""
_UNITS = {"metre": "m", "meter": "m", "degree": "degrees", "foot": "feet", "US survey foot": "US survey feet"}
_SNAP = 1e-6
"""Share of a pixel within which an edge counts as one between pixels: rounding does not add a row."""


@dataclass(frozen=True)
class Grid:
    """A raster's placement. Pixel (row 0, column 0) has its outer corner at the transform's translation.

    Attributes:
        crs: Authority code such as `EPSG:32119`, or WKT.
        transform: Pixel to CRS coordinates in Earth Engine's order: (scaleX, shearX, translateX, shearY, scaleY,
            translateY), in the units of the CRS.
        shape: Size in pixels `(height, width)`.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]
    shape: tuple[int, int]

    @property
    def affine(self) -> Affine:
        """The transform as rasterio takes it (the order of the six numbers is the same)."""
        return Affine(*self.transform)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) of the outer corners, in CRS units."""
        height, width = self.shape
        corners = [self.affine @ corner for corner in ((0, 0), (width, 0), (0, height), (width, height))]
        xs, ys = zip(*corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def window(self, row: int, column: int, shape: tuple[int, int]) -> "Grid":
        """The grid of `shape` pixels whose first pixel is this grid's (row, column); may reach outside."""
        a, b, c, d, e, f = self.transform
        return Grid(
            self.crs,
            (a, b, c + a * column + b * row, d, e, f + d * column + e * row),
            shape,
        )

    def coarser(self, step: int) -> "Grid":
        """The same ground in pixels `step` times as large; the last ones may reach outside."""
        a, b, c, d, e, f = self.transform
        return Grid(
            self.crs,
            (a * step, b * step, c, d * step, e * step, f),
            (math.ceil(self.shape[0] / step), math.ceil(self.shape[1] / step)),
        )

    def thinned(self, pixels: int) -> "Grid":
        """The same ground in about `pixels` larger pixels; the grid itself where it has no more than that."""
        return self.coarser(max(1, math.ceil(math.sqrt(math.prod(self.shape) / pixels))))

    def pixel(self, x: float, y: float) -> tuple[int, int]:
        """(row, column) of the pixel that holds a point given in CRS coordinates."""
        column, row = ~self.affine @ (x, y)
        return int(row // 1), int(column // 1)

    def center(self, row: int, column: int) -> tuple[float, float]:
        """(x, y) of a pixel's centre in CRS coordinates."""
        x, y = self.affine @ (column + 0.5, row + 0.5)
        return float(x), float(y)

    def tiles(self, shape: tuple[int, int]) -> Iterator[tuple[int, int, tuple[int, int]]]:
        """(row, column, shape) of the tiles that cover the grid exactly; those at its far edges are smaller."""
        height, width = self.shape
        for row in range(0, height, shape[0]):
            for column in range(0, width, shape[1]):
                yield row, column, (min(shape[0], height - row), min(shape[1], width - column))

    @property
    def pyproj_crs(self) -> CRS:
        """The CRS as pyproj and rasterio take it. Raises GridError where PROJ does not know it."""
        return known_crs(self.crs)

    @property
    def pixel_told(self) -> str:
        """Width and height of a pixel with their unit, such as `10 x 10 m`."""
        unit = self.pyproj_crs.axis_info[0].unit_name if self.pyproj_crs.axis_info else "unit"
        sides = f"{abs(self.transform[0]):g} x {abs(self.transform[4]):g}"
        return f"{sides} {_UNITS.get(unit, f'{unit}s')}"

    @property
    def crs_name(self) -> str:
        """The CRS in a few words, for captions: its code, or the name in its WKT, or that of its projection."""
        if is_code(self.crs):
            return self.crs
        crs = self.pyproj_crs
        if crs.name != "unknown" or crs.coordinate_operation is None:
            return str(crs.name)
        return str(crs.coordinate_operation.method_name)

    def project(self, box: Box) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) in CRS units of a rectangle in degrees, its edges followed at 21 points.

        Raises:
            GridError: The CRS does not cover it.
        """
        west, south, east, north = box
        if west > east:
            east += 360
        require_whole(self.crs, west, south, east, north)
        transformer = Transformer.from_crs("EPSG:4326", self.pyproj_crs, always_xy=True)
        left, bottom, right, top = transformer.transform_bounds(west, south, east, north, densify_pts=21)
        if not all(map(math.isfinite, (left, bottom, right, top))):
            raise GridError(f"{_shown(box)} cannot be expressed in {self.crs_name}; choose a `data.crs` that covers it")
        return left, bottom, right, top

    def crop(self, box: Box) -> "Grid":
        """The part of the grid that a rectangle in degrees touches.

        Raises:
            GridError: They share nothing.
        """
        left, bottom, right, top = self.project(box)
        corners = [~self.affine @ corner for corner in ((left, top), (right, top), (left, bottom), (right, bottom))]
        columns, rows = zip(*corners, strict=True)
        return self.cut((min(columns), min(rows), max(columns), max(rows)), _shown(box))

    def cut(self, bounds: tuple[float, float, float, float], told: str) -> "Grid":
        """The part of the grid that a rectangle touches.

        Args:
            bounds: (left, top, right, bottom) in this grid's pixels, x = column and y = row.
            told: The rectangle in a few words, for the error.

        Raises:
            GridError: They share nothing.
        """
        left, top, right, bottom = bounds
        first = max(0, math.floor(top)), max(0, math.floor(left))
        last = min(self.shape[0], math.ceil(bottom)), min(self.shape[1], math.ceil(right))
        if last[0] <= first[0] or last[1] <= first[1]:
            raise GridError(f"{told} lies outside the imagery; move it, or leave it out to use the image's footprint")
        return self.window(*first, (last[0] - first[0], last[1] - first[1]))

    def covering(self, bounds: tuple[float, float, float, float]) -> "Grid":
        """The pixels of the endless grid, of which this one is a part, that a rectangle touches.

        Args:
            bounds: (left, top, right, bottom) in this grid's pixels, x = column and y = row; may lie anywhere.
        """
        left, top, right, bottom = bounds
        row, column = math.floor(top + _SNAP), math.floor(left + _SNAP)
        last = math.ceil(bottom - _SNAP), math.ceil(right - _SNAP)
        return self.window(row, column, (max(1, last[0] - row), max(1, last[1] - column)))

    def to_request(self) -> dict[str, Any]:
        """The `grid` of Earth Engine's `image:computePixels`, whose dimensions are (width, height)."""
        names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
        # https://developers.google.com/earth-engine/reference/rest/v1/PixelGrid: a code or WKT, each in its own field.
        return {
            "dimensions": {"width": self.shape[1], "height": self.shape[0]},
            "affineTransform": dict(zip(names, self.transform, strict=True)),
            "crsCode" if is_code(self.crs) else "crsWkt": self.crs,
        }

    def to_json(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        return {"crs": self.crs, "transform": list(self.transform), "shape": list(self.shape)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Grid":
        """The grid that `to_json` wrote."""
        a, b, c, d, e, f = (float(number) for number in value["transform"])
        height, width = value["shape"]
        return cls(str(value["crs"]), (a, b, c, d, e, f), (int(height), int(width)))


def _shown(box: Box) -> str:
    return f"({', '.join(f'{number:g}' for number in box)})"
