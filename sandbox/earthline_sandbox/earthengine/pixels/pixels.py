"""Lazy pixels: a band is a function from a grid to values and a mask, called only when an answer needs it."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.pixels.alignment import aligned
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.errors import invalid

Array = npt.NDArray[Any]

# A window of source pixels beyond this many is read in parts, so that zooming out cannot exhaust memory.
_WINDOW_PIXELS = 16_000_000
_REPROJECTED_PIXELS = 400_000_000
_MEMO_BYTES = 256 * 2**20
_local = threading.local()


class Pixels(NamedTuple):
    """The pixels of one band on one grid.

    Attributes:
        values: Shape `(height, width)` and, for array pixels, their axes after those.
        mask: Shape `(height, width)`: bool, or float32 from 0 to 1 where it is fractional.
    """

    values: Array
    mask: Array


Source = Callable[[Grid], Pixels]


@dataclass(frozen=True)
class PixelType:
    """What values a band may hold.

    Attributes:
        precision: `int`, `float` or `double`.
        minimum: Least value, or None where it is not limited.
        maximum: Greatest value, or None.
        dimensions: Axes of an array pixel; 0 for numbers.
    """

    precision: str
    minimum: float | None = None
    maximum: float | None = None
    dimensions: int = 0

    @classmethod
    def of_dtype(cls, dtype: str) -> "PixelType":
        """The type of every value of a NumPy dtype."""
        kind = np.dtype(dtype)
        if kind.kind == "b":
            return BOOLEAN
        if kind.kind in "iu":
            info = np.iinfo(kind)
            return cls("int", int(info.min), int(info.max))
        return cls("double" if kind.itemsize > 4 else "float")

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest NumPy dtype that holds the range."""
        return _smallest(self.precision, self.minimum, self.maximum)

    def union(self, other: "PixelType") -> "PixelType":
        """The narrowest type that holds the values of both."""
        order = ("int", "float", "double")
        precision = order[max(order.index(self.precision), order.index(other.precision))]
        low = None if None in (self.minimum, other.minimum) else min(self.minimum or 0, other.minimum or 0)
        high = None if None in (self.maximum, other.maximum) else max(self.maximum or 0, other.maximum or 0)
        return PixelType(precision, low, high, max(self.dimensions, other.dimensions))

    def converted(self, values: Array) -> Array:
        """Values as this type stores them: integers cut towards zero and held to the range."""
        dtype = self.dtype
        if values.dtype == dtype:
            return values
        if self.precision == "int" and values.dtype.kind == "f":
            info = np.iinfo(dtype)
            # float64 cannot hold the greatest int64: the one below it can.
            high = float(np.nextafter(float(info.max), 0)) if dtype == np.int64 else float(info.max)
            values = np.clip(np.trunc(np.nan_to_num(values, nan=0.0)), float(info.min), high)
        return values.astype(dtype)

    def to_json(self) -> dict[str, Any]:
        """As `getInfo` shows it."""
        shown: dict[str, Any] = {"type": "PixelType", "precision": self.precision}
        if self.minimum is not None and math.isfinite(self.minimum):
            shown["min"] = self.minimum
        if self.maximum is not None and math.isfinite(self.maximum):
            shown["max"] = self.maximum
        if self.dimensions:
            shown["dimensions"] = self.dimensions
        return shown


@lru_cache(maxsize=1_024)
def _smallest(precision: str, minimum: float | None, maximum: float | None) -> np.dtype[Any]:
    if precision != "int":
        return np.dtype("float32" if precision == "float" else "float64")
    low = -(2**63) if minimum is None else minimum
    high = 2**63 - 1 if maximum is None else maximum
    for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32"):
        info = np.iinfo(name)
        if info.min <= low and high <= info.max:
            return np.dtype(name)
    return np.dtype("int64")


BOOLEAN = PixelType("int", 0, 1)
FLOAT = PixelType("float")
DOUBLE = PixelType("double")
BYTE = PixelType("int", 0, 255)


@dataclass(frozen=True, eq=False)
class Band:
    """One named layer.

    Attributes:
        name: Band id.
        pixel_type: What its values may be.
        projection: Its default projection.
        source: Where its pixels come from.
        size: `(height, width)` in pixels of the default projection; None where it has no edges.
        origin: `(row, column)` of the first pixel in that projection.
        constant: True for bands made from numbers alone; they give way to the projection of any other.
        composite: True where the projection is only the default of Earth Engine, EPSG:4326 at one degree.
    """

    name: str
    pixel_type: PixelType
    projection: Projection
    source: Source = field(repr=False)
    size: tuple[int, int] | None = None
    origin: tuple[int, int] = (0, 0)
    constant: bool = False

    def fetch(self, grid: Grid, *, ragged: bool = False) -> Pixels:
        """The pixels on a grid; computed once per grid within one `sharing` block.

        Args:
            grid: Where.
            ragged: Whether array pixels may differ in shape, which makes them an array of arrays.

        Raises:
            ApiError: INVALID_ARGUMENT where they differ and must not.
        """
        if not self.constant:
            computation.expect(grid.size * self.pixel_type.dtype.itemsize)
        with sharing() as memo:
            pixels = memo.get(self.source, grid)
        if pixels.values.dtype == object and not ragged:
            raise invalid(f"The array pixels of band '{self.name}' must all have the same shape here; arrayPad helps.")
        return pixels

    def number(self, name: str) -> "Band":
        """The same; raises ApiError, with the function's name, where its pixels are arrays."""
        if self.pixel_type.dimensions:
            raise invalid(f"{name}: Band '{self.name}' must hold numbers, but its pixels are arrays.")
        return self

    def renamed(self, name: str) -> "Band":
        """The same band by another name."""
        return replace(self, name=name)

    def derived(self, source: Source, pixel_type: PixelType | None = None, name: str | None = None) -> "Band":
        """A band computed from this one, pixel for pixel."""
        return replace(
            self, source=source, pixel_type=pixel_type or self.pixel_type, name=self.name if name is None else name
        )


