"""Regions: rectangles in longitude and latitude, and outlines from files and tables."""

from abc import ABC
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PrivateAttr,
    SerializeAsAny,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from earthline.config.section import AssetId, Number, Section
from earthline.outlines import files, shapes
from earthline.outlines.shapes import OutlineError


class Region(Section, ABC):
    """Where to work: a rectangle, or an outline."""

    @property
    def shape(self) -> BaseGeometry | None:
        """Polygons in degrees, beyond 180 where they go over the antimeridian; None where Earth Engine alone knows."""
        raise NotImplementedError


class BoundingBox(Region):
    """A rectangle in longitude and latitude (EPSG:4326)."""

    model_config = ConfigDict(title="rectangle")

    west: Number = Field(ge=-180, le=180, description="Western edge in degrees.")
    south: Number = Field(ge=-90, le=90, description="Southern edge in degrees.")
    east: Number = Field(
        ge=-180, le=180, description="Eastern edge in degrees; less than `west` for a region across the antimeridian."
    )
    north: Number = Field(ge=-90, le=90, description="Northern edge in degrees.")

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.south >= self.north:
            raise ValueError(f"south {self.south} must lie south of north {self.north}; swap them")
        if self.west == self.east:
            raise ValueError(f"west {self.west} and east {self.east} are the same, so there is no area; move one")
        width = (self.east - self.west) % 360
        if self.west > self.east and width > 180:
            raise ValueError(
                f"west {self.west} lies east of east {self.east}, which means a region across the antimeridian, "
                f"{width:g} degrees wide; swap them if that is not meant"
            )
        return self

    @property
    def degrees(self) -> tuple[float, float, float, float]:
        """(west, south, east, north); west of an east that is smaller where it goes over the antimeridian."""
        return self.west, self.south, self.east, self.north

    @property
    def shape(self) -> BaseGeometry:
        """The rectangle in degrees, beyond 180 where it goes over the antimeridian."""
        return box(self.west, self.south, self.east + (360 if self.west > self.east else 0), self.north)

    def overlaps(self, other: "BoundingBox") -> bool:
        """True where the two rectangles share any area."""
        mine, theirs = self.shape.bounds, other.shape.bounds
        beside = any(mine[0] < theirs[2] + turn and theirs[0] + turn < mine[2] for turn in (-360.0, 0.0, 360.0))
        return beside and self.south < other.north and other.south < self.north


class Outline(Region):
    """Polygons, with holes and several parts: from a file, an Earth Engine table, or written out.

    A file is read when the config is. What stays here is its geometry, so that its content counts and not its name.
    """

    model_config = ConfigDict(title="outline")

    file: str | None = Field(
        default=None,
        min_length=1,
        description="Vector file (GeoJSON, GeoPackage, shapefile, KML), relative to the config's folder.",
    )
    layer: str | None = Field(default=None, min_length=1, description="Layer of the file; left out, its only one.")
    table: AssetId | None = Field(default=None, description="Id of an Earth Engine table.")
    where: dict[str, str | int | float | tuple[str | int | float, ...]] = Field(
        default_factory=dict,
        description="Attributes and their value, or a list of values: only features that have them count.",
    )
    simplify: Number | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Metres by which the outline may move, so that it has fewer corners.",
    )
    geometry: dict[str, Any] | None = Field(
        default=None, description="GeoJSON Polygon or MultiPolygon in longitude and latitude."
    )
    _shape: BaseGeometry | None = PrivateAttr(default=None)
    _notes: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _is_read(self, info: ValidationInfo) -> Self:
        given = [key for key in ("file", "table", "geometry") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError("give one of `file`, `table` and `geometry`, or `west`, `south`, `east` and `north`")
        if self.layer is not None and self.file is None:
            raise ValueError("`layer` goes with `file`; remove it")
        if self.where and self.geometry is not None:
            raise ValueError("`where` goes with `file` or `table`; remove it")
        notes: list[str] = []
        try:
            if self.file is not None:
                folder = Path((info.context or {}).get("folder", "."))
                shape, notes = files.read(folder / self.file, self.layer, self.where, self.simplify)
            elif self.geometry is not None:
                shape = shapes.read(self.geometry, notes)
            else:
                return self
        except OutlineError as error:
            raise ValueError(str(error)) from error
        # The section is frozen for those who use it; here it is still in the making.
        self.__dict__.update(file=None, layer=None, where={}, simplify=None, geometry=shapes.as_geojson(shape))
        self._shape, self._notes = shape, tuple(notes)
        return self

    @property
    def shape(self) -> BaseGeometry | None:
        """Polygons in degrees, beyond 180 where they go over the antimeridian; None for a table."""
        return self._shape

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed when the file was read, a sentence each."""
        return self._notes


def meant(content: Any) -> type[Region]:
    """The kind of region that the keys of a section mean."""
    outlines = set(Outline.model_fields) & set(content) if isinstance(content, dict) else ()
    return Outline if outlines else BoundingBox


def _read(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, Region):
        return value
    if isinstance(value, str):
        raise ValueError(f"'{value[:60]}' stands where a section is meant; write `{{file: {value[:60]}}}` for a file")
    return meant(value).model_validate(value, context=info.context)


class _Schema:
    """The JSON schema of either kind."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(kind.__pydantic_core_schema__) for kind in (BoundingBox, Outline)]}


AnyRegion = Annotated[SerializeAsAny[Region], BeforeValidator(_read), _Schema()]
"""A rectangle where `west` and the others are given, else an outline."""
