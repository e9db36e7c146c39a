"""Wraps the model and proves the contract."""

from earthline.config.step import Step

STEP = Step()
