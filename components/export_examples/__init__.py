"""Fetches the patches, or waits for Dataflow."""

from earthline.config.step import Step

STEP = Step()
