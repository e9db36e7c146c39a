"""Pixel grids, projections, and the arithmetic that carries pixels from one to another."""

import math
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
from affine import Affine

from earthline_sandbox.errors import invalid

FloatArray = npt.NDArray[Any]
Transform = tuple[float, float, float, float, float, float]

IDENTITY: Transform = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
WGS84 = "EPSG:4326"
METERS_PER_DEGREE = 111319.49079327358

# Earth Engine knows these codes; PROJ does not.
_EXTRA_CODES = {
    "SR-ORG:6974": "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs",
    "SR-ORG:6627": "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs",
}
# Shares of a pixel that the origin of a request is rounded to, and how many pixels from that of its CRS it may lie.
_PARTS = 2**20
_FARTHEST = 2.0**30
# Pixel coordinates this near an edge count as on it, so that rounding cannot depend on how a request was tiled.
_SNAP = 1e-6
_LOOKUPS_KEPT = 8
_LONGEST_CRS = 50_000
_CODE = re.compile(r"[A-Za-z][\w-]*:[\w.-]+", re.ASCII)
_WKT = re.compile(r"\s*[A-Za-z_0-9]+\s*[\[(]")
_local = threading.local()


@lru_cache(maxsize=256)
def crs_of(text: str) -> pyproj.CRS:
    """The coordinate reference system of an authority code or WKT.

    Raises:
        ApiError: INVALID_ARGUMENT, in Earth Engine's words, where PROJ cannot read it.
    """
    try:
        return pyproj.CRS.from_user_input(_EXTRA_CODES.get(text, text))
    except pyproj.exceptions.CRSError as error:
        raise invalid(f"Projection: The CRS of a map projection could not be parsed: '{text}'.") from error


@lru_cache(maxsize=256)
def same_crs(first: str, second: str) -> bool:
    """Whether two texts name the same coordinate reference system, axis order aside."""
    return first == second or crs_of(first).equals(crs_of(second), ignore_axis_order=True)


def transformer(source: str, target: str) -> pyproj.Transformer:
    """A cached transformer of (x, y) = (longitude, latitude) pairs; one per thread, as PROJ objects are not shared."""
    cache: dict[tuple[str, str], pyproj.Transformer] = _local.__dict__.setdefault("transformers", {})
    key = (source, target)
    if key not in cache:
        if len(cache) > 64:
            cache.clear()
        cache[key] = pyproj.Transformer.from_crs(crs_of(source), crs_of(target), always_xy=True)
    return cache[key]


@lru_cache(maxsize=256)
def linear_unit(crs: str) -> float:
    """Metres per unit of a coordinate reference system, a degree being measured on the equator."""
    system = crs_of(crs)
    factor = float(system.axis_info[0].unit_conversion_factor) if system.axis_info else 1.0
    return factor * 6378137.0 if system.is_geographic else factor


@dataclass(frozen=True)
class Projection:
    """A coordinate reference system and the transform from pixels to it.

    Attributes:
        crs: Authority code or WKT.
        transform: Pixel to CRS, in Earth Engine's order
            (scaleX, shearX, translateX, shearY, scaleY, translateY).
    """

    crs: str = WGS84
    transform: Transform = IDENTITY

    @property
    def affine(self) -> Affine:
        """The transform for `affine`'s operators."""
        return Affine(*self.transform)

    def located(self, column: Any, row: Any) -> tuple[Any, Any]:
        """(x, y) in CRS units of positions in the pixel plane; numbers or arrays."""
        a, b, c, d, e, f = self.transform
        return a * column + b * row + c, d * column + e * row + f

    def position(self, x: Any, y: Any) -> tuple[Any, Any]:
        """(column, row) in the pixel plane of places in CRS units; numbers or arrays."""
        a, b, c, d, e, f = self.transform
        determinant = a * e - b * d
        x, y = x - c, y - f
        return (e * x - b * y) / determinant, (a * y - d * x) / determinant

    @property
    def nominal_scale(self) -> float:
        """Metres per pixel at the point of true scale."""
        a, b, _, d, e, _ = self.transform
        return math.sqrt(abs(a * e - b * d)) * linear_unit(self.crs)

    def scaled(self, x: float, y: float) -> "Projection":
        """The same projection with pixels `x` by `y` times as large."""
        a, b, c, d, e, f = self.transform
        return replace(self, transform=(a * x, b * y, c, d * x, e * y, f))

    def at_scale(self, meters: float) -> "Projection":
        """The same projection with pixels of that many metres."""
        if not meters > 0 or not math.isfinite(meters):
            raise invalid(f"Projection.atScale: The scale must be a positive number of metres, got {meters}.")
        factor = meters / self.nominal_scale
        return self.scaled(factor, factor)

    def grid(self, row: int, column: int, shape: tuple[int, int]) -> "Grid":
        """The window of this projection's endless pixel plane that starts at that row and column."""
        a, b, c, d, e, f = self.transform
        x = c + a * column + b * row
        y = f + d * column + e * row
        return Grid(self.crs, (a, b, x, d, e, y), shape, self, (row, column))


