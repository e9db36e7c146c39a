"""What an interrupted run goes on from, so that it ends as if it had not been interrupted.

A checkpoint is a JSON file and the arrays that it names. The arrays are written under a new name first, then the JSON
file is replaced in one go: whenever the run is killed, what lies there is whole.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from earthline.config.model import Model
from trainer import distribution
from trainer.history import State
from trainer.lesson import Lesson
from trainer.loop.speed import Speed

STATE = "state.json"
_ARRAYS = "step-*.npz"
_WEIGHTS = "epoch-*.npz"
_PARTIAL = "*.partial"
_FINISHED = ("finished.*", "tuning.json")
"""What `trainer.several` keeps of a part that has learned, and of settings that were tried."""

_MACHINE = frozenset(
    (
        "image",
        "machine_type",
        "accelerator_type",
        "accelerator_count",
        "replicas",
        "patience",
        "memory_share",
        "checkpoint_minutes",
    )
)
"""Settings that may change between a run and its resumption."""

Array = np.ndarray[Any, Any]


class Record(BaseModel):
    """Where a run stands."""

    settings: dict[str, Any] = Field(description="What it depends on: model, settings of training, examples.")
    state: State = Field(default_factory=State, description="The epochs so far.")
    step: int = Field(default=0, description="Steps so far, over all epochs.")
    seconds: float = Field(default=0.0, description="Duration so far of the epoch that it is in.")
    speed: Speed | None = Field(default=None, description="How steps are computed; not chosen yet in the first steps.")
    arrays: str = Field(default="", description="File with weights, optimizer, random state and the epoch's sums.")
    weights: str = Field(default="", description="File with the weights of the best epoch.")


class Checkpoint:
    """The checkpoint of one network that learns."""

    def __init__(self, folder: Path, writes: bool) -> None:
        """Opens it.

        Args:
            folder: Where it lies or will lie.
            writes: False in the machines of a distributed run that only read.
        """
        self._folder = folder
        self._writes = writes

    def read(self, settings: dict[str, Any]) -> Record:
        """Where the run stands: at its beginning if there is no checkpoint, or one of other settings.

        Args:
            settings: Of `settings_of`.
        """
        path = self._folder / STATE
        if not path.is_file():
            return Record(settings=settings)
        record = Record.model_validate_json(path.read_text())
        other = [key for key, value in settings.items() if record.settings.get(key) != value]
        if other:
            distribution.say(
                f"the checkpoint in {self._folder} was made with another {', '.join(other)}: training begins anew"
            )
            return Record(settings=settings)
        return record

    def save(self, record: Record, arrays: Sequence[Array], weights: Sequence[Array] | None) -> None:
        """Writes a checkpoint in place of the one before.

        Args:
            record: Where the run stands; the names of the files are set in it.
            arrays: All that the next step depends on.
            weights: Those of the best epoch, if it is the last one; None where they are written already.
        """
        if not self._writes:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        record.arrays = self._written(f"step-{record.step:09d}.npz", arrays)
        if weights is not None:
            record.weights = self._written(f"epoch-{len(record.state.history):05d}.npz", weights)
        partial = self._folder / f"{STATE}.partial"
        partial.write_text(record.model_dump_json())
        os.replace(partial, self._folder / STATE)
        for pattern in (_ARRAYS, _WEIGHTS):
            for path in self._folder.glob(pattern):
                if path.name not in (record.arrays, record.weights):
                    path.unlink()

    def arrays(self, record: Record) -> list[Array]:
        """What `save` was given."""
        return _read(self._folder / record.arrays)

    def weights(self, record: Record) -> list[Array]:
        """The weights of the best epoch."""
        return _read(self._folder / record.weights)

    def _written(self, name: str, arrays: Sequence[Array]) -> str:
        # A killed run may have left a part of a file of this name.
        partial = self._folder / f"{name}.partial"
        with partial.open("wb") as file:
            named: Any = {f"{index:05d}": array for index, array in enumerate(arrays)}
            np.savez(file, **named)
        os.replace(partial, self._folder / name)
        return name


def settings_of(model: Model, lesson: Lesson) -> dict[str, Any]:
    """What the course of a run depends on; a checkpoint of other settings is of no use.

    Args:
        model: What learns.
        lesson: What it learns from.
    """
    section = lesson.train.model_dump(mode="json", exclude={"model", *_MACHINE})
    return {
        **{f"train.{key}": value for key, value in section.items()},
        "train.model": model.model_dump(mode="json"),
        "dataset": [lesson.manifest.expression_hash, lesson.manifest.split_hash],
        **({"guide": [lesson.guide.share, lesson.guide.settings]} if lesson.guide else {}),
    }


def remove(folder: Path) -> None:
    """Deletes the checkpoints of a run, once its model is saved; other files stay.

    Args:
        folder: Of the run; each of its parts may have a folder in it.
    """
    for pattern in (_ARRAYS, _WEIGHTS, STATE, _PARTIAL, *_FINISHED):
        for path in folder.rglob(pattern):
            path.unlink(missing_ok=True)
    parts = sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True)
    for part in (*parts, folder):
        if part.is_dir() and not any(part.iterdir()):
            part.rmdir()


def _read(path: Path) -> list[Array]:
    with np.load(path, allow_pickle=False) as found:
        return [found[name] for name in sorted(found.files)]
