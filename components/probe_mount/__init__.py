"""Finds out who may write into the mounted bucket; the canary's pipeline alone has it."""

from earthline.config.step import Step

STEP = Step(machine=None, cached=False)
