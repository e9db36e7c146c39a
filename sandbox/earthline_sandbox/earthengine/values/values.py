"""What an expression can be: images, collections, features, geometries and the small values between them."""

import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.pixels.geodesics import moved
from earthline_sandbox.earthengine.pixels.grid import IDENTITY, WGS84, Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, boxed, sharing
from earthline_sandbox.errors import invalid

__all__ = [
    "Array",
    "ArrayValue",
    "Band",
    "Collection",
    "Date",
    "DateRange",
    "ErrorMargin",
    "Feature",
    "Function",
    "Geometry",
    "Image",
    "Join",
    "Kernel",
    "LazySequence",
    "Model",
    "PixelType",
    "Pixels",
    "Projection",
]

LONLAT = Projection()
INDEX = "system:index"
ID = "system:id"
VERSION = "system:version"
FOOTPRINT = "system:footprint"
# Side of the tiles that a large request is computed in: bounds memory, and gives every core its share.
_TILE = 512
# A tile alone is cut into strips of no fewer pixels than this, so that every core has one.
_STRIP_PIXELS = 2**16
TIME_START = "system:time_start"


@dataclass(frozen=True)
class Geometry:
    """A geometry in the pixel plane of a projection, which for the identity transform is the CRS itself.

    Attributes:
        shape: Coordinates as (x, y), longitude first.
        projection: What the coordinates mean.
        geodesic: Whether edges are the shortest lines on the globe; else they are straight in the projection.
    """

    shape: BaseGeometry
    projection: Projection = LONLAT
    geodesic: bool = True

    def __post_init__(self) -> None:
        """Has GEOS compute what it keeps of a shape of several parts, so that threads only read what they share."""
        if self.shape.geom_type.startswith(("Multi", "Geometry")):
            shapely.bounds(self.shape)

    def in_crs(self, crs: str) -> BaseGeometry:
        """The shape in units of a CRS; edges that are not straight there gain points, and its seam cuts them."""
        shape = self.shape
        if self.projection.transform != IDENTITY:
            own = self.projection
            shape = shapely.transform(shape, lambda xy: np.column_stack(own.located(xy[:, 0], xy[:, 1])))
        return moved(shape, self.projection.crs, crs, geodesic=self.geodesic)

    def lonlat(self) -> BaseGeometry:
        """The shape in degrees."""
        return self.in_crs(WGS84)

    def to_json(self) -> dict[str, Any]:
        """GeoJSON with Earth Engine's additions."""
        shown: dict[str, Any] = _lists(mapping(self.shape))
        if not self.geodesic and "Point" not in shown["type"]:
            shown["geodesic"] = False
        if self.projection.crs != WGS84 or self.projection.transform != IDENTITY:
            shown["crs"] = {"type": "name", "properties": {"name": self.projection.crs}}
        return shown


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Date:
    """A moment, in milliseconds since 1970."""

    milliseconds: float

    def moment(self) -> datetime:
        """The same as a datetime in UTC."""
        try:
            return datetime.fromtimestamp(self.milliseconds / 1000, UTC)
        except (OverflowError, OSError, ValueError) as error:
            raise invalid(f"Date: {self.milliseconds} milliseconds is outside the years 1 to 9999.") from error


@dataclass(frozen=True)
class DateRange:
    """From `start` until just before `end`, in milliseconds since 1970."""

    start: float
    end: float


@dataclass(frozen=True)
class ErrorMargin:
    """How far a geometry may be off."""

    value: float | None = None
    unit: str = "meters"


@dataclass(frozen=True, eq=False)
class ArrayValue:
    """An `ee.Array`."""

    data: Array


class Function(Protocol):
    """An algorithm: a client's lambda, or a parsed expression."""

    names: Sequence[str]

    def __call__(self, *arguments: Any) -> Any:
        """Applies it to positional arguments."""


# About what a member of a collection takes, in bytes, with its properties and its place.
_MEMBER_BYTES = 1_024


