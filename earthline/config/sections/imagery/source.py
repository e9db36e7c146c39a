"""One source of imagery: an image, a collection that becomes one, or one that is ready by name."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, SerializeAsAny, field_validator, model_validator

from earthline.config.section import AssetId, Date, Number, Section, WholeNumber
from earthline.config.sections.imagery.bands import AnyBand, Band, require_usable
from earthline.config.sections.imagery.filters import AnyFilter
from earthline.config.sections.imagery.function import AnyFunction
from earthline.config.sections.imagery.ready import AnyReady, read
from earthline.config.sections.imagery.time import AnyTime, Step, suffixes

CloudMask = Literal["none", "sentinel2_scl", "sentinel2_cloud_score", "landsat_qa"]
Composite = Literal["median", "mean", "mosaic", "first", "min", "max", "percentile", "medoid", "quality_mosaic"]
Resample = Literal["nearest", "bilinear", "bicubic", "mean", "mode"]
_CLOUD_PROPERTIES = {"COPERNICUS/S2": "CLOUDY_PIXEL_PERCENTAGE", "NASA/HLS/": "CLOUD_COVERAGE"}
"""By the beginning of the collection's id, from the catalogue's pages."""
_OF_A_COLLECTION = ("max_cloud_percent", "filters", "time", "percentile", "quality_band")
"""Keys that say nothing of a single image."""


def _read_fill(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("write a number, or the `name` of another source")
    return value


AnyFill = Annotated[
    Annotated[Number, Field(allow_inf_nan=False)] | str,
    BeforeValidator(_read_fill, json_schema_input_type=float | str),
]
"""What stands where a source has no value."""


def _bands_may_be_left_out(schema: dict[str, Any]) -> None:
    """A ready source has bands of its own."""
    schema["required"] = [key for key in schema.get("required", []) if key != "bands"]
    schema["anyOf"] = [{"required": ["bands"]}, {"required": ["ready"]}]


class Source(Section):
    """One source of pixels.

    Things are done in this order: images are chosen, clouds masked, values resampled, the composite made, values
    rescaled, gaps filled, bands named.
    """

    image: AssetId | None = Field(default=None, description="Id of one image asset; or give `collection` or `ready`.")
    collection: AssetId | None = Field(
        default=None, description="Id of an image collection; or give `image` or `ready`."
    )
    ready: SerializeAsAny[AnyReady] | None = Field(
        default=None, description="Name of a source that is ready; or give `image` or `collection`."
    )
    function: AnyFunction | None = Field(
        default=None,
        description="Function of your own that makes an ee.Image, as FILE.py:NAME relative to the config's folder; or "
        "give one of the above.",
    )
    bands: tuple[AnyBand, ...] = Field(
        min_length=1, description="Band names, in the order that the model sees; or {band: B4, as: red}."
    )
    prefix: str = Field(default="", max_length=60, description="Put before the names of all bands.")
    name: str | None = Field(
        default=None, min_length=1, max_length=60, description="What `fill` of another source calls this one."
    )
    start: Date | None = Field(default=None, description="First day of a collection's images, YYYY-MM-DD.")
    end: Date | None = Field(default=None, description="Day after the last one, YYYY-MM-DD.")
    year: WholeNumber | None = Field(default=None, ge=1950, le=2100, description="A whole year, for `start` and `end`.")
    filters: dict[str, AnyFilter] = Field(
        default={},
        description="Properties that a collection's images must have: a value, a list of values, or lt, lte, gt, gte "
        "and in.",
    )
    cloud_mask: CloudMask = Field(
        default="none",
        description="How cloudy pixels are masked, of a single image too: `sentinel2_scl` by its band SCL (scene "
        "classification), `sentinel2_cloud_score` by Cloud Score+ (cs_cdf), `landsat_qa` by its band QA_PIXEL.",
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
    composite: Composite = Field(
        default="median",
        description="How a collection becomes one image: `medoid` takes the image nearest to the median of all bands, "
        "`quality_mosaic` the one with the highest `quality_band`, `percentile` the value at `percentile`.",
    )
    percentile: Number | None = Field(default=None, ge=0, le=100, description="Of `composite: percentile`, in percent.")
    quality_band: str | None = Field(
        default=None, min_length=1, description="Band of the source by which `composite: quality_mosaic` chooses."
    )
    resample: Resample = Field(
        default="nearest",
        description="How pixels come onto the grid: `bilinear` and `bicubic` between them where the source is coarser, "
        "`mean` and `mode` over all within a pixel where the source is finer.",
    )
    multiply: Number = Field(default=1, allow_inf_nan=False, description="Factor of all values.")
    add: Number = Field(default=0, allow_inf_nan=False, description="Added to all values, after `multiply`.")
    fill: AnyFill | None = Field(
        default=None,
        description="What stands where the source has no value: a number, in final units, or the `name` of another "
        "source, whose bands of the same names (before `prefix`) are taken there, all of a pixel together.",
    )
    only_fills: bool = Field(
        default=False,
        strict=True,
        description="Whether the source is there for the `fill` of others alone: its bands are then none of the stack.",
    )
    time: AnyTime | None = Field(
        default=None, description="Equal steps in time: a composite for each, with bands B4_t00, B4_t01 …"
    )

    model_config = ConfigDict(json_schema_extra=_bands_may_be_left_out)

    @model_validator(mode="before")
    @classmethod
    def _as_usual(cls, content: Any) -> Any:
        """What a ready source takes where the config says nothing else."""
        if not isinstance(content, Mapping) or content.get("ready") is None:
            return content
        try:
            ready = read(content["ready"])
        except ValueError:
            return {"bands": ("-",), **content}  # what is wrong is said at the key
        return {"bands": ready.BANDS, **ready.USUAL, **content}

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [each for each in (self.image, self.collection, self.ready, self.function) if each is not None]
        if len(given) != 1:
            raise ValueError(
                "give exactly one of `image` (one asset), `collection` (a composite is made of it), `ready` (a "
                "collection by name) and `function` (Python of your own)"
            )
        if self.year is not None and (self.start or self.end):
            raise ValueError("`year` stands for `start` and `end`; give it, or the two")
        if self._needs_dates and self.span is None:
            raise ValueError("a collection needs `start` and `end`, such as 2021-01-01 and 2022-01-01, or `year`")
        if self.start and self.end and self.start >= self.end:
            raise ValueError(f"start {self.start} must be before end {self.end}")
        if self.image is not None or self.function is not None:
            said = [key for key in _OF_A_COLLECTION if getattr(self, key) not in (None, {})]
            if said:
                listed = " and ".join(f"`{key}`" for key in said)
                verb, them = ("applies", "it") if len(said) == 1 else ("apply", "them")
                raise ValueError(
                    f"{listed} {verb} to a `collection`, of which images are chosen; remove {them}, or name a "
                    f"`collection` in place of `{'image' if self.image is not None else 'function'}`"
                )
        if self.cloud_property is not None and self.max_cloud_percent is None:
            raise ValueError("`cloud_property` is read for `max_cloud_percent` alone; give that too, or remove it")
        for key, composite in (("percentile", "percentile"), ("quality_band", "quality_mosaic")):
            if (getattr(self, key) is not None) != (self.composite == composite):
                raise ValueError(f"`{key}` and `composite: {composite}` go together: give both, or neither")
        self._require_ready_bands()
        return self

    @field_validator("bands")
    @classmethod
    def _are_usable(cls, bands: tuple[str | Band, ...]) -> tuple[str | Band, ...]:
        require_usable([named(band) for band in bands])
        return bands

    def _require_ready_bands(self) -> None:
        if self.ready is None:
            return
        self.ready.collections(*(self.span or (None, None)))
        known = (*self.ready.BANDS, *self.ready.MORE_BANDS)
        unknown = [band for band in self.taken if band not in known]
        if unknown:
            raise ValueError(f"bands: {', '.join(unknown)} not in {self.ready.name}, which has {', '.join(known)}")

    @property
    def _needs_dates(self) -> bool:
        return self.collection is not None or (self.ready is not None and self.ready.DATED)

    @property
    def span(self) -> tuple[str, str] | None:
        """First day and the day after the last one; None where no dates are given."""
        if self.year is not None:
            return f"{self.year}-01-01", f"{self.year + 1}-01-01"
        return (self.start, self.end) if self.start is not None and self.end is not None else None

    @property
    def collections(self) -> tuple[str, ...]:
        """Ids of the collections that it takes; none for an image."""
        if self.collection is not None:
            return (self.collection,)
        return self.ready.collections(*(self.span or (None, None))) if self.ready is not None else ()

    @property
    def assets(self) -> tuple[str, ...]:
        """Ids of all that it reads."""
        if self.function is not None:
            return (*self.function.images, *self.function.collections)
        return (self.image,) if self.image is not None else self.collections

    @property
    def asset(self) -> str:
        """What messages call it."""
        return self.function.name if self.function is not None else ", ".join(self.assets)

    @property
    def taken(self) -> tuple[str, ...]:
        """Bands by their names in the source."""
        return tuple(band if isinstance(band, str) else band.band for band in self.bands)

    @property
    def plain(self) -> tuple[str, ...]:
        """The same bands by the names that the config gives them, without `prefix` and steps in time."""
        return tuple(named(band) for band in self.bands)

    @property
    def names(self) -> tuple[str, ...]:
        """The same bands by their names in the stack, without steps in time."""
        return tuple(self.prefix + name for name in self.plain)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Its steps in time; none where it has no `time`."""
        return self.time.split(*self.span) if self.time is not None and self.span is not None else ()

    @property
    def stacked(self) -> tuple[str, ...]:
        """Names of all its bands in the stack: those of a step together, one step after the other."""
        if self.time is None:
            return self.names
        return tuple(f"{name}{suffix}" for suffix in suffixes(len(self.steps)) for name in self.names)

    @property
    def by_step(self) -> Mapping[str, tuple[str, ...]]:
        """Bands of each step by their common name; none where it has no `time`."""
        if self.time is None:
            return {}
        return {name: tuple(f"{name}{suffix}" for suffix in suffixes(len(self.steps))) for name in self.names}

    @property
    def cloud_share_property(self) -> str:
        """Property of the scenes that holds their share of cloud in percent."""
        if self.cloud_property is not None:
            return self.cloud_property
        known = (name for prefix, name in _CLOUD_PROPERTIES.items() if self.asset.startswith(prefix))
        return next(known, "CLOUD_COVER")

    def rescaling(self, band: str | Band) -> tuple[float, float]:
        """Factor and summand of a band's values.

        Args:
            band: One of `bands`.
        """
        own = band if isinstance(band, Band) else Band(band=band)
        return (
            self.multiply if own.multiply is None else own.multiply,
            self.add if own.add is None else own.add,
        )


def named(band: str | Band) -> str:
    """What a band is called in the stack, without a prefix.

    Args:
        band: Of a source.
    """
    return band if isinstance(band, str) else band.name or band.band