class _Memo:
    """Pixels already computed for a grid, least recently used first out beyond a number of bytes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, Grid], tuple[Source, Pixels]] = OrderedDict()
        self._bytes = 0

    def get(self, source: Source, grid: Grid) -> Pixels:
        key = (id(source), grid)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found[1]
        pixels = source(grid)
        computation.hold(*pixels)
        # The source is kept beside its pixels, so that no other source can take over its id meanwhile.
        self._kept[key] = (source, pixels)
        self._bytes += _held(pixels)
        while self._bytes > _MEMO_BYTES and len(self._kept) > 1:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._bytes -= _held(dropped)
        return pixels


def _held(pixels: Pixels) -> int:
    return pixels.values.nbytes + pixels.mask.nbytes


@contextmanager
def sharing() -> Iterator[_Memo]:
    """Within it, a band that several others need is computed once per grid."""
    memo: _Memo | None = getattr(_local, "memo", None)
    if memo is not None:
        yield memo
        return
    _local.memo = memo = _Memo()
    try:
        yield memo
    finally:
        del _local.memo


def combined(*masks: Array) -> Array:
    """The least of several masks, pixel by pixel."""
    result = masks[0]
    for mask in masks[1:]:
        if mask is not result:
            result = np.logical_and(result, mask) if result.dtype == mask.dtype == bool else np.minimum(result, mask)
    return result


def blank(shape: tuple[int, int], pixel_type: PixelType) -> Pixels:
    """Masked pixels."""
    return Pixels(np.zeros(shape + (1,) * pixel_type.dimensions, pixel_type.dtype), np.zeros(shape, dtype=bool))


def boxed(values: Array, axes: int = 2) -> Array:
    """The same values as an array of arrays, of so many axes."""
    if values.dtype == object:
        return values
    boxes = np.empty(math.prod(values.shape[:axes]), object)
    for place, item in enumerate(values.reshape((len(boxes), *values.shape[axes:]))):
        boxes[place] = item
    return boxes.reshape(values.shape[:axes])


def constant_band(name: str, value: Any, pixel_type: PixelType) -> Band:
    """A band with the same value everywhere, in Earth Engine's default projection."""
    array = np.asarray(value, pixel_type.dtype)

    def source(grid: Grid) -> Pixels:
        return Pixels(np.broadcast_to(array, grid.shape + array.shape), np.broadcast_to(np.True_, grid.shape))

    return Band(name, pixel_type, Projection(), source, constant=True)


def pull(
    grid: Grid,
    projection: Projection,
    read: Source,
    pixel_type: PixelType,
    size: tuple[int, int] | None = None,
) -> Pixels:
    """Samples pixels of another projection at the pixel centres of a grid: the nearest, as Earth Engine's default.

    Args:
        grid: Pixels wanted.
        projection: Pixel plane that the source lives in.
        read: Gives any window of that plane.
        pixel_type: Type of the values.
        size: `(height, width)` of the source, if it has edges; beyond them everything is masked.
    """
    found = aligned(grid, projection, size)
    if not found.shape[0]:
        return blank(grid.shape, pixel_type)
    pixels = found.shape[0] * found.shape[1]
    if pixels > max(_WINDOW_PIXELS, 4 * grid.size) and grid.size > 1:
        if pixels > _REPROJECTED_PIXELS:
            raise invalid(f"Reprojection output too large ({found.shape[1]}x{found.shape[0]} pixels).")
        return _pull_halves(grid, projection, read, pixel_type, size)
    window = read(projection.grid(found.top, found.left, found.shape))
    mask = found.of(window.mask, grid)
    return Pixels(found.of(window.values, grid), mask if found.inside is None else combined(mask, found.inside))


def _pull_halves(
    grid: Grid, projection: Projection, read: Source, pixel_type: PixelType, size: tuple[int, int] | None
) -> Pixels:
    *halves, axis = grid.halves()
    parts = [pull(half, projection, read, pixel_type, size) for half in halves]
    values = [part.values for part in parts]
    if values[0].shape[2:] != values[1].shape[2:] or values[0].dtype != values[1].dtype:
        known = [part.values for part in parts if bool((part.mask > 0).any())]
        if len(known) == 2:
            values = [boxed(value) for value in values]
        elif known:
            # A half without a valid pixel does not know how long its arrays would be.
            fill = known[0]
            values = [
                value if value is fill else np.zeros(value.shape[:2] + fill.shape[2:], fill.dtype) for value in values
            ]
    return Pixels(np.concatenate(values, axis), np.concatenate([part.mask for part in parts], axis))
