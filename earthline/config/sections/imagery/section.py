"""The section `data.imagery`: the pixels that the model sees, from one source or several, as one stack of bands."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializeAsAny,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

from earthline.config.section import Section
from earthline.config.sections.imagery.bands import require_usable
from earthline.config.sections.imagery.derived import Derived, resolve
from earthline.config.sections.imagery.fillers import require_fillers
from earthline.config.sections.imagery.source import Source
from earthline.config.sections.imagery.time import Series

DataType = Literal["uint8", "uint16", "int16", "float32", "auto"]


class Imagery(Section, ABC):
    """Pixels that the model sees, in training and in prediction alike."""

    data_type: DataType = Field(
        default="uint16",
        description="Type in which patches are stored and sent; `auto` is the smallest that holds every value.",
    )
    derived: dict[str, str] = Field(
        default={},
        description="Bands by expression, after all others: {ndvi: (B8 - B4) / (B8 + B4)}. One may use those before "
        "it; over bands with steps in time there is one for each step.",
    )

    @property
    @abstractmethod
    def all_sources(self) -> tuple[Source, ...]:
        """The sources, in the order of their bands."""

    @property
    def parts(self) -> tuple[Source, ...]:
        """The sources whose bands are the stack: all but those that only fill the gaps of others."""
        return tuple(source for source in self.all_sources if not source.only_fills)

    def called(self, name: str) -> Source | None:
        """The source of a name that `fill` may have; None where there is none.

        Args:
            name: Of a source.
        """
        return next((source for source in self.all_sources if source.name == name), None)

    @property
    def derived_bands(self) -> tuple[Derived, ...]:
        """Bands by expression, in the order in which they are computed."""
        series = {name: bands for source in self.parts for name, bands in source.by_step.items()}
        return resolve(self.derived, self._stacked, series)

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of all bands, in the order that the model sees."""
        return (*self._stacked, *(band.name for band in self.derived_bands))

    @property
    def series(self) -> tuple[Series, ...]:
        """Bands that come once for each step in time, in the order of the stack."""
        found = [Series(source.names, source.steps) for source in self.parts if source.time is not None]
        names = [band.name for band in self.derived_bands]
        for name in self.derived:
            count = sum(each.rpartition("_t")[0] == name for each in names)
            steps = next((each.steps for each in found if len(each.steps) == count), None)
            if name not in names and steps is not None:
                found.append(Series((name,), steps))
        return tuple(found)

    @property
    def assets(self) -> tuple[str, ...]:
        """Ids of all images and collections, each once."""
        return tuple(dict.fromkeys(asset for source in self.all_sources for asset in source.assets))

    @property
    def asset_keys(self) -> Mapping[str, str]:
        """Ids of all images and collections by the key of their source."""
        return {key: asset for key, source in self.keys.items() for asset in source.assets}

    @property
    @abstractmethod
    def keys(self) -> Mapping[str, Source]:
        """The sources by their keys in the config."""

    @property
    def asset(self) -> str:
        """What messages call all of it."""
        return ", ".join(self.assets)

    @property
    def grid_source(self) -> Source | None:
        """The image whose grid is the workflow's where `crs` and `scale` are left out: the first source, if that."""
        first = self.parts[0]
        return first if first.image is not None else None

    @property
    def _stacked(self) -> tuple[str, ...]:
        return tuple(name for source in self.parts for name in source.stacked)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        require_fillers(self.keys)
        stacked = self._stacked
        twice = sorted({name for name in stacked if stacked.count(name) > 1})
        if twice:
            raise ValueError(
                f"sources: {', '.join(twice)} stands in more than one; give it another name there, by "
                "{band: NAME, as: OTHER} or by `prefix`"
            )
        require_usable(self.band_names)
        if self.data_type not in ("float32", "auto"):
            for source in self.all_sources:
                if source.ready is not None and source.ready.FRACTIONS and source.multiply == 1:
                    raise ValueError(
                        f"data_type: {self.data_type} holds whole numbers, and {source.ready.name} gives "
                        f"{source.ready.FRACTIONS}; use float32, or auto"
                    )
        return self


class OneSource(Source, Imagery):
    """Imagery of one source, whose keys stand in the section itself."""

    model_config = ConfigDict(title="one source")

    @property
    def all_sources(self) -> tuple[Source, ...]:
        """As `Imagery.all_sources`."""
        return (self,)

    @property
    def keys(self) -> Mapping[str, Source]:
        """As `Imagery.keys`."""
        return {"data.imagery": self}


class SeveralSources(Imagery):
    """Imagery of several sources, stacked in their order."""

    model_config = ConfigDict(title="several sources")

    sources: tuple[Source, ...] = Field(min_length=1, description="The sources, in the order of their bands.")

    @property
    def all_sources(self) -> tuple[Source, ...]:
        """As `Imagery.all_sources`."""
        return self.sources

    @property
    def keys(self) -> Mapping[str, Source]:
        """As `Imagery.keys`."""
        return {f"data.imagery.sources.{number}": source for number, source in enumerate(self.sources)}


def meant(content: Any) -> type[Imagery]:
    """The section that a content is of, by its keys.

    Args:
        content: Of `data.imagery`, right or wrong.

    Raises:
        ValueError: It has the keys of both.
    """
    if not isinstance(content, Mapping) or "sources" not in content:
        return OneSource
    beside = [key for key in Source.model_fields if key in content]
    if beside:
        raise ValueError(
            f"{' and '.join(f'`{key}`' for key in beside)} beside `sources`: write it in a source, or leave "
            "`sources` out"
        )
    return SeveralSources


def _read(value: Any, info: ValidationInfo) -> Any:
    return value if isinstance(value, Imagery) else meant(value).model_validate(value, context=info.context)


class _Schema:
    """The JSON schema of both spellings."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "anyOf": [handler(OneSource.__pydantic_core_schema__), handler(SeveralSources.__pydantic_core_schema__)]
        }


AnyImagery = Annotated[SerializeAsAny[Imagery], BeforeValidator(_read), _Schema()]
"""The section: one source, or several below `sources`."""
