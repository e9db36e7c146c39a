"""What one run of one model on one set gave, as a file, so that a benchmark goes on where it was stopped."""

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from earthline.formats.task_record import TaskRecord

PLAIN = "plain"
"""Name of the variant that changes nothing."""


class Cell(BaseModel):
    """Which run it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    set: str = Field(description="Name of the set.")
    model: str = Field(description="Name of the model in models.yaml.")
    variant: str = Field(default=PLAIN, description="Name of the variant of its settings.")
    seed: int = Field(ge=0, description="Seed of the split, of the drawn patches and of the training.")

    @property
    def path(self) -> Path:
        """Where its result lies in the folder of results."""
        changed = "" if self.variant == PLAIN else f"+{self.variant}"
        return Path(self.set) / f"{self.model}{changed}.{self.seed}.json"

    def __str__(self) -> str:
        """For the log."""
        return str(self.path.with_suffix(""))


class Result(BaseModel):
    """What it gave. A run that failed has no result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: Cell = Field(description="Which run.")
    task: TaskRecord = Field(description="What is learned.")
    metrics: dict[str, float] = Field(description="Every metric of the task over all test pixels.")
    ground: tuple[int, ...] = Field(description="Number of each block of test ground; alike in all runs of a set.")
    sums: tuple[tuple[float, ...], ...] = Field(description="What each block adds to the metrics (Task.gate_sums).")
    pixels: int = Field(description="Test pixels.")
    train_examples: int = Field(description="Training patches.")
    epochs: int = Field(default=1, description="Epochs that were trained; 1 of what learns in one pass.")
    best_epoch: int = Field(default=1, description="The epoch that was kept, by the validation split.")
    parameters: int | None = Field(default=None, description="Numbers that the model holds; None of a baseline.")
    train_seconds: float = Field(description="From the examples to the saved model, wall clock.")
    predict_seconds: float = Field(description="Prediction of all test patches, wall clock.")
    settings: dict[str, Any] = Field(description="The whole section `train`, defaults included; or the baseline's.")
    chosen: str = Field(default="", description="The architecture that a run took among several; else empty.")
    commit: str = Field(default="", description="Commit of the product, where it is known.")


def write(result: Result, folder: Path) -> None:
    """Writes it whole or not at all."""
    path = folder / result.cell.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8") as file:
        file.write(_short(result.model_dump_json(indent=1)) + "\n")
    os.replace(file.name, path)


def read(folder: Path, cells: Iterable[Cell] | None = None) -> list[Result]:
    """The results of a folder, in the order of their names.

    Args:
        folder: Where.
        cells: Which; left out, all.

    Raises:
        ValueError: A file is no result; the file is named.
    """
    wanted = None if cells is None else {folder / cell.path for cell in cells}
    found = []
    for path in sorted(folder.glob("*/*.json")):
        if wanted is None or path in wanted:
            try:
                found.append(Result.model_validate_json(path.read_text(encoding="utf-8")))
            except ValueError as error:
                raise ValueError(
                    f"{path}: not a result of this benchmark ({error}); remove it and run again"
                ) from error
    return found


def _short(text: str) -> str:
    """Lists of numbers on one line each."""
    return re.sub(r"\[[\s\d.,e+-]*\]", lambda found: re.sub(r"\s+", "", found[0]), text)
