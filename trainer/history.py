"""What a run has done so far: its epochs, their metrics, and which of them is best."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Epoch(BaseModel):
    """Metrics of one epoch."""

    model_config = ConfigDict(frozen=True)

    epoch: int = Field(description="Number, from 1.")
    seconds: float = Field(description="Duration in seconds, validation included.")
    metrics: dict[str, float] = Field(description="Keras' logs, such as loss and val_loss.")


class State(BaseModel):
    """The epochs so far, and of which the weights are."""

    history: list[Epoch] = []
    best_epoch: int = 0


def write_history(state: State, path: Path) -> None:
    """Writes the learning curves as JSON: best epoch and a list of epochs."""
    content = {"best_epoch": state.best_epoch, "epochs": [epoch.model_dump() for epoch in state.history]}
    path.write_text(json.dumps(content, indent=2) + "\n")


def read_history(path: Path) -> State:
    """What `write_history` wrote. Raises FileNotFoundError or pydantic's ValueError."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return State(history=content["epochs"], best_epoch=content["best_epoch"])
