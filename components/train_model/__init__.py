"""Trains the model; its machine is in `train`, as it is a job of its own."""

from earthline.config.step import Output, Step

STEP = Step(machine=None, outputs=(Output("model", only="learning_curves.png"),))
