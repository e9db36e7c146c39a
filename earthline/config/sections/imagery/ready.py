"""Sources that are ready by name: where people always write the same code.

Each says its bands, its collections and what it usually takes; what is done to its images stands in
`earthline.earth_engine.imagery.sources.ready`. Ids, bands and factors are from the pages of
developers.google.com/earth-engine/datasets/catalog that each names.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from earthline.config.section import Section, WholeNumber


class Ready(Section, ABC):
    """A source that is ready by name."""

    BANDS: ClassVar[tuple[str, ...]]
    """Bands that it takes where the config names none."""
    MORE_BANDS: ClassVar[tuple[str, ...]] = ()
    """Bands that it has besides."""
    USUAL: ClassVar[Mapping[str, Any]] = {}
    """Keys of the source where the config does not give them."""
    DATED: ClassVar[bool] = True
    """Whether it needs `start` and `end`."""
    FRACTIONS: ClassVar[str] = ""
    """What its values are, where they are no whole numbers."""

    name: str

    @abstractmethod
    def collections(self, start: str | None, end: str | None) -> tuple[str, ...]:
        """Ids of the collections that it takes.

        Args:
            start: First day, YYYY-MM-DD.
            end: Day after the last one.
        """


class Sentinel2(Ready):
    """Sentinel-2 surface reflectance times 10,000: COPERNICUS_S2_SR_HARMONIZED."""

    BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
    MORE_BANDS = ("B1", "B9", "AOT", "WVP", "SCL")
    USUAL: ClassVar[Mapping[str, Any]] = {"cloud_mask": "sentinel2_cloud_score"}

    name: Literal["sentinel2"] = Field(description="Sentinel-2 surface reflectance times 10,000, clouds masked.")

    def collections(self, start: str | None, end: str | None) -> tuple[str, ...]:
        """As `Ready.collections`."""
        return ("COPERNICUS/S2_SR_HARMONIZED",)


class Landsat(Ready):
    """Landsat 4 to 9, Collection 2, Level 2: LANDSAT_LC08_C02_T1_L2 and its sisters; surface reflectance and kelvin."""

    BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
    MORE_BANDS = ("thermal",)
    USUAL: ClassVar[Mapping[str, Any]] = {"cloud_mask": "landsat_qa"}
    FRACTIONS = "reflectance, mostly from 0 to 1"
    LIVED: ClassVar[Mapping[int, tuple[str, str, str]]] = {
        4: ("LANDSAT/LT04/C02/T1_L2", "1982-08-22", "1993-06-25"),
        5: ("LANDSAT/LT05/C02/T1_L2", "1984-03-16", "2012-05-06"),
        7: ("LANDSAT/LE07/C02/T1_L2", "1999-05-28", "2024-01-20"),
        8: ("LANDSAT/LC08/C02/T1_L2", "2013-03-18", "9999-01-01"),
        9: ("LANDSAT/LC09/C02/T1_L2", "2021-10-31", "9999-01-01"),
    }
    """Collection, first day and the day after the last one by mission, from the catalogue's pages."""

    name: Literal["landsat"] = Field(
        description="Landsat surface reflectance by common band names (blue … swir2, and thermal in kelvin), masked by "
        "QA_PIXEL and QA_RADSAT."
    )
    missions: tuple[WholeNumber, ...] = Field(
        default=(4, 5, 7, 8, 9), min_length=1, description="Which of Landsat 4, 5, 7, 8 and 9."
    )

    def collections(self, start: str | None, end: str | None) -> tuple[str, ...]:
        """As `Ready.collections`; those alone that flew then.

        Raises:
            ValueError: There is no such mission, or none flew then.
        """
        unknown = sorted(set(self.missions) - set(self.LIVED))
        if unknown:
            raise ValueError(f"ready.missions: no Landsat {unknown[0]} here; known: {', '.join(map(str, self.LIVED))}")
        found = tuple(
            asset
            for mission, (asset, first, last) in self.LIVED.items()
            if mission in self.missions and (start or "") < last and (end or "9999") > first
        )
        if not found:
            raise ValueError(f"ready.missions: none of Landsat {list(self.missions)} flew from {start} to {end}")
        return found


