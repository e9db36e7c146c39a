"""How far a model can be believed at a place, beside what it gives: limits learned from its own examples."""

from pydantic import BaseModel, ConfigDict, Field

DISSIMILARITY = "dissimilarity"
"""Name of the output that tells how unlike all training pixels a pixel is; 1 is the mean distance between these."""


class Certainty(BaseModel):
    """Limits that turn outputs into statements."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float | None = Field(
        default=None,
        description="What the logarithms of outputs were divided by, from the validation split, so that they are as "
        "certain as they are right: above 1 the network was too sure. It is part of the model already.",
    )
    prior: tuple[float, ...] | None = Field(
        default=None,
        description="What the probability of each entry was multiplied by, so that entries are as frequent as they are "
        "taken to be on the ground. It is part of the model already.",
    )
    coverage: float | None = Field(
        default=None, description="Share of pixels whose label a set of entries should hold, 0 to 1."
    )
    set_limit: float | None = Field(
        default=None,
        description="Smallest output with which an entry belongs to a pixel's set, from the validation split.",
    )
    dissimilarity_limit: float | None = Field(
        default=None, description="Largest dissimilarity inside the area of applicability, from the training split."
    )
