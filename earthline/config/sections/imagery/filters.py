"""Filters of a collection's images by their properties."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from earthline.config.section import Number, Section

Plain = str | int | float | bool
"""What a property holds."""


def _plain(value: Any) -> Plain:
    if isinstance(value, str | int | float | bool):
        return value
    raise ValueError(
        "a filter is a value, a list of values, or a section of lt, lte, gt, gte and in, such as {lte: 30}"
    )


Value = Annotated[Plain, BeforeValidator(_plain, json_schema_input_type=str | int | float | bool)]


class Comparison(Section):
    """What a property must be; all of it together."""

    lt: Number | None = Field(default=None, description="Less than this.")
    lte: Number | None = Field(default=None, description="This or less.")
    gt: Number | None = Field(default=None, description="More than this.")
    gte: Number | None = Field(default=None, description="This or more.")
    among: tuple[Value, ...] | None = Field(default=None, alias="in", min_length=1, description="One of these values.")

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        low = [value for value in (self.gt, self.gte) if value is not None]
        high = [value for value in (self.lt, self.lte) if value is not None]
        if not low and not high and self.among is None:
            raise ValueError("a filter without a condition; give one of lt, lte, gt, gte and in, such as {lte: 30}")
        if low and high and max(low) > min(high):
            raise ValueError(f"nothing is more than {max(low):g} and less than {min(high):g}; swap the two")
        return self


def _read(value: Any) -> Any:
    if isinstance(value, Comparison):
        return value
    if isinstance(value, list | tuple):
        return Comparison.model_validate({"in": value})
    if isinstance(value, Mapping):
        return Comparison.model_validate(value)
    return _plain(value)


AnyFilter = Annotated[
    str | int | float | bool | Comparison,
    BeforeValidator(_read, json_schema_input_type=str | int | float | bool | list[str | int | float] | Comparison),
]
"""A value that the property must have, a list of which it must have one, or comparisons."""


Filters = dict[str, AnyFilter]
