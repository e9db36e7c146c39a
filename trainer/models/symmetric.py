"""A model that looks at the ground from all sides: the average over its turns and reflections."""

from typing import Literal, Self

from pydantic import Field

from earthline.config.model import AnyPart, Compound, Model


class Symmetric(Compound):
    """The average of what a model gives for the 8 turns and reflections of a tile, served as one model."""

    name: Literal["symmetric"] = Field(default="symmetric", description="Architecture.")
    model: AnyPart = Field(
        description="Model that learns as it would alone, with its own options. A map costs eight times as much."
    )

    @property
    def parts(self) -> tuple[Model, ...]:
        """The one model."""
        return (self.model,)

    def shrunk(self) -> Self:
        """Of the same model, shrunk."""
        return self.model_copy(update={"model": self.model.shrunk()})
