"""The `data` section: which imagery, which labels, where, on which grid."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from earthline.config.section import Number, Section, WholeNumber
from earthline.grid import Grid, GridError, known_crs

DataType = Literal["uint8", "uint16", "int16", "float32"]
CloudMask = Literal["none", "sentinel2_scl", "sentinel2_cloud_score", "landsat_qa"]
Composite = Literal["median", "mean", "mosaic", "first"]
RESERVED_PREFIX = "earthline_"
"""Bands of Earthline's own, such as validity and label, begin like this; an imagery band must not."""
MOST_PIXELS = 10**11
"""Largest grid: 3,000 km a side at 10 m. More is a mistake of units, and nothing could hold the plan."""
_CLOUD_PROPERTIES = {"COPERNICUS/S2": "CLOUDY_PIXEL_PERCENTAGE", "NASA/HLS/": "CLOUD_COVERAGE"}
"""By the beginning of the collection's id, from the catalogue's pages."""
METRES_PER_DEGREE = 111_320
"""Of the equator."""
_DEGREES_AT_MOST = 1.0
"""Largest scale in degrees: a pixel of 111 km. Whoever writes more means metres."""


def _one_line(name: str) -> str:
    if not all(character.isprintable() for character in name):
        raise ValueError(f"{name!r} holds a line break or another invisible character; write the name on one line")
    return name.strip()


ClassName = Annotated[str, AfterValidator(_one_line)]
"""Printable text without spaces around it."""
AssetId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-/.]+$", max_length=1024)]


def _as_text(value: Any) -> Any:
    # YAML reads an unquoted 2021-04-01 as a date; a time of day would not match the pattern and is refused.
    return value.isoformat() if isinstance(value, date) else value


def _is_in_calendar(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text} is no day of the calendar ({error}); write YYYY-MM-DD") from error
    return text