@dataclass(frozen=True)
class Grid:
    """A rectangle of pixels on the ground.

    Attributes:
        crs: Authority code or WKT.
        transform: Pixel to CRS, in Earth Engine's order.
        shape: Size in pixels `(height, width)`.
        anchor: The projection that this grid is a window of. Windows of one anchor compute the coordinates of a
            shared pixel identically, bit for bit.
        offset: `(row, column)` of the first pixel in the anchor's pixel plane.
    """

    crs: str
    transform: Transform
    shape: tuple[int, int]
    anchor: Projection | None = None
    offset: tuple[int, int] = (0, 0)

    @classmethod
    def from_request(cls, grid: Mapping[str, Any]) -> "Grid":
        """The grid of a REST `PixelGrid`.

        Raises:
            ApiError: INVALID_ARGUMENT where dimensions or transform are missing or not usable.
        """
        dimensions = grid.get("dimensions") or {}
        try:
            shape = (int(dimensions.get("height", 0)), int(dimensions.get("width", 0)))
            given = grid.get("affineTransform") or {}
            transform = (
                float(given.get("scaleX", 0)),
                float(given.get("shearX", 0)),
                float(given.get("translateX", 0)),
                float(given.get("shearY", 0)),
                float(given.get("scaleY", 0)),
                float(given.get("translateY", 0)),
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise invalid(f"Invalid value for field 'grid': {error}.") from error
        if shape[0] <= 0 or shape[1] <= 0:
            raise invalid("Invalid value for field 'grid.dimensions': width and height must be positive.")
        if not all(math.isfinite(term) for term in transform):
            raise invalid("Invalid value for field 'grid.affineTransform': the terms must be finite.")
        if transform[0] * transform[4] == transform[1] * transform[3]:
            raise invalid("Invalid value for field 'grid.affineTransform': the transform is not invertible.")
        crs = _requested_crs(grid.get("crsCode"), grid.get("crsWkt"))
        return cls(crs, transform, shape, *_plane(crs, transform))

    @property
    def projection(self) -> Projection:
        """The grid's own pixel plane, origin at its first pixel."""
        return Projection(self.crs, self.transform)

    @property
    def affine(self) -> Affine:
        """The transform for `affine`'s operators."""
        return Affine(*self.transform)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in CRS units."""
        height, width = self.shape
        corners = [self.projection.located(*corner) for corner in ((0, 0), (width, 0), (0, height), (width, height))]
        xs, ys = zip(*corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def window(self, row: int, column: int, shape: tuple[int, int]) -> "Grid":
        """A window of this grid; it may reach beyond its edges."""
        anchor = self.anchor or self.projection
        return anchor.grid(self.offset[0] + row, self.offset[1] + column, shape)

    def padded(self, top: int, left: int, bottom: int, right: int) -> "Grid":
        """This grid with that many pixels more at each side."""
        height, width = self.shape
        return self.window(-top, -left, (height + top + bottom, width + left + right))

    def tiles(self, side: int) -> list[tuple[int, int, "Grid"]]:
        """(row, column, window) of blocks of at most `side` by `side` pixels, row by row."""
        height, width = self.shape
        return [
            (row, column, self.window(row, column, (min(side, height - row), min(side, width - column))))
            for row in range(0, height, side)
            for column in range(0, width, side)
        ]

    def halves(self) -> tuple["Grid", "Grid", int]:
        """Two windows that make up this grid, and the axis (0: rows; the longer one) along which they lie."""
        height, width = self.shape
        if height >= width:
            cut = height // 2
            return self.window(0, 0, (cut, width)), self.window(cut, 0, (height - cut, width)), 0
        cut = width // 2
        return self.window(0, 0, (height, cut)), self.window(0, cut, (height, width - cut)), 1

    def axes(self) -> tuple[FloatArray, FloatArray]:
        """(columns, rows) of the pixel centres, counted in the anchor's pixel plane."""
        height, width = self.shape
        row, column = self.offset
        return np.arange(column, column + width) + 0.5, np.arange(row, row + height) + 0.5

    def centres(self) -> tuple[FloatArray, FloatArray]:
        """(x, y) of every pixel centre in CRS units, each of the grid's shape."""
        a, b, c, d, e, f = (self.anchor or self.projection).transform
        columns, rows = self.axes()
        x = c + a * columns[None, :] + b * rows[:, None]
        y = f + d * columns[None, :] + e * rows[:, None]
        return np.broadcast_to(x, self.shape), np.broadcast_to(y, self.shape)

    def centres_of(self, rows: FloatArray, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(x, y) of some pixel centres in CRS units, the same to the bit as among all `centres`.

        Args:
            rows: Rows of this grid, shape `(n,)`.
            columns: Columns of it, shape `(n,)`.
        """
        a, b, c, d, e, f = (self.anchor or self.projection).transform
        all_columns, all_rows = self.axes()
        across, down = all_columns[columns], all_rows[rows]
        return c + a * across + b * down, f + d * across + e * down

    def coordinates(self, crs: str) -> tuple[FloatArray, FloatArray]:
        """(x, y) of every pixel centre in another CRS, each of the grid's shape; infinite where there is none.

        The last few answers are kept per thread, as all bands of an image ask the same.
        """
        kept: OrderedDict[tuple[Grid, str], tuple[FloatArray, FloatArray]]
        kept = _local.__dict__.setdefault("coordinates", OrderedDict())
        key = (self, crs)
        if key not in kept:
            x, y = self.centres()
            if not same_crs(self.crs, crs):
                x, y = transformer(self.crs, crs).transform(x, y)
            kept[key] = (np.asarray(x), np.asarray(y))
            while len(kept) > _LOOKUPS_KEPT or (len(kept) > 1 and sum(g.size for g, _ in kept) > 4_000_000):
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]

    def positions(self, target: Projection) -> tuple[FloatArray, FloatArray]:
        """Where the pixel centres fall in another projection's pixel plane.

        Returns:
            (columns, rows), fractional. One-dimensional (of the width and of the height) where the two grids are
            parallel, else both of the grid's shape.
        """
        a, b, c, d, e, f = target.transform
        anchor = self.anchor or self.projection
        sheared = b or d or anchor.transform[1] or anchor.transform[3]
        if not sheared and same_crs(self.crs, target.crs):
            columns, rows = self.axes()
            if (anchor.transform[0], anchor.transform[4]) == (a, e):
                # The same pixel size: add the offset last, so that whole offsets stay exact.
                return _snapped(columns + _snapped((anchor.transform[2] - c) / a)), _snapped(
                    rows + _snapped((anchor.transform[5] - f) / e)
                )
            return (
                _snapped((columns * anchor.transform[0] + (anchor.transform[2] - c)) / a),
                _snapped((rows * anchor.transform[4] + (anchor.transform[5] - f)) / e),
            )
        x, y = self.coordinates(target.crs)
        with np.errstate(invalid="ignore"):
            columns, rows = target.position(x, y)
            return _snapped(columns), _snapped(rows)


def is_wkt(crs: str) -> bool:
    """Whether a CRS is named by WKT and not by a code."""
    return _WKT.match(crs) is not None


def _requested_crs(code: Any, wkt: Any) -> str:
    """The CRS of a `PixelGrid`, whose two fields take one form each: `EPSG:32632` or `SR-ORG:6974`, and WKT.

    Source: https://developers.google.com/earth-engine/reference/rest/v1/PixelGrid.

    Raises:
        ApiError: INVALID_ARGUMENT where both are given, or one holds the other's form.
    """
    for field, given in (("crsCode", code), ("crsWkt", wkt)):
        if given is not None and not isinstance(given, str):
            raise invalid(f"Invalid value for field 'grid.{field}': {given!r} is not a string.")
    if code and wkt:
        raise invalid("Invalid value for field 'grid': 'crsCode' and 'crsWkt' exclude each other.")
    crs = str(code or wkt or WGS84)
    if len(crs) > _LONGEST_CRS or (code and not _CODE.fullmatch(crs)) or (wkt and not is_wkt(crs)):
        raise invalid(
            f"Projection: The CRS of a map projection could not be parsed: '{crs[:300]}'. Field 'grid.crsCode' takes "
            "codes such as EPSG:32632, field 'grid.crsWkt' takes WKT."
        )
    crs_of(crs)
    return crs


def _plane(crs: str, transform: Transform) -> tuple[Projection | None, tuple[int, int]]:
    """The pixel plane that a client's grid is a window of, and where (row, column) it begins there.

    The plane begins within a pixel of the origin of the CRS, at a whole part of one. Requests that tile a region thus
    share one plane whatever rounding the client's arithmetic did to their origins, and each pixel's coordinates.
    """
    a, b, c, d, e, f = transform
    if b or d or abs(c / a) > _FARTHEST or abs(f / e) > _FARTHEST:
        return None, (0, 0)
    column, across = divmod(round(c / a * _PARTS), _PARTS)
    row, down = divmod(round(f / e * _PARTS), _PARTS)
    return Projection(crs, (a, 0.0, a * (across / _PARTS), 0.0, e, e * (down / _PARTS))), (row, column)


def _snapped(positions: Any) -> Any:
    """Moves positions that are within rounding of a whole number of half pixels onto it."""
    doubled = np.rint(np.multiply(positions, 2)) / 2
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(positions - doubled) < _SNAP, doubled, positions)
