"""The learning curves as a picture."""

import json
from pathlib import Path

from matplotlib.figure import Figure


def learning_curves(history: Path, path: Path) -> None:
    """Draws loss and accuracy by epoch.

    Args:
        history: The trainer's `history.json`.
        path: PNG to write.
    """
    content = json.loads(history.read_text())
    epochs = [each["epoch"] for each in content["epochs"]]
    figure = Figure(figsize=(8, 3), layout="constrained")
    for place, (title, keys) in enumerate(
        {"loss": ("loss", "val_loss"), "accuracy": ("accuracy", "val_accuracy")}.items(), start=1
    ):
        axes = figure.add_subplot(1, 2, place)
        for key, name in zip(keys, ("training", "validation"), strict=True):
            axes.plot(epochs, [each["metrics"][key] for each in content["epochs"]], label=name)
        axes.axvline(content["best_epoch"], color="grey", linestyle=":", linewidth=1)
        axes.set_xlabel("epoch")
        axes.set_title(title, fontsize=11)
        axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)
