"""Holds the training and test patches in memory, and grows a random forest on all processors."""

from earthline.config.machines import LargeStep
from earthline.config.step import Output, Step

STEP = Step(machine=LargeStep, outputs=(Output("evaluation", shown={"evaluation.json": "evaluation"}),))