class LazySequence(Sequence[Any]):
    """Elements computed when first looked at, and kept; safe to share between threads."""

    def __init__(self, elements: Iterable[Any]) -> None:
        """Takes any iterable; it is consumed once."""
        self._kept: list[Any] = []
        self._rest: Iterator[Any] | None = iter(elements)
        self._failure: BaseException | None = None
        self._charge = computation.Charge()
        self._lock = threading.RLock()

    def _reach(self, count: int | None) -> None:
        with self._lock:
            while self._rest is not None and (count is None or len(self._kept) < count):
                if self._failure is not None:
                    # An iterator that failed once says that it is at its end.
                    raise self._failure
                computation.check()
                try:
                    self._kept.append(next(self._rest))
                    self._charge.add(_MEMBER_BYTES)
                except StopIteration:
                    self._rest = None
                except BaseException as error:
                    self._failure = error
                    raise

    def __iter__(self) -> Iterator[Any]:
        """Goes through all elements."""
        position = 0
        while True:
            self._reach(position + 1)
            if position >= len(self._kept):
                return
            yield self._kept[position]
            position += 1

    def __len__(self) -> int:
        """Computes all elements."""
        self._reach(None)
        return len(self._kept)

    def __getitem__(self, index: Any) -> Any:
        """Computes elements up to the index."""
        self._reach(index + 1 if isinstance(index, int) and index >= 0 else None)
        return self._kept[index]


