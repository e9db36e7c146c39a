"""Equal steps in time: a collection becomes one composite for each."""

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from earthline.config.section import Number, Section, WholeNumber

MOST_STEPS = 1000
"""Of a series; Earth Engine gives at most 1,024 bands to a request."""
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        start: First moment, as ISO 8601 without a zone, which is UTC.
        end: The moment after the last one.
    """

    start: str
    end: str

    def __str__(self) -> str:
        """From when to when, days alone where both are midnight."""
        return f"{self.start.removesuffix('T00:00:00')} to {self.end.removesuffix('T00:00:00')}"


def _read_empty(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("write fail, previous, nearest or a number")
    if isinstance(value, str) and value not in ("fail", "previous", "nearest"):
        raise ValueError(f"'{value[:40]}' is none of fail, previous and nearest, and no number")
    return value


AnyEmpty = Annotated[
    Literal["fail", "previous", "nearest"] | Number,
    BeforeValidator(_read_empty, json_schema_input_type=Literal["fail", "previous", "nearest"] | float),
]
"""What stands where a step has no value."""


@dataclass(frozen=True)
class Series:
    """Bands that come once for each step, all of a step together.

    Attributes:
        bands: Their names without the steps.
        steps: The steps.
    """

    bands: tuple[str, ...]
    steps: tuple[Step, ...]


class Time(Section):
    """How a collection is split in time. Bands get `_t00`, `_t01` … at their end, all bands of a step together."""

    every: Literal["month", "quarter", "year"] | None = Field(
        default=None, description="A step for each month, quarter or year from `start` on; or give `days` or `steps`."
    )
    days: WholeNumber | None = Field(
        default=None, gt=0, description="Days of a step; the last one is shorter where they do not divide."
    )
    steps: WholeNumber | None = Field(
        default=None, gt=0, le=MOST_STEPS, description="Number of steps, all equally long to the second."
    )
    empty: AnyEmpty = Field(
        default="fail",
        description="Pixels without a value in a step: `previous` takes the last step that has one, `nearest` the "
        "nearest in time, a number stands in their place. `fail` leaves them masked, and refuses a step without "
        "images.",
    )

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if [self.every, self.days, self.steps].count(None) != 2:
            raise ValueError(
                "give exactly one of `every` (month, quarter, year), `days` (of a step) and `steps` (their number)"
            )
        return self

    def split(self, start: str, end: str) -> tuple[Step, ...]:
        """The steps of a span.

        Args:
            start: First day, YYYY-MM-DD.
            end: The day after the last one.
        """
        first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
        edges = [first]
        while edges[-1] < last and len(edges) <= MOST_STEPS:
            edges.append(min(last, self._edge(first, last, len(edges))))
        return tuple(Step(before.isoformat(), after.isoformat()) for before, after in pairwise(edges))

    def _edge(self, first: datetime, last: datetime, number: int) -> datetime:
        if self.steps is not None:
            seconds = int((last - first).total_seconds())
            return first + timedelta(seconds=max(1, seconds) * number // self.steps)
        if self.days is not None:
            return first + timedelta(days=self.days * number)
        months = first.month - 1 + _MONTHS[self.every or "month"] * number
        year, month = first.year + months // 12, months % 12 + 1
        return first.replace(year=year, month=month, day=min(first.day, calendar.monthrange(year, month)[1]))


def _read(value: Any) -> Any:
    return {"every": value} if isinstance(value, str) else value


AnyTime = Annotated[Time, BeforeValidator(_read, json_schema_input_type=Literal["month", "quarter", "year"] | Time)]
"""The section, or `every` alone."""


def suffixes(count: int) -> tuple[str, ...]:
    """What is added to the names of bands in each step.

    Args:
        count: Number of steps.
    """
    digits = max(2, len(str(count - 1)))
    return tuple(f"_t{number:0{digits}d}" for number in range(count))
