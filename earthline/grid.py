"""Pixel grids: where a patch, a tile or a whole map lies, to the pixel."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from affine import Affine


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

    def to_request(self) -> dict[str, Any]:
        """The `grid` of Earth Engine's `image:computePixels`, whose dimensions are (width, height)."""
        names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
        return {
            "dimensions": {"width": self.shape[1], "height": self.shape[0]},
            "affineTransform": dict(zip(names, self.transform, strict=True)),
            "crsCode": self.crs,
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
