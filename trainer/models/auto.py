"""Several models are trained, and the cheapest is taken that is as good as the best."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from earthline.config.model import AnyPart, Compound, Model, find
from earthline.config.section import Number

_FEATURES = {"context": 3, "windows": (9, 21)}
_USUAL = (
    {"name": "linear", **_FEATURES},
    {"name": "random_forest"},
    {"name": "gradient_boosting"},
    {"name": "pixel_mlp", **_FEATURES, "units": 128, "layers": 3},
    {"name": "unet"},
    {"name": "context_unet"},
)
"""From cheap to dear."""


def _usual() -> tuple[Model, ...]:
    return tuple(find(str(section["name"])).model_validate(section) for section in _USUAL)


class Auto(Compound):
    """Trains every candidate on the same training blocks and compares them on the validation blocks."""

    name: Literal["auto"] = Field(default="auto", description="Architecture.")
    candidates: tuple[AnyPart, ...] = Field(
        default_factory=_usual,
        min_length=2,
        max_length=32,
        description="Models to choose from, from cheap to dear: an earlier one is taken where no later one is better "
        "beyond chance. Left out: linear, random_forest, gradient_boosting, pixel_mlp, unet and context_unet.",
    )
    average: bool = Field(
        default=True,
        description="Whether the average of the best network and the best model of trees is a candidate too, as the "
        "dearest.",
    )
    metric: str | None = Field(
        default=None,
        description="Name of the metric that is compared, one of those in the report's table; left out, the task's "
        "own.",
    )
    confidence: Number = Field(
        default=0.9, gt=0.5, lt=1, description="Confidence of the intervals of the differences, 0.5 to 1."
    )

    @property
    def parts(self) -> tuple[Model, ...]:
        """The candidates."""
        return self.candidates

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether one of the candidates can; others are left out."""
        return any(each.takes(shape) for each in self.candidates)

    def shrunk(self) -> Self:
        """Of the same candidates, shrunk."""
        return self.model_copy(update={"candidates": tuple(each.shrunk() for each in self.candidates)})
