"""Wraps the model and proves the contract."""

from earthline.config.step import Output, Step

STEP = Step(outputs=(Output("prepared", only="proof.json", shown={"proof.json": "proof"}),))
