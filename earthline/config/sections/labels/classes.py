"""Classes of a map, and what means each of them."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from earthline.config.section import Number, Section, WholeNumber
from earthline.config.sections.labels.field_value import FieldValue


def _one_line(name: str) -> str:
    if not all(character.isprintable() for character in name):
        raise ValueError(f"{name!r} holds a line break or another invisible character; write the name on one line")
    return name.strip()


ClassName = Annotated[str, AfterValidator(_one_line)]
"""Printable text without spaces around it."""


class LabelClass(Section):
    """One class of the map. Its class id is its place in the list, from 0."""

    name: ClassName = Field(min_length=1, max_length=60, description="Name in maps and metrics.")
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$", description="Colour in maps, as #rrggbb.")
    ranges: tuple[tuple[Number, Number], ...] = Field(
        default=(),
        description="Ranges of numbers that mean this class, in place of `values`: from the first number on, up to the "
        "second, which is not part of it, except in the highest range of all.",
    )

    @property
    def meaning(self) -> tuple[int | float | str, ...]:
        """Values that mean this class; empty where ranges do."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if bool(self.meaning) == bool(self.ranges):
            raise ValueError(f"class '{self.name}': give `values` or `ranges`, one of the two")
        for low, high in self.ranges:
            if not low < high:
                raise ValueError(
                    f"class '{self.name}': the range [{low:g}, {high:g}] does not go upwards; swap its ends"
                )
        return self


class RasterClass(LabelClass):
    """A class of a label raster."""

    values: tuple[WholeNumber, ...] = Field(default=(), description="Values of the label raster that mean this class.")

    @property
    def meaning(self) -> tuple[int | float | str, ...]:
        """Values that mean this class."""
        return self.values


class FeatureClass(LabelClass):
    """A class of points and polygons."""

    values: tuple[FieldValue, ...] = Field(
        default=(),
        description="Values of the field that mean this class: numbers or texts. Of a file, capital letters and blanks "
        "do not count; of a table in Earth Engine they do.",
    )

    @property
    def meaning(self) -> tuple[int | float | str, ...]:
        """Values that mean this class."""
        return self.values
