"""Several models, averaged: where they err differently, the average errs less than the best of them."""

from typing import Literal, Self

from pydantic import Field

from earthline.config.model import AnyPart, Compound, Model


class Ensemble(Compound):
    """The average of what its members give, served as one model."""

    name: Literal["ensemble"] = Field(default="ensemble", description="Architecture.")
    members: tuple[AnyPart, ...] = Field(
        min_length=2,
        max_length=16,
        description="Models that are averaged, each with its own options, such as a network and a random_forest.",
    )
    weights: Literal["equal", "validation"] = Field(
        default="equal",
        description="How much each member counts: all alike, or as makes the loss of the validation pixels least.",
    )

    @property
    def parts(self) -> tuple[Model, ...]:
        """The members."""
        return self.members

    def shrunk(self) -> Self:
        """Of the same members, shrunk."""
        return self.model_copy(update={"members": tuple(member.shrunk() for member in self.members)})
