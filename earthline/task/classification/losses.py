"""The losses of classification, as sections of the config."""

from typing import Literal

from pydantic import Field

from earthline.config.section import Number
from earthline.config.sections.train.loss import Loss

ClassWeights = Literal["none", "balanced", "sqrt"]


class CrossEntropy(Loss):
    """Cross-entropy of the classes' probabilities."""

    name: Literal["cross_entropy"] = Field(default="cross_entropy", description="Cross-entropy.")
    label_smoothing: Number = Field(default=0.0, ge=0, lt=1, description="Share of certainty taken from each label.")
    class_weights: ClassWeights = Field(
        default="none",
        description="Weight of a class in the loss: by nothing, 1/frequency, or 1/sqrt(frequency).",
    )
