"""Runs the trainer on KFP's artifacts."""

from pathlib import Path
from typing import Any

from components.train_model import figures
from earthline.config import Data, Train
from earthline.entry_point import section
from earthline.formats.manifest import Manifest
from trainer import distribution, heads, training
from trainer.description import CURVES, HISTORY, Description, require_match


def run(*, data: str, train: str, examples: Any, model: Any, metrics: Any) -> None:
    """The step. Artifacts are KFP's: `.path` is read and written, metrics are logged into them.

    The checkpoint lies in the model's own folder, which a restarted job finds again.

    Args:
        data: The config's section, as JSON.
        train: The config's section, as JSON.
        examples: Dataset (input).
        model: Folder (output) that `trainer.training.run` fills, and the learning curves with it.
        metrics: system.Metrics (output): metrics of the best epoch.

    Raises:
        AcceleratorError: The config asks for accelerators that are not there.
        ValueError: The examples were exported for other bands or labels, or a split is empty.
    """
    settings = section(Train, "train", train)
    distribution.require_accelerators(settings.accelerator_count)
    require_match(section(Data, "data", data), Manifest.read(Path(examples.path)))
    folder = Path(model.path)
    state = training.run(settings, Path(examples.path), folder)
    if not distribution.is_chief():
        return
    best = state.history[state.best_epoch - 1]
    for key, value in best.metrics.items():
        metrics.log_metric(key, value)
    metrics.log_metric("best_epoch", float(state.best_epoch))
    metrics.log_metric("epochs", float(len(state.history)))
    metrics.log_metric("seconds", sum(epoch.seconds for epoch in state.history))
    described = Description.read(folder)
    figures.learning_curves(folder / HISTORY, folder / CURVES, heads.find(described.task.name).watched)
    model.metadata["framework"] = "keras"
    model.metadata["parameters"] = described.parameters
    model.metadata["task"] = described.task.model_dump(mode="json")