class Sentinel1(Ready):
    """Sentinel-1 backscatter, interferometric wide swath: COPERNICUS_S1_GRD, by its linear twin S1_GRD_FLOAT.

    Means are taken of power, not of decibels, and only then become decibels.
    """

    BANDS = ("VV", "VH")
    MORE_BANDS = ("HH", "HV", "angle")
    USUAL: ClassVar[Mapping[str, Any]] = {"composite": "mean"}
    FRACTIONS = "decibels, mostly from -30 to 5"

    name: Literal["sentinel1"] = Field(
        description="Sentinel-1 backscatter of the interferometric wide swath, in decibels or as linear power."
    )
    orbit: Literal["both", "ascending", "descending"] = Field(
        default="both", description="Orbits that count; one alone is better in mountains."
    )
    decibels: bool = Field(default=True, strict=True, description="Decibels; or else linear power.")

    def collections(self, start: str | None, end: str | None) -> tuple[str, ...]:
        """As `Ready.collections`."""
        return ("COPERNICUS/S1_GRD_FLOAT",)


class CopernicusDem(Ready):
    """Copernicus DEM at 30 m: COPERNICUS_DEM_GLO30."""

    BANDS = ("elevation", "slope", "aspect")
    USUAL: ClassVar[Mapping[str, Any]] = {"composite": "mosaic", "resample": "bilinear"}
    DATED = False
    FRACTIONS = "metres and degrees"

    name: Literal["copernicus_dem"] = Field(
        description="Elevation in metres, slope and aspect in degrees, from the Copernicus DEM at 30 m."
    )

    def collections(self, start: str | None, end: str | None) -> tuple[str, ...]:
        """As `Ready.collections`."""
        return ("COPERNICUS/DEM/GLO30",)


class SatelliteEmbeddings(Ready):
    """What a foundation model makes of a year: GOOGLE_SATELLITE_EMBEDDING_V1_ANNUAL."""

    BANDS = tuple(f"A{number:02d}" for number in range(64))
    USUAL: ClassVar[Mapping[str, Any]] = {"composite": "mosaic"}
    FRACTIONS = "coordinates from -1 to 1"

    name: Literal["satellite_embeddings"] = Field(
        description="64 numbers from -1 to 1 a year, which a foundation model makes of all satellites."
    )

    def collections(self, start: str | None, end: str | None) -> tuple[str, ...]:
        """As `Ready.collections`."""
        return ("GOOGLE/SATELLITE_EMBEDDING/V1/ANNUAL",)


class DynamicWorld(Ready):
    """Probabilities of nine kinds of land cover for each Sentinel-2 image: GOOGLE_DYNAMICWORLD_V1."""

    BANDS = (
        "water",
        "trees",
        "grass",
        "flooded_vegetation",
        "crops",
        "shrub_and_scrub",
        "built",
        "bare",
        "snow_and_ice",
    )
    MORE_BANDS = ("label",)
    USUAL: ClassVar[Mapping[str, Any]] = {"composite": "mean"}
    FRACTIONS = "probabilities from 0 to 1"

    name: Literal["dynamic_world"] = Field(description="Probabilities of nine kinds of land cover.")

    def collections(self, start: str | None, end: str | None) -> tuple[str, ...]:
        """As `Ready.collections`."""
        return ("GOOGLE/DYNAMICWORLD/V1",)


_EVERY: tuple[type[Ready], ...] = (Sentinel2, Landsat, Sentinel1, CopernicusDem, SatelliteEmbeddings, DynamicWorld)
READY: Mapping[str, type[Ready]] = {get_args(kind.model_fields["name"].annotation)[0]: kind for kind in _EVERY}
"""Ready sources by name."""


def read(value: Any) -> Ready:
    """A ready source by its name or its section.

    Args:
        value: As the config has it.

    Raises:
        ValueError: There is none of this name.
    """
    if isinstance(value, Ready):
        return value
    content = {"name": value} if isinstance(value, str) else value
    name = content.get("name") if isinstance(content, Mapping) else None
    if not isinstance(name, str) or name not in READY:
        raise ValueError(f"ready: {name!r} is no ready source; known here: {', '.join(READY)}")
    return READY[name].model_validate(content)


AnyReady = Annotated[
    Ready,
    BeforeValidator(
        read,
        json_schema_input_type=Literal[
            "sentinel2", "landsat", "sentinel1", "copernicus_dem", "satellite_embeddings", "dynamic_world"
        ]
        | Sentinel2
        | Landsat
        | Sentinel1
        | CopernicusDem
        | SatelliteEmbeddings
        | DynamicWorld,
    ),
]
"""A ready source: its name, or a section with its name and options."""
