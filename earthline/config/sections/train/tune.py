"""The section `train.tune`: settings that are tried before the training, each on a part of its epochs."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from earthline.config.section import Number, Section, WholeNumber

Value = bool | WholeNumber | Number | str


class Range(Section):
    """Numbers between two bounds, drawn at random."""

    low: Number = Field(description="Least value.")
    high: Number = Field(description="Largest value.")
    log: bool = Field(
        default=False, description="Draw evenly by ratio: from 0.001 to 0.01 as often as from 0.01 to 0.1."
    )

    @model_validator(mode="after")
    def _has_an_inside(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}; exchange them")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low:g} has no ratio to anything; use a low above 0, or `log: false`")
        return self


class Tune(Section):
    """A search for settings by successive halving."""

    over: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$")],
        Annotated[tuple[Value, ...], Field(min_length=1)] | Range,
    ] = Field(
        min_length=1,
        description="What is tried, by key below `train`, such as learning_rate, model.filters, loss.label_smoothing "
        "or band_jitter: a list of values, or {low, high} with `log: true` for ratios.",
    )
    trials: WholeNumber = Field(
        default=12,
        ge=2,
        le=500,
        description="Settings that are tried: the config's own, and others drawn at random. All train for a ninth of "
        "`epochs`, the better third of them for a third; the best one is trained in full.",
    )
    seconds: Number = Field(
        default=3600.0, gt=0, description="Seconds after which no further trial begins; the best so far is trained."
    )
