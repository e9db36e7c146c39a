"""The section `data.imagery`: which image or collection, which bands, dates, clouds, and how it becomes one image."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from earthline.config.section import AssetId, Number, Section

DataType = Literal["uint8", "uint16", "int16", "float32"]
CloudMask = Literal["none", "sentinel2_scl", "sentinel2_cloud_score", "landsat_qa"]
Composite = Literal["median", "mean", "mosaic", "first"]
RESERVED_PREFIX = "earthline_"
"""Bands of Earthline's own, such as validity and label, begin like this; an imagery band must not."""
_CLOUD_PROPERTIES = {"COPERNICUS/S2": "CLOUDY_PIXEL_PERCENTAGE", "NASA/HLS/": "CLOUD_COVERAGE"}
"""By the beginning of the collection's id, from the catalogue's pages."""


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
