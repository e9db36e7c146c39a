"""Waits for the endpoint. It is never tried again: that would register and deploy a second time."""

from earthline.config.machines import Machine
from earthline.config.step import Step

STEP = Step(machine=Machine, cached=False)