@dataclass(frozen=True, eq=False, kw_only=True)
class Element:
    """Anything with properties.

    Attributes:
        properties: Name to value; `system:index` is the id within a collection.
    """

    properties: Mapping[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """A property, or None where there is none."""
        return self.properties.get(name)

    def with_properties(self, changes: Mapping[str, Any]) -> Any:
        """The same element with more, or other, properties."""
        return replace(self, properties={**self.properties, **changes})


@dataclass(frozen=True, eq=False, kw_only=True)
class Feature(Element):
    """Properties at a place.

    Attributes:
        geometry: Where, if anywhere.
    """

    geometry: Geometry | None = None

    @property
    def id(self) -> str | None:
        """The id within its collection."""
        return self.properties.get(INDEX)


@dataclass(frozen=True, eq=False, kw_only=True)
class Image(Element):
    """Bands with properties.

    Attributes:
        bands: Layers, in order.
        id: Asset id, where it is an asset's own image.
        version: The asset's version.
        footprint: What it covers; None where it is not bounded.
    """

    bands: tuple[Band, ...] = ()
    id: str | None = None
    version: int | None = None
    footprint: Geometry | None = None

    def get(self, name: str) -> Any:
        """A property, or what the image knows of itself as `system:id`, `system:version` and `system:footprint`."""
        found = super().get(name)
        if found is None and name in (ID, VERSION):
            return self.id if name == ID else self.version
        return self.outline if found is None and name == FOOTPRINT else found

    @property
    def outline(self) -> Geometry | None:
        """The footprint as Earth Engine shows it, a ring; None for composites, which have no pixels of their own."""
        footprint = self.footprint
        if footprint is None or not isinstance(footprint.shape, shapely.Polygon):
            return None
        if not self.bands or self.bands[0].size is None:
            return None
        return replace(footprint, shape=shapely.LinearRing(footprint.shape.exterior.coords))

    @property
    def names(self) -> list[str]:
        """Band ids, in order."""
        return [band.name for band in self.bands]

    def band(self, name: str) -> Band:
        """The band of that id; raises ApiError INVALID_ARGUMENT where there is none."""
        for band in self.bands:
            if band.name == name:
                return band
        raise invalid(
            f"Image.select: Band pattern '{name}' did not match any bands. Available bands: {self.shown_names()}"
        )

    def shown_names(self) -> str:
        """Band ids as Earth Engine's messages list them."""
        return "[" + ", ".join(self.names) + "]"

    def with_bands(self, bands: Iterable[Band]) -> "Image":
        """The same image with other bands."""
        return replace(self, bands=tuple(bands))

    def fetch(self, grid: Grid, names: Sequence[str] | None = None, *, ragged: bool = False) -> list[Pixels]:
        """The pixels of its bands on a grid.

        Args:
            grid: Where.
            names: Bands wanted, in that order; all by default.
            ragged: Whether array pixels may differ in shape.

        Returns:
            `(values, mask)` for each band.

        Raises:
            ApiError: INVALID_ARGUMENT where arrays differ in shape and must not.
        """
        bands = self.bands if names is None else [self.band(name) for name in names]
        found = self._fetched(bands, grid)
        for band, pixels in zip(bands, found, strict=True):
            if pixels.values.dtype == object and not ragged:
                raise invalid(
                    f"The array pixels of band '{band.name}' must all have the same shape here; arrayPad helps."
                )
        return found

    def _fetched(self, bands: Sequence[Band], grid: Grid) -> list[Pixels]:
        tiles = _tiles(grid)
        if len(tiles) == 1 or not bands:
            return _fetched(bands, grid)
        result: list[Pixels] = []
        with ThreadPoolExecutor(min(len(tiles), os.cpu_count() or 1), "tiles") as pool:
            fetched = pool.map(computation.carried(partial(_fetched, bands)), [tile for _, _, tile in tiles])
            for (row, column, tile), parts in zip(tiles, fetched, strict=True):
                if not result:
                    result = [_allocated(grid, part) for part in parts]
                block = (slice(row, row + tile.shape[0]), slice(column, column + tile.shape[1]))
                for index, part in enumerate(parts):
                    result[index] = _placed(result[index], part, block)
        return result


def _tiles(grid: Grid) -> list[tuple[int, int, Grid]]:
    """(row, column, window) of what is computed at a time."""
    tiles = grid.tiles(_TILE)
    height, width = grid.shape
    strips = min(os.cpu_count() or 1, grid.size // _STRIP_PIXELS, height)
    if len(tiles) > 1 or strips < 2:
        return tiles
    rows = [height * number // strips for number in range(strips + 1)]
    return [(top, 0, grid.window(top, 0, (bottom - top, width))) for top, bottom in pairwise(rows)]


def _fetched(bands: Sequence[Band], grid: Grid) -> list[Pixels]:
    computation.check()
    with sharing():
        return [band.fetch(grid, ragged=True) for band in bands]


def _allocated(grid: Grid, part: Pixels) -> Pixels:
    shape = grid.shape + part.values.shape[2:]
    computation.expect(math.prod(shape) * part.values.itemsize)
    whole = Pixels(np.zeros(shape, part.values.dtype), np.zeros(grid.shape, part.mask.dtype))
    computation.hold(*whole)
    return whole


def _placed(whole: Pixels, part: Pixels, block: tuple[slice, slice]) -> Pixels:
    """Writes a tile into the whole; a tile with a fractional mask turns the whole's into one."""
    values, mask = whole
    if mask.dtype != part.mask.dtype:
        mask = mask.astype("float32")
    new = part.values
    if (values.dtype == object) != (new.dtype == object) or values.shape[2:] != new.shape[2:]:
        # A tile without a valid pixel does not know how long its arrays would be.
        if not bool((part.mask > 0).any()):
            return Pixels(values, mask)
        if bool((mask > 0).any()):
            values, new = boxed(values), boxed(new)
        else:
            values = np.zeros(values.shape[:2] + new.shape[2:], new.dtype)
    values[block], mask[block] = new, part.mask
    return Pixels(values, mask)


@dataclass(frozen=True, eq=False, kw_only=True)
class Collection(Element):
    """Images, features, or collections in an order.

    Attributes:
        elements: The members.
        kind: `ImageCollection` or `FeatureCollection`: what an empty one is.
        id: Asset id, where it is an asset's own collection.
        version: The asset's version.
    """

    elements: Sequence[Any] = ()
    kind: str = "FeatureCollection"
    id: str | None = None
    version: int | None = None

    def get(self, name: str) -> Any:
        """A property, or what the collection knows of its asset as `system:id` and `system:version`."""
        found = super().get(name)
        if found is None and name in (ID, VERSION):
            return self.id if name == ID else self.version
        return found

    def __iter__(self) -> Iterator[Any]:
        """Goes through the members."""
        return iter(self.elements)

    def with_elements(self, elements: Iterable[Any]) -> "Collection":
        """The same collection with other members, computed when needed."""
        return replace(self, elements=LazySequence(elements), id=None, version=None)

    def with_part(self, elements: Iterable[Any]) -> "Collection":
        """The same collection with some of its members, in any order; it is still the asset's own."""
        return replace(self, elements=LazySequence(elements))

    def features(self, function: str) -> Iterator[Feature]:
        """Its members, each proven to be a feature."""
        for element in self.elements:
            if not isinstance(element, Feature):
                raise invalid(f"{function}: Expected a collection of features, found an element of type Image.")
            yield element

    def images(self, function: str) -> Iterator[Image]:
        """Its members, each proven to be an image."""
        for element in self.elements:
            if not isinstance(element, Image):
                raise invalid(f"{function}: Expected a collection of images, found an element of type Feature.")
            yield element


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights around a pixel.

    Attributes:
        weights: Shape `(height, width)`.
        centre: `(row, column)` of the pixel itself within them.
        at_scale: For kernels measured in metres: makes the kernel for pixels of so many metres.
    """

    weights: Array | None = None
    centre: tuple[int, int] = (0, 0)
    at_scale: "Callable[[float], Kernel] | None" = None

    def resolved(self, grid: Grid) -> tuple[Array, tuple[int, int]]:
        """(weights, centre) in pixels of a grid."""
        kernel = self.at_scale(grid.projection.nominal_scale) if self.at_scale is not None else self
        if kernel.weights is None:
            raise invalid("Kernel: a kernel must have weights.")
        return kernel.weights, kernel.centre


@dataclass(frozen=True, eq=False)
class Join:
    """How to pair the elements of two collections.

    Attributes:
        kind: `simple`, `inverted`, `inner`, `saveAll`, `saveFirst` or `saveBest`.
        options: The arguments of its constructor.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Model:
    """The arguments of `Model.fromVertexAi`, as given; None where they were not.

    Attributes:
        endpoint: Resource name of a Vertex AI endpoint.
        input_properties: Image properties sent with every tile.
        input_type_override: Band name to type in which it is sent.
        input_shapes: Band name to shape of an array pixel.
        proj: Projection of the tiles.
        fix_input_proj: Whether tiles stay in `proj` whatever the output asks for.
        input_tile_size: (width, height) of a tile, without overlap, in pixels.
        input_overlap_size: (width, height) of the total overlap, in pixels.
        output_tile_size: (width, height) of an answer, in pixels.
        output_bands: Band name to `{"type": PixelType, "dimensions": axes}`.
        output_properties: Property name to `{"type": …, "dimensions": …}`.
        output_multiplier: Answer bytes per request byte, at most.
        max_payload_bytes: Size of one request, in bytes.
        payload_format: Such as `SERIALIZED_TF_TENSORS`.
    """

    endpoint: str
    input_properties: Sequence[str] | None = None
    input_type_override: Mapping[str, PixelType] | None = None
    input_shapes: Mapping[str, Sequence[int]] | None = None
    proj: Projection | None = None
    fix_input_proj: bool | None = None
    input_tile_size: Sequence[int] | None = None
    input_overlap_size: Sequence[int] | None = None
    output_tile_size: Sequence[int] | None = None
    output_bands: Mapping[str, Mapping[str, Any]] | None = None
    output_properties: Mapping[str, Mapping[str, Any]] | None = None
    output_multiplier: float | None = None
    max_payload_bytes: int | None = None
    payload_format: str | None = None
