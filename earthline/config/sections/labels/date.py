"""Of labels that belong to a time: which field tells it, and which of them count."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from earthline.config.section import Date, Section, WholeNumber
from earthline.label_features.dates import Period


class LabelDate(Section):
    """When labels were true. Those of another time than the imagery's do not count."""

    field: str = Field(
        min_length=1,
        description="Field that holds the date: a day (2021-06-15, 20210615, a date, milliseconds since 1970), a month "
        "(2021-06) or a year (2021).",
    )
    order: Literal["year_first", "day_first", "month_first"] = Field(
        default="year_first",
        description="How days are written in a file: with `day_first` 15/06/2021, 15.6.2021 and 15-06-2021 are days as "
        "well, with `month_first` 06/15/2021.",
    )
    tolerance: WholeNumber = Field(
        default=0,
        ge=0,
        le=36_525,
        description="Days before and after the imagery's dates in which labels count as well; of a month or a year a "
        "part is enough.",
    )
    within: tuple[tuple[Date, Date], ...] = Field(
        default=(),
        description="Spans in which labels count, each the first day and the day after the last one; left out, the "
        "dates of the imagery's sources.",
    )

    @model_validator(mode="after")
    def _are_spans(self) -> Self:
        for start, end in self.within:
            if start >= end:
                raise ValueError(f"within: {start} must be before {end}; swap them, or take the day after")
        return self

    @property
    def period(self) -> Period:
        """When labels count."""
        return Period(self.within, self.tolerance)


def _read(value: Any) -> Any:
    if isinstance(value, str):
        return {"field": value}
    if isinstance(value, Mapping | LabelDate):
        return value
    raise ValueError("name the field that holds the date, such as survey_year, or {field: survey_year, tolerance: 365}")


AnyLabelDate = Annotated[LabelDate, BeforeValidator(_read, json_schema_input_type=str | LabelDate)]
"""The section, or its `field` alone."""