Date = Annotated[str, BeforeValidator(_as_text), AfterValidator(_is_in_calendar), Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class BoundingBox(Section):
    """A rectangle in longitude and latitude (EPSG:4326)."""

    west: Number = Field(ge=-180, le=180, description="Western edge in degrees.")
    south: Number = Field(ge=-90, le=90, description="Southern edge in degrees.")
    east: Number = Field(ge=-180, le=180, description="Eastern edge in degrees.")
    north: Number = Field(ge=-90, le=90, description="Northern edge in degrees.")

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.west >= self.east or self.south >= self.north:
            raise ValueError(
                f"west {self.west} must lie west of east {self.east}, and south {self.south} south of "
                f"north {self.north}; swap them (a region across the antimeridian needs two workflows)"
            )
        return self

    @property
    def degrees(self) -> tuple[float, float, float, float]:
        """(west, south, east, north)."""
        return self.west, self.south, self.east, self.north

    def overlaps(self, other: "BoundingBox") -> bool:
        """True where the two rectangles share any area."""
        return (
            self.west < other.east and other.west < self.east and self.south < other.north and other.south < self.north
        )


class Imagery(Section):
    """Pixels that the model sees, in training and in prediction alike."""

    image: AssetId | None = Field(default=None, description="Id of one image asset; or give `collection`.")
    collection: AssetId | None = Field(default=None, description="Id of an image collection; or give `image`.")
    bands: tuple[str, ...] = Field(min_length=1, description="Band names, in the order that the model sees.")
    start: Date | None = Field(default=None, description="First day of a collection's images, YYYY-MM-DD.")
    end: Date | None = Field(default=None, description="Day after the last one, YYYY-MM-DD.")
    cloud_mask: CloudMask = Field(
        default="none",
        description="How cloudy pixels are masked: `sentinel2_scl` by the scene classification, "
        "`sentinel2_cloud_score` by Cloud Score+ (cs_cdf), `landsat_qa` by QA_PIXEL.",
    )
    max_cloud_percent: Number | None = Field(
        default=None, ge=0, le=100, description="Leave out scenes with more cloud than this, in percent."
    )
    cloud_property: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Property of the scenes that holds their share of cloud in percent; left out, "
        "CLOUDY_PIXEL_PERCENTAGE for Sentinel-2, CLOUD_COVERAGE for HLS, CLOUD_COVER for others.",
    )
    composite: Composite = Field(default="median", description="How a collection becomes one image.")
    data_type: DataType = Field(default="uint16", description="Type in which patches are stored and sent.")

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.image is None) == (self.collection is None):
            raise ValueError("give exactly one of `image` (one asset) and `collection` (a composite is made of it)")
        if self.collection is not None and (self.start is None or self.end is None):
            raise ValueError("a collection needs `start` and `end`, such as 2021-01-01 and 2022-01-01")
        if self.start and self.end and self.start >= self.end:
            raise ValueError(f"start {self.start} must be before end {self.end}")
        if self.image is not None and (self.cloud_mask != "none" or self.max_cloud_percent is not None):
            raise ValueError("`cloud_mask` and `max_cloud_percent` apply to a `collection`; remove them or give one")
        if self.cloud_property is not None and self.max_cloud_percent is None:
            raise ValueError("`cloud_property` is read for `max_cloud_percent` alone; give that too, or remove it")
        return self

    @field_validator("bands")
    @classmethod
    def _are_distinct(cls, bands: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({band for band in bands if bands.count(band) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}; each band once")
        reserved = [band for band in bands if band.startswith(RESERVED_PREFIX)]
        if reserved:
            raise ValueError(
                f"{', '.join(reserved)}: names that begin with `{RESERVED_PREFIX}` are Earthline's own; rename the "
                "band in the asset"
            )
        return bands

    @property
    def asset(self) -> str:
        """The id of whichever source is given."""
        return self.image or self.collection or ""

    @property
    def cloud_share_property(self) -> str:
        """Property of the scenes that holds their share of cloud in percent."""
        if self.cloud_property is not None:
            return self.cloud_property
        known = (name for prefix, name in _CLOUD_PROPERTIES.items() if self.asset.startswith(prefix))
        return next(known, "CLOUD_COVER")


class LabelClass(Section):
    """One class of the map. Its class id is its place in the list, from 0."""

    name: ClassName = Field(min_length=1, max_length=60, description="Name in maps and metrics.")
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$", description="Colour in maps, as #rrggbb.")
    values: tuple[WholeNumber, ...] = Field(
        min_length=1, description="Values of the label raster that mean this class."
    )


class Labels(Section):
    """Ground truth."""

    image: AssetId | None = Field(default=None, description="Id of a label image; or give `collection`.")
    collection: AssetId | None = Field(default=None, description="Id of a collection whose mosaic holds the labels.")
    band: str = Field(description="Band that holds the values.")
    classes: tuple[LabelClass, ...] = Field(min_length=2, max_length=255, description="Classes of the map, in order.")
    ignore: tuple[WholeNumber, ...] = Field(default=(), description="Values of the label raster that mean no label.")
    offset: tuple[WholeNumber, WholeNumber] = Field(
        default=(0, 0),
        description="Known misregistration of the labels in pixels (rows, columns): the label of imagery pixel "
        "(r, c) is read at (r + rows, c + columns).",
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.image is None) == (self.collection is None):
            raise ValueError("give exactly one of `image` and `collection`")
        seen: dict[int, str] = {}
        names: dict[str, str] = {}
        for described in self.classes:
            # Names that differ by case alone cannot be told apart in a legend.
            folded = described.name.casefold()
            if folded in names:
                raise ValueError(
                    f"class '{described.name}' stands twice (also as '{names[folded]}'); merge their `values` into one"
                )
            names[folded] = described.name
            for value in described.values:
                if value in seen:
                    raise ValueError(
                        f"label value {value} belongs to '{seen[value]}' and to '{described.name}'; keep it in one"
                    )
                seen[value] = described.name
        both = sorted(set(self.ignore) & set(seen))
        if both:
            raise ValueError(f"label values {both} stand in `ignore` and in a class; keep them in one")
        return self

    @property
    def asset(self) -> str:
        """The id of whichever source is given."""
        return self.image or self.collection or ""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names by class id."""
        return tuple(described.name for described in self.classes)

    @property
    def colors(self) -> tuple[str, ...]:
        """Colours (#rrggbb) by class id."""
        return tuple(described.color for described in self.classes)


class Data(Section):
    """Imagery, labels, region and grid."""

    imagery: Imagery
    labels: Labels
    region: BoundingBox | None = Field(
        default=None, description="Where to work; left out, the footprint of a single image asset."
    )
    crs: str | None = Field(
        default=None,
        pattern=r"^EPSG:\d+$",
        description="CRS of patches and map; left out, the image's own grid.",
    )
    scale: Number | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Size of a pixel in units of the CRS: metres, or degrees for one like EPSG:4326; goes with `crs`.",
    )

    @field_validator("crs")
    @classmethod
    def _is_known(cls, crs: str | None) -> str | None:
        if crs is not None:
            try:
                known_crs(crs)
            except GridError as error:
                raise ValueError(f"{crs} is no CRS that PROJ knows; look its code up at epsg.io") from error
            described = known_crs(crs)
            if len(described.axis_info) != 2 or not (described.is_projected or described.is_geographic):
                raise ValueError(
                    f"{crs} ({described.name}) is no map projection and no pair of longitude and latitude; use such a "
                    "CRS, as EPSG:4326 or the UTM zone of the region"
                )
        return crs

    @model_validator(mode="after")
    def _has_a_grid(self) -> Self:
        if (self.crs is None) != (self.scale is None):
            raise ValueError("`crs` and `scale` go together: give both, or neither to use the image's own grid")
        if self.imagery.collection is not None:
            missing = [key for key in ("crs", "region") if getattr(self, key) is None]
            if missing:
                raise ValueError(
                    f"a collection has no grid of its own: give {' and '.join(f'`{key}`' for key in missing)}"
                    " (such as crs: EPSG:32633, scale: 10)"
                )
        if self.crs is not None and self.scale is not None:
            self._require_sane_scale(self.crs, self.scale)
        return self

    def _require_sane_scale(self, crs: str, scale: float) -> None:
        """Refuses metres where the CRS counts degrees and the other way round, while that is easy to mend."""
        described = known_crs(crs)
        unit = described.axis_info[0].unit_name if described.axis_info else "unit"
        if described.is_geographic and scale > _DEGREES_AT_MOST:
            raise ValueError(
                f"scale {scale:g}: {crs} counts degrees, so a pixel would be {scale:g} degrees wide; for {scale:g} m "
                f"write {scale / METRES_PER_DEGREE:.2g}, or choose a CRS in metres such as the region's UTM zone"
            )
        if self.region is None:
            return
        region = self.region
        try:
            left, bottom, right, top = Grid(crs, (scale, 0.0, 0.0, 0.0, -scale, 0.0), (1, 1)).project(region.degrees)
        except GridError as error:
            raise ValueError(f"region: {error}") from error
        pixels = (right - left) * (top - bottom) / scale**2
        if pixels > MOST_PIXELS:
            raise ValueError(
                f"scale {scale:g}: {crs} counts in {unit}s, so the region would be {(top - bottom) / scale:,.0f} x "
                f"{(right - left) / scale:,.0f} pixels; use a larger scale (such as 10 for 10 {unit}s) or a smaller "
                "region"
            )
        if pixels < 1:
            raise ValueError(
                f"scale {scale:g}: {crs} counts in {unit}s, so the whole region would be less than one pixel; use a "
                "smaller scale or a larger region"
            )
