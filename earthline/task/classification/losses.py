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
    focus: Number = Field(
        default=0.0,
        ge=0,
        le=5,
        description="How much less pixels count that are right already (focal loss): each counts 1 - p to this power, "
        "where p is the probability of its label. 0: all alike; 2 is usual.",
    )
    tolerance: Number = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="How little a label counts that all else contradicts, for labels of which many are wrong "
        "(generalized cross-entropy). 0: cross-entropy; 0.7 is usual.",
    )
    overlap: Literal["none", "dice", "lovasz"] = Field(
        default="none",
        description="What else is made small: the part of each class that mapped and labelled ground do not share, by "
        "Dice's coefficient or by intersection over union (Lovász). A rare class counts as much as a common one.",
    )
    overlap_share: Number = Field(
        default=0.5, gt=0, le=1, description="Share of the loss that `overlap` has; cross-entropy has the rest."
    )
