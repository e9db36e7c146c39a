"""The section `train.prior`: how often classes are taken to be on the ground."""

from typing import Literal

from pydantic import Field

from earthline.config.section import Number, Section


class Prior(Section):
    """Moves class probabilities away from how often classes are among the training pixels.

    Patches are drawn around all classes alike, so that a model sees rare ones more often than they are, and maps too
    much of them. It is done once the model has learned, and is part of the saved model.
    """

    towards: Literal["ground", "equal"] = Field(
        default="ground",
        description="`ground`: as often as classes are in the training blocks, which the chances tell with which "
        "patches were drawn: more pixels of the map are right, and areas come nearer to those of the ground. `equal`: "
        "all equally often: rare classes are found more often, and mapped too often.",
    )
    strength: Number = Field(
        default=1.0, gt=0, le=1, description="How far they are moved, above 0 to 1: the ratio to the power of it."
    )
