"""A line per epoch in the log, and a checkpoint from which a restarted job goes on."""

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from trainer.early_stopping import EarlyStopping
from trainer.history import Epoch, State

STATE = "state.json"


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]  # Keras publishes no types
    """Logs, checkpoints and tells when to stop, by the validation loss.

    Attributes:
        state: What has been done; read from the checkpoint where there is one.
    """

    def __init__(
        self, folder: Path, *, epochs: int, patience: int, watched: Mapping[str, str], writes: bool = True
    ) -> None:
        """Opens the checkpoint.

        Args:
            folder: Where the checkpoint lies or will lie.
            epochs: Number of epochs that the run asks for.
            patience: Epochs without a better validation loss before stopping.
            watched: Metrics of the validation that are logged: the words by Keras' name.
            writes: False in the workers of a distributed run that only read.
        """
        super().__init__()
        self.folder = folder
        self.state = State()
        if (folder / STATE).is_file():
            self.state = State.model_validate_json((folder / STATE).read_text())
        self._epochs = epochs
        self._early_stopping = EarlyStopping(patience)
        self._watched = watched
        self._writes = writes
        self._began = 0.0

    @property
    def first_epoch(self) -> int:
        """Epoch to go on with, counted from 0."""
        return len(self.state.history)

    @property
    def finished(self) -> bool:
        """True where the run needs no more epochs."""
        return self.first_epoch >= self._epochs or self._early_stopping.stops(self.state)

    def restore(self, model: Any) -> None:
        """Loads weights and optimizer of the last checkpoint, if there is one."""
        if self.state.history:
            # Without its variables the optimizer would silently begin anew, or refuse the file.
            model.optimizer.build(model.trainable_variables)
            model.load_weights(str(self._weights(self.first_epoch)))
            print(f"restored the checkpoint of epoch {self.first_epoch}", flush=True)

    def restore_best(self, model: Any) -> None:
        """Loads the weights of the epoch with the least validation loss."""
        model.load_weights(str(self._weights(self.state.best_epoch)))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Logs the epoch, keeps its weights, and says where validation no longer improves."""
        metrics = {key: float(value) for key, value in (logs or {}).items()}
        seconds = time.monotonic() - self._began
        loss = metrics["val_loss"]
        if not math.isfinite(metrics["loss"]) or not math.isfinite(loss):
            raise ValueError(
                f"epoch {epoch + 1}: the loss is {metrics['loss']} (validation {loss}); lower train.learning_rate"
            )
        self.state.history.append(Epoch(epoch=epoch + 1, seconds=round(seconds, 3), metrics=metrics))
        if loss < self.state.best_loss:
            self.state.best_loss, self.state.best_epoch = loss, epoch + 1
        print(
            f"epoch {epoch + 1}/{self._epochs}: loss {metrics['loss']:.4f}, validation loss {loss:.4f}, "
            f"{shown(metrics, self._watched)}, {seconds:.1f} s",
            flush=True,
        )
        self._save()
        if self._early_stopping.stops(self.state):
            print(f"no better validation loss since epoch {self.state.best_epoch}: stopping", flush=True)

    def _save(self) -> None:
        if not self._writes:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        epoch = self.first_epoch
        self.model.save_weights(str(self._weights(epoch)))
        # The state names the weights, so it is written after them and replaced in one go: a job killed here resumes.
        partial = self.folder / f"{STATE}.partial"
        partial.write_text(self.state.model_dump_json())
        os.replace(partial, self.folder / STATE)
        kept = {self._weights(epoch), self._weights(self.state.best_epoch)}
        for path in set(self.folder.glob("epoch-*.weights.h5")) - kept:
            path.unlink()

    def _weights(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:05d}.weights.h5"


def shown(metrics: Mapping[str, float], watched: Mapping[str, str]) -> str:
    """Metrics of the validation in words.

    Args:
        metrics: Of an epoch.
        watched: The words by Keras' name.
    """
    return ", ".join(f"{words} {metrics[f'val_{name}']:.4f}" for name, words in watched.items())


def remove(folder: Path) -> None:
    """Deletes the checkpoints of a run, once its model is saved; other files stay.

    Args:
        folder: Of the run; each of its parts may have a folder in it.
    """
    for name in ("epoch-*.weights.h5", STATE, f"{STATE}.partial"):
        for path in folder.rglob(name):
            path.unlink(missing_ok=True)
    for part in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(part.iterdir()):
            part.rmdir()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
