"""The section `data.labels`: the ground truth and its classes."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from earthline.config.section import AssetId, Section, WholeNumber


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
