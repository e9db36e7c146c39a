"""Asks Earth Engine for a tile."""

from earthline.config.step import Output, Step

STEP = Step(cached=False, outputs=(Output("registration", shown={"ee_model.json": "ee_model"}),))
