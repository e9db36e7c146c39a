"""Compares imagery, labels, settings and drift with the last accepted run."""

from earthline.config.step import Output, Step

STEP = Step(
    # What it finds lies outside the pipeline: in Earth Engine, and in the runs before this one.
    cached=False,
    outputs=(Output("changes", shown={"changes.json": "changes"}),),
)
